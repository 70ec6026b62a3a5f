"""Text in columns: how numbers with intervals are written, in which order rows stand, blocks that fit a terminal."""

from __future__ import annotations

import math
import shutil
import textwrap

import pandas as pd

WIDTH = 100


def screen_width() -> int:
    """Returns the terminal's columns; WIDTH where there is none, and never less than 40."""
    return max(40, shutil.get_terminal_size((WIDTH, 24)).columns)


def wrapped(line: str, width: int = WIDTH) -> str:
    """A sentence as lines of at most `width` columns, those after the first set in."""
    return textwrap.fill(line, width, subsequent_indent="    ")


def number(mean: float, half_width: float = math.nan) -> str:
    """`43.5 ±3.9`, three digits of the mean; no half-width where there is none."""
    digits = 1 if not mean else min(4, max(0, 2 - math.floor(math.log10(abs(mean)))))
    return f"{mean:,.{digits}f}" + ("" if math.isnan(half_width) else f" ±{half_width:,.{digits}f}")


def rows_along(table: pd.DataFrame, axis: str | None) -> list[tuple[object, pd.DataFrame]]:
    """The rows at each value of the axis: numbers ascending, names in order of appearance."""
    if axis is None:
        return [(None, table)]
    return list(table.groupby(axis, sort=bool(pd.api.types.is_numeric_dtype(table[axis]))))


def aligned(header: list[str], body: list[list[str]], width: int = WIDTH) -> str:
    """Columns padded to their widest entry, first to the left, others to the right; blocks of at most `width`."""
    # By hand: tabulate and rich make no blocks, pandas' to_string does but leaves one space here and two there.
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    blocks: list[list[int]] = [[]]
    used = widths[0]
    for i in range(1, len(header)):
        if blocks[-1] and used + 2 + widths[i] > width:
            blocks.append([])
            used = widths[0]
        blocks[-1].append(i)
        used += 2 + widths[i]
    return "\n\n".join(
        "\n".join(
            "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in block)]).rstrip()
            for row in [header, *body]
        )
        for block in blocks
    )
