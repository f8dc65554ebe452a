"""README and docs/: short, with links that lead somewhere, pages that are in the site, and every setting."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.seeded import ROOT

TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")
PAGES = sorted([*TOP, *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))])
SITE = (ROOT / "mkdocs.yml").read_text("utf-8")
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")


def text(page: str) -> str:
    """A page without its code."""
    return re.sub(r"^```.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    here = ROOT / page
    for place, heading in LINK.findall(text(page)):
        there = (here.parent / place).resolve() if place else here
        assert there.exists(), place
        assert not heading or heading in anchors(there), heading


def test_the_readme_is_short_and_has_one_picture() -> None:
    body = (ROOT / "README.md").read_text("utf-8").partition("\n---\n")[2]
    assert len(body.split()) <= 900
    assert len(re.findall(r"!\[[^]]*\]\((?!https?:)", body)) == 1


def test_every_page_of_docs_is_in_the_site() -> None:
    named = set(re.findall(r"[\w/.-]+\.md", SITE))
    assert named == {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}


@pytest.mark.parametrize(
    "name",
    [name for page in PAGES for name in re.findall(r"^::: ([\w.]+)$", (ROOT / page).read_text("utf-8"), re.M)],
)
def test_what_the_reference_names_is_there(name: str) -> None:
    module, _, member = name.rpartition(".")
    assert hasattr(import_module(module), member) or import_module(name)


def test_every_setting_is_described() -> None:
    code = "".join(
        path.read_text("utf-8")
        for room in ("engines", "features", "demos", "cli")
        for path in (ROOT / room).rglob("*.py")
    )
    used = set(re.findall(r"\bSEMBLANCE_[A-Z]+\b", code))
    assert used and used <= set(re.findall(r"SEMBLANCE_[A-Z]+", (ROOT / "docs/settings.md").read_text("utf-8")))
