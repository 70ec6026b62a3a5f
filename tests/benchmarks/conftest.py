"""One way for the benchmarks to report: each tells its ratios, and the session ends with one table of them all.

    def test_twelve_rates(ratio):
        ...
        ratio("twelve rates / one rate", twelve_s / one_s, at_most=1.15, meaning="CPU seconds of a sweep")

The table goes to stdout, the same with the machine's description to `build/bench.json`. Whether a promise is kept is
said there and never asserted: a busy machine is no fault of the code. A bench that was skipped or failed has a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from promises import NotMeasured, Ratio, machine, table

PROPERTY = "ratio"


@pytest.fixture
def ratio(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Tells one ratio: `ratio(name, value, meaning=..., at_most=..., at_least=...)`; the bounds are the promise."""

    def tell(
        name: str, value: float, *, meaning: str, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        one = Ratio(name, float(value), at_most, at_least, meaning, request.node.nodeid)
        request.node.user_properties.append((PROPERTY, asdict(one)))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table and writes the JSON, where any bench of this folder told a ratio."""
    reports = [each for key in ("passed", "failed", "skipped", "error") for each in terminalreporter.getreports(key)]
    told = [one for each in reports if each.when == "call" for name, one in each.user_properties if name == PROPERTY]
    ratios = [Ratio(**one) for one in told]
    missing = [NotMeasured(each.nodeid, _reason(each)) for each in reports if not each.passed]
    if not ratios:
        return
    here = machine()
    terminalreporter.section("ratios promised")
    terminalreporter.write_line(table(ratios, missing))
    terminalreporter.write_line("".join(f"\n{name}: {value}" for name, value in here.items()))
    path = config.rootpath / "build" / "bench.json"
    rows = [{**asdict(one), "met": one.met} for one in ratios]
    _write(path, {"machine": here, "ratios": rows, "not_measured": [asdict(one) for one in missing]})
    terminalreporter.write_line(f"\nwritten: {path}")


def _reason(report: pytest.TestReport) -> str:
    """What was said of a skip, or the first line of an error."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else report.longreprtext).strip().partition("\n")[0]


def _write(path: Path, bench: dict[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(bench, indent=1) + "\n")
