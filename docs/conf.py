"""The pages as a site: README.md first, those of docs/, and the API from the docstrings. `make docs` builds it.

The source folder is the repository itself, so that a link that works between two files works between their pages.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from docstrings import fields_of, restructured  # noqa: E402

import sqsim  # noqa: E402

project, author, release = "sqsim", "The sqsim authors", sqsim.__version__
project_copyright = author
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "README"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "THIRD_PARTY_NOTICES.md",
    "docs/*.md",
    "docs/*/*.md",
]
html_theme = "furo"
html_title = f"sqsim {release}"
html_copy_source = False
html_search_scorer = "scorer.js"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config, kinds"}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
myst_enable_extensions = ["html_image"]
GROUPS = {
    "Start here": ["tutorial", "findings", "gallery/README"],
    "How to": ["own_parts", "own_numbers", "links_and_devices", "serving"],
    "Explanation": ["how_it_works", "schemes", "trust"],
    "Reference": ["reference", "commands", "metrics", "api/index"],
}
"""The pages of docs/ by what a reader comes for, in the order of the side bar."""
PROJECT = ["CONTRIBUTING", "CHANGELOG", "THIRD_PARTY_NOTICES"]
DRAWN = sorted(page.stem for page in Path(__file__).parent.glob("gallery/*.md") if page.stem != "README")
MORE = {
    "README": {**{group: [f"/docs/{page}" for page in pages] for group, pages in GROUPS.items()}, "Project": PROJECT},
    "docs/api/index": {"": ["parts", "wire", "scenarios"]},
    "docs/gallery/README": {"": DRAWN},
}
"""The contents of the pages that have others below them, by heading."""


def add_contents(app: Any, page: str, source: list[str]) -> None:
    """Tables of contents for the side bar, one a group; the file itself reads without them."""
    for caption, pages in MORE.get(page, {}).items():
        head = f":caption: {caption}\n" if caption else ""
        source[0] += f"\n```{{toctree}}\n:hidden:\n{head}\n" + "\n".join(pages) + "\n```\n"


def write_docstring(app: Any, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Our docstrings are plain text with `code` in it; a part's fields follow."""
    lines[:] = [*restructured(lines), *fields_of(thing)]


def drop_fields(app: Any, what: str, name: str, thing: object, options: Any, told: str, returned: str) -> object:
    """A part is made by its fields, which are listed below it."""
    return ("", "") if what == "class" and hasattr(thing, "model_fields") else None


def setup(app: Any) -> None:
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", write_docstring)
    app.connect("autodoc-process-signature", drop_fields)
