"""Engines: what an image means. One file each; see base.py for the contract."""

from engines.base import (
    Box,
    Card,
    Crop,
    Engine,
    NotEmbeddable,
    Parted,
    SemblanceError,
    VectorPart,
    Verifier,
    WeightsError,
    broken,
    create,
    discover,
    fingerprint,
    register,
    unit_rows,
)

__all__ = [
    "Box",
    "Card",
    "Crop",
    "Engine",
    "NotEmbeddable",
    "Parted",
    "SemblanceError",
    "VectorPart",
    "Verifier",
    "WeightsError",
    "broken",
    "create",
    "discover",
    "fingerprint",
    "register",
    "unit_rows",
]
