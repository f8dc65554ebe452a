"""Opens one tab of the app alone: `python -m demos.style [FOLDER]`."""

from __future__ import annotations

import sys

from demos.server.gradio_environment import prepare
from engines import SemblanceError


def alone(name: str, arguments: list[str]) -> None:
    """Opens a tab of pictures in a folder, or of the samples if none is named; see `demos.suite.open_tab`.

    Args:
        name: The tab's name.
        arguments: The command line, without the program's name.
    """
    try:
        prepare()
        from demos.suite import open_tab

        open_tab(name, arguments)
    except SemblanceError as error:
        sys.exit(str(error))
