"""Any engine's tab alone: `python -m demos.search [ENGINE [FOLDER]]`, or this file from any folder."""

import sys
from pathlib import Path

if __name__ == "__main__":
    if not __package__:  # run as a file: Python looked for packages in this folder
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from demos.server.launch import alone

    alone(sys.argv[1] if len(sys.argv) > 1 else "colour", sys.argv[2:])
