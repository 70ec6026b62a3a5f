"""A real browser without a window: what a page becomes once its scripts have run, and what they complain of."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Shown:
    """The document after its scripts, and the lines on the console."""

    document: str
    console: list[str]


def shown(page: Path, fragment: str, scratch: Path) -> Shown:
    """Opens the page. Skips the test where there is no Chromium on PATH."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser on PATH (looked for {', '.join(NAMES)})")
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={scratch}")
    ran = subprocess.run(
        [found, *quiet, "--virtual-time-budget=2000", "--dump-dom", f"{page.resolve().as_uri()}{fragment}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return Shown(ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line])
