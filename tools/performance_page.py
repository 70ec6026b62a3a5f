"""The page on speed: the ratios that `make bench` has measured, kept or not, and how CPU time grows.

    python -m tools.performance_page    reads build/bench.json

Writes docs/performance.md between the marks that stand there, and docs/figures/growth.svg.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import plots
from kinds import ConfigError
from plots.growth_figure import draw
from tools.validation_page import put

HOME = Path(__file__).parents[1]


def write(bench: Path, docs: Path) -> None:
    """Puts what was measured on the page, and the figure beside it. Raises ConfigError where nothing was."""
    if not bench.is_file():
        raise ConfigError(f"{bench}: is no file; type make bench first")
    found = json.loads(bench.read_text(encoding="utf-8"))
    if not found["curves"]:
        raise ConfigError(f"{bench}: has no curves, as only some of the benchmarks ran; type make bench first")
    where = f"{found['machine']['cpu']}, {found['machine']['cores_allowed']} cores, {found['machine']['date'][:10]}"
    plots.save(draw(found["curves"], f"Measured by make bench: {where}."), docs / "figures", "growth", ("svg",))
    put(docs / "performance.md", "\n".join([f"Measured on {where}.", "", *_rows(found)]))


def _rows(found: Mapping[str, Any]) -> Iterator[str]:
    yield "| ratio | measured | promised | kept | of what |"
    yield "|---|---:|---:|---|---|"
    for one in found["ratios"]:
        bounds = (("≤", one["at_most"]), ("≥", one["at_least"]))
        promised = " ".join(f"{sign} {bound:.3g}" for sign, bound in bounds if bound is not None)
        kept = {True: "yes", False: "**no**", None: ""}[one["met"]]
        yield f"| {one['name']} | {one['value']:.3g} | {promised} | {kept} | {one['meaning']} |"
    for one in found["not_measured"]:
        yield f"| {one['bench'].partition('::')[2]} | not measured | | | {one['reason']} |"


if __name__ == "__main__":
    write(HOME / "build" / "bench.json", HOME / "docs")
