"""For the documentation site: links to files of the repository that lie outside docs/ lead to the repository."""

import re
from pathlib import PurePosixPath
from typing import Any

LINK = re.compile(r"\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Called by MkDocs for each page."""
    depth = len(PurePosixPath(page.file.src_uri).parent.parts)

    def outside(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        ups = target.count("../")
        if ups <= depth:
            return match[0]
        return f"]({config.repo_url}/blob/main/{target[3 * ups :]}{anchor})"

    return LINK.sub(outside, markdown)
