"""Parts of a page that opens offline, with its scripts and data in it (`report`, `report --race`, `play`)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def environment(package: str) -> Environment:
    """Returns the environment of a package's `templates`: all that is filled in is escaped, and has to be there."""
    loader = PackageLoader(package, "templates")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip


def in_a_script(json_text: str) -> Markup:
    """Returns JSON that ends no element, whatever names are in it."""
    return Markup(json_text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def digest(text: str) -> str:
    """Returns the SHA-256 of a script or style, in base64, by which the page's policy admits it."""
    return b64encode(sha256(text.encode()).digest()).decode()
