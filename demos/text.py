"""The tab Words alone: `python -m demos.text [FOLDER]`, or this file from any folder."""

import sys
from pathlib import Path

if __name__ == "__main__":
    if not __package__:  # run as a file: Python looked for packages in this folder
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from demos.server.launch import alone

    alone("text", sys.argv[1:])
