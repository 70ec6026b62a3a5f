"""Parts of a page that opens offline, with its scripts and data in it (`report`, `report --race`, `play`)."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kinds.files import atomically
from simulator.results.result_directory import record


def write_page(out: Path, text: str, folder: Path | None) -> Path:
    """Writes a page, as a file of the result directory `folder` if it is of one; returns where. A link there is
    replaced, not followed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    atomically(out, partial(Path.write_text, data=text, encoding="utf-8"))
    if folder is not None:
        record(folder, [out])
    return out


def environment(package: str) -> Environment:
    """Returns the environment of a package's `templates`: all that is filled in is escaped, and has to be there."""
    loader = PackageLoader(package, "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def in_a_script(json_text: str) -> Markup:
    """Returns JSON that ends no element, whatever names are in it."""
    return Markup(json_text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def digest(text: str) -> str:
    """Returns the SHA-256 of a script or style, in base64, by which the page's policy admits it."""
    return b64encode(sha256(text.encode()).digest()).decode()
