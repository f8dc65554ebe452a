"""Look-alike: the same face. The generic tab; run it alone with `python -m demos.lookalike [FOLDER]`."""

from demos.search import tab

__all__ = ["tab"]

if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("lookalike", sys.argv[1:])
