"""Side-by-side measurements: `python -m benchmarks` runs all parts, `python -m benchmarks PART...` some of them.

A part is one module of this package with `rows(scratch)`, which yields its figures as they come.
"""

PARTS = (
    "search",
    "recommending",
    "remote",
    "start",
    "gallery",
    "visitors",
    "detection",
    "limit",
    "indexing",
    "style",
    "adding",
    "duplicates",
    "ray",
    "footprint",
    "memory",
)
"""In the order in which they run: short ones first."""
