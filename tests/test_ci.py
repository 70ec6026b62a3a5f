"""`.ci/run` says whether there is a browser, counts the tests that ran in it, and fails without one if it must."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from browser import shown

CI = Path(__file__).parents[1] / ".ci" / "run"
TOOLS = ("bash", "dirname", "mktemp", "sort", "wc", "rm", "id")
TESTS = (
    'case $1 in test) printf "a (call)\\na (call)\\nb (call)\\n" >>"$SQSIM_BROWSER_LOG"; exit "${FAILS:-0}";; esac\n'
)


def ran(folder: Path, *programs: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script on a machine that has these programs, which do nothing, and a `make` whose tests open a browser."""
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, body in {"make": TESTS, **dict.fromkeys(programs, "")}.items():
        (folder / name).write_text(f"#!{shutil.which('bash')}\n{body}")
        (folder / name).chmod(0o755)
    return subprocess.run([str(CI)], env={"PATH": str(folder), **variables}, capture_output=True, text=True)


def test_a_machine_without_a_browser_says_so_and_goes_on(tmp_path: Path) -> None:
    done = ran(tmp_path)
    lines = ["browser: not installed, no apt-get here", "browser: none, its tests cannot run"]
    assert done.returncode == 0 and done.stdout.splitlines()[:2] == lines


def test_a_machine_without_a_browser_fails_if_it_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = ran(tmp_path, SQSIM_BROWSER="required")
    assert done.returncode == 1 and "tests ran" not in done.stdout
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    monkeypatch.setitem(os.environ, "SQSIM_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="no browser on PATH"):
        shown(tmp_path / "page.html", "", tmp_path)


def test_it_counts_the_tests_that_ran_in_the_browser_and_keeps_their_status(tmp_path: Path) -> None:
    done = ran(tmp_path, "chromium", FAILS="2")
    assert done.returncode == 2 and done.stdout.splitlines()[-1] == "browser: 2 tests ran in it"
