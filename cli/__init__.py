"""The command line: one module per group of commands, assembled in `cli.main`."""

import sys

__version__ = "0.2.0"

LEAST_MEMORY = 600 << 20  # bytes: with less to map, OpenCV ends the process as it is loaded


def _check_memory() -> None:
    """Exits with one sentence, before anything large is imported, where a limit leaves too little memory."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY:
        sys.exit(
            f"There is not enough memory: the limit is {limit >> 20} MB; raise it to 2000 MB or more "
            "(ulimit -v 2000000), then try again."
        )


_check_memory()
