"""A page as a browser shows it after a script of a test has pressed its keys."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from browser import Shown, shown


def driven(page: Path, script: str, scratch: Path, fragment: str = "") -> Shown:
    """Opens the page with one script more at its end, which its policy is told of; `press(KEY)` presses a key. What the
    script hands to `note` is in the attribute data-noted of the document, a line each."""
    helpers = (
        "const press = (key, at) => (at || document.body).dispatchEvent("
        "new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));"
        "const noted = []; const note = (text) => { noted.push(text);"
        "document.documentElement.setAttribute('data-noted', noted.join('|')); };"
    )
    whole = f"{helpers}{script}"
    digest = b64encode(sha256(whole.encode()).digest()).decode()
    text = page.read_text(encoding="utf-8").replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    driven_page = scratch / "driven.html"
    driven_page.write_text(text.replace("</body>", f"<script>{whole}</script>\n</body>"), encoding="utf-8")
    return shown(driven_page, fragment, scratch / "profile")


def noted(found: Shown) -> list[str]:
    """What the script has noted."""
    written = re.search(r'data-noted="([^"]*)"', found.document)
    assert written is not None, "the script has noted nothing"
    return written[1].split("|")
