"""One way for the benchmarks to report: each tells its ratios, and the session ends with one table of them all.

    def test_twelve_rates(ratio):
        ...
        ratio("twelve rates / one rate", twelve_s / one_s, at_most=1.15, meaning="CPU seconds of a sweep")

The table goes to stdout, the same with the machine's description to `build/bench.json`. A promise that is not kept
fails no bench, so that all are measured: the last lines name each, and the exit status is 1. A bench that was skipped
or failed has a line.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from promises import Curve, NotMeasured, Ratio, curve_lines, machine, missed, table

PROPERTY = "ratio"
CURVE = "curve"


@pytest.fixture
def ratio(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Tells one ratio: `ratio(name, value, meaning=..., at_most=..., at_least=...)`; the bounds are the promise."""

    def tell(
        name: str, value: float, *, meaning: str, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        one = Ratio(name, float(value), at_most, at_least, meaning, request.node.nodeid)
        request.node.user_properties.append((PROPERTY, asdict(one)))

    return tell


@pytest.fixture
def curve(request: pytest.FixtureRequest, ratio: Callable[..., None]) -> Callable[..., None]:
    """Tells how CPU time grows: `curve(name, of_what, {size: cpu_s}, at_most=1.1)`; the bound is of the exponent."""

    def tell(name: str, of_what: str, cpu_s: Mapping[int, float], *, at_most: float | None = None) -> None:
        one = Curve(name, of_what, tuple(cpu_s), tuple(cpu_s.values()))
        request.node.user_properties.append((CURVE, asdict(one)))
        ends = f"{one.sizes[0]:,} to {one.sizes[-1]:,} {of_what}"
        ratio(f"growth of {name}, {of_what}", one.exponent, at_most=at_most, meaning=f"exponent of CPU time, {ends}")

    return tell


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The exit status is 1 where a promise is not kept."""
    if session.exitstatus == pytest.ExitCode.OK and missed(_ratios(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Names the promises that are not kept, below all else."""
    for line in missed(_ratios(config)):
        print(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table and writes the JSON, where any bench of this folder told a ratio."""
    ratios = _ratios(config)
    missing = [NotMeasured(each.nodeid, _reason(each)) for each in _reports(config) if not each.passed]
    if not ratios:
        return
    here = machine()
    terminalreporter.section("ratios promised")
    terminalreporter.write_line(table(ratios, missing))
    terminalreporter.write_line("".join(f"\n{name}: {value}" for name, value in here.items()))
    grown = [Curve(**one) for one in _told(config, CURVE)]
    for line in curve_lines(grown):
        terminalreporter.write_line(f"\n{line}")
    path = config.rootpath / "build" / "bench.json"
    rows = [{**asdict(one), "met": one.met} for one in ratios]
    lines = [{**asdict(one), "exponent": one.exponent} for one in grown]
    _write(path, {"machine": here, "ratios": rows, "curves": lines, "not_measured": [asdict(one) for one in missing]})
    terminalreporter.write_line(f"\nwritten: {path}")


def _reports(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    kinds = ("passed", "failed", "skipped", "error") if reporter else ()
    return [each for kind in kinds for each in reporter.getreports(kind)]


def _ratios(config: pytest.Config) -> list[Ratio]:
    return [Ratio(**one) for one in _told(config, PROPERTY)]


def _told(config: pytest.Config, what: str) -> list[dict[str, Any]]:
    """All of one kind that were told, also by a bench that failed afterwards."""
    told = (each.user_properties for each in _reports(config) if each.when == "call")
    return [one for properties in told for name, one in properties if name == what]


def _reason(report: pytest.TestReport) -> str:
    """What was said of a skip, or the first line of an error."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else report.longreprtext).strip().partition("\n")[0]


def _write(path: Path, bench: dict[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(bench, indent=1) + "\n")
