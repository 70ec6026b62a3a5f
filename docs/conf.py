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
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config, kinds"}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
PAGES = [
    "scenarios", "gallery/README", "schemes", "how_it_works", "metrics", "limits", "own_parts", "examples", "codec",
    "looking_inside", "validation", "clusters", "api/index",
]  # fmt: skip
MORE = {
    "README": [*(f"/docs/{page}" for page in PAGES), "CONTRIBUTING", "CHANGELOG", "THIRD_PARTY_NOTICES"],
    "docs/api/index": ["parts", "wire", "scenarios"],
}
"""The contents of the two pages that have others below them."""


def add_contents(app: Any, page: str, source: list[str]) -> None:
    """A table of contents for the side bar; the file itself reads without one."""
    if page in MORE:
        source[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(MORE[page]) + "\n```\n"


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
