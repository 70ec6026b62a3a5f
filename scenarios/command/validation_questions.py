"""Questions to a table of the study `validation`: the real system beside the simulated one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

CELL = "uplink.label"
"""The field that names the cells of the scenario."""


@dataclass(frozen=True)
class RealBesideSimulated:
    """Time per token and to the first token of both systems, and each part of the breakdown, with their errors."""

    name: str = "real_beside_simulated"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row a cell, all quantities."""
        from simulator.results.validation_errors import errors

        return errors(cells, [CELL])

    def printed(self, cells: pd.DataFrame) -> str:
        """Times in ms, the simulated one's error beside each; then the parts of the breakdown that matter."""
        from scenarios.command.aligned_columns import aligned

        rows = self.rows(cells)
        if rows.empty:
            return ""
        return "\n\n".join(
            [
                "The real system, ms, and how far the simulated one is from it:",
                aligned(["cell", *TIMES.values(), "answers that differ"], [_times(row) for _, row in rows.iterrows()]),
                f"Parts of the time per token, ms, real / simulated (those of {100 * LEAST:.0f}% or more):",
                *(_parts(row) for _, row in rows.iterrows()),
            ]
        )


TIMES = {
    "latency_per_token_s": "mean a token",
    "latency_per_token_p50_s": "p50",
    "latency_per_token_p90_s": "p90",
    "latency_per_token_p99_s": "p99",
    "ttft_s": "first token",
}
LEAST = 0.01
"""Of the time per token: smaller parts are in the file only."""


def _times(row: pd.Series) -> list[str]:
    from simulator.results.validation_errors import OTHER_ANSWERS

    told = [f"{1e3 * row[f'{name}_real']:.1f} {100 * row[f'{name}_error']:+.1f}%" for name in TIMES]
    return [str(row[CELL]), *told, str(row[OTHER_ANSWERS])]


def _parts(row: pd.Series) -> str:
    from simulator.results.columns import BREAKDOWN

    whole = row["latency_per_token_s_real"]
    parts = {name: (row[f"{name}_real"], row[f"{name}_simulated"]) for name in BREAKDOWN if f"{name}_real" in row}
    shown = [
        f"{name.removesuffix('_s').replace('_', ' ')} {1e3 * real:.1f} / {1e3 * made:.1f}"
        for name, (real, made) in parts.items()
        if max(real, made) >= LEAST * whole
    ]
    return f"  {row[CELL]}: {', '.join(shown)}"


@dataclass(frozen=True)
class SameAnswers:
    """Are the committed tokens those of the simulated system, in every request of every cell?"""

    metric: str = "other_answers"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.validation_errors import OTHER_ANSWERS, errors

        rows = errors(table, [CELL, "seed"])
        if rows.empty:
            return ""
        wrong = rows[rows[OTHER_ANSWERS] > 0]
        if wrong.empty:
            return f"Every answer of the {rows[CELL].nunique()} cells has the simulated one's tokens"
        return f"Answers whose tokens differ: {int(wrong[OTHER_ANSWERS].sum())}, in {', '.join(wrong[CELL].unique())}"


@dataclass(frozen=True)
class Errors:
    """How large is the simulated system's error of this quantity, the median over cells and the largest?"""

    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.units import title
        from simulator.results.validation_errors import errors

        rows = errors(table, [CELL])
        if rows.empty:
            return ""
        found = rows[f"{self.metric}_error"]
        error, cell = max(zip(found, rows[CELL], strict=True), key=lambda each: abs(each[0]))
        return (
            f"{title(self.metric)}, simulated against real: median error {100 * found.abs().median():.1f}% over "
            f"{len(found)} cells, largest {100 * error:+.1f}% ({cell})"
        )
