"""A real browser without a window: what a page becomes once its scripts have run, and what they complain of."""

import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from parsed_page import parsed

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SAYS_ALWAYS = re.compile(r"\[bokeh [\d.]+\] document idle at ")
"""A line of the library that draws, which is no complaint."""


@dataclass(frozen=True)
class Shown:
    """The document after its scripts, and the lines on the console."""

    document: str
    console: list[str]


def shown(page: Path, fragment: str, scratch: Path, *, width: int = 1280, dark: bool = False) -> Shown:
    """Opens the page. Without a Chromium on PATH the test is skipped; it fails if SQSIM_BROWSER is `required`. A test
    that opens one adds its name to the file SQSIM_BROWSER_LOG, if there is one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        lacking = pytest.fail if os.environ.get("SQSIM_BROWSER") == "required" else pytest.skip
        lacking(f"no browser on PATH (looked for {', '.join(NAMES)})")
    if log := os.environ.get("SQSIM_BROWSER_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(os.environ["PYTEST_CURRENT_TEST"] + "\n")
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={scratch}")
    # A window is 500 px wide at least; a screen need not be.
    looks = (
        "--start-fullscreen",
        f"--screen-info={{{width}x900}}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
    )
    ran = subprocess.run(
        [found, *quiet, *looks, "--virtual-time-budget=6000", "--dump-dom", f"{page.resolve().as_uri()}{fragment}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line and not _SAYS_ALWAYS.search(line)]
    return Shown(ran.stdout, console)


def driven(
    page: Path, script: str, scratch: Path, fragment: str = "", *, width: int = 1280, dark: bool = False
) -> dict[str, Any]:
    """What a script finds in the page once its plots are drawn: `script` fills `found`, waiting by `await settled()`,
    pressing keys by `press(KEY)`. And its document in the end. Nothing may be on the console."""
    text = page.read_text(encoding="utf-8")
    driver = f"""(async () => {{
      const settled = () => new Promise((done) => setTimeout(done, 300)), found = {{}};
      const press = (key, at) => (at || document.body).dispatchEvent(
        new KeyboardEvent("keydown", {{ key, bubbles: true, cancelable: true }}));
      for (let tries = {0 if "Bokeh" in text else 10}; document.body.dataset.drawn !== "yes" && tries < 10; tries++)
        await settled();
      {script}
      document.body.dataset.found = JSON.stringify(found);
    }})();"""
    digest = b64encode(sha256(driver.encode()).digest()).decode()
    text = text.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    copy = scratch / "driven.html"
    copy.write_text(text.replace("</body>", f"<script>{driver}</script></body>"), encoding="utf-8")
    after = shown(copy, fragment, scratch / "profile", width=width, dark=dark)
    assert after.console == [], after.console
    (body,) = parsed(after.document).all("body")
    return {**json.loads(body.attributes["data-found"]), "document": after.document}
