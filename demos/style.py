"""Style: the same brush. The generic tab; run it alone with `python -m demos.style [FOLDER]`."""

from demos.search import tab

__all__ = ["tab"]

if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("style", sys.argv[1:])
