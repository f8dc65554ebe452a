"""Runs Semblance: `python app.py [COMMAND] ...`; `python app.py --help` lists the commands."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
