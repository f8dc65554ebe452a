"""How a person is told to install what is optional."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

import pytest

from engines import extras


@pytest.fixture(params=[False, True], ids=["sources", "distribution"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    def version(name: str) -> str:
        if not request.param:
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    extras._is_installed.cache_clear()
    yield request.param
    extras._is_installed.cache_clear()


@pytest.mark.parametrize(
    ("extra", "requirement", "from_sources", "as_distribution"),
    [
        ("semantic", "", "pip install -r requirements-semantic.txt", 'pip install "semblance[semantic]"'),
        ("map", "umap-learn>=1", 'pip install "umap-learn>=1"', 'pip install "semblance[map]"'),
        ("", "usearch>=2", 'pip install "usearch>=2"', 'pip install "usearch>=2"'),
    ],
)
def test_a_distribution_has_extras_and_sources_have_requirements(
    installed: bool, extra: str, requirement: str, from_sources: str, as_distribution: str
) -> None:
    assert extras.install(extra, requirement) == (as_distribution if installed else from_sources)


def test_a_missing_package_is_one_sentence() -> None:
    assert extras.missing("X", "", "x>=1") == 'X is not installed; run: pip install "x>=1".'
