"""Figure of one answer: a bar per scheme, as long as the answer takes, with what it saves beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.figure import Figure

from plots.layout import Wording, finish
from plots.page import Page

ROW_IN: Final = 0.55
WIDTH_IN: Final = 7.35
"""Width of README's column, in inches of 100 dots."""


@dataclass(frozen=True)
class Answer:
    """One answer under a scheme."""

    label: str
    colour: str
    seconds: float
    half_s: float
    """Half-width of its 95% interval, in seconds; 0 if all seeds agree."""
    note: str
    """Comparison with the first bar, in words; "" for the first itself."""


def draw_answers(answers: Sequence[Answer], wording: Wording, page: Page) -> Figure:
    """Draws a bar per answer, the first at the top, each with its label, seconds and note at the bar's end."""
    figure = page.figure(WIDTH_IN, ROW_IN * len(answers) + 0.3)
    ax = figure.subplots()
    longest = max(each.seconds + each.half_s for each in answers)
    for row, each in enumerate(answers):
        ax.barh(row, each.seconds, height=0.62, color=each.colour, xerr=each.half_s or None, ecolor="#555555")
        end = each.seconds + each.half_s
        text = f"{each.seconds:.1f} s" + (f", {each.note}" if each.note else "")
        ax.annotate(text, (end, row), xytext=(6, 0), textcoords="offset points", va="center", fontsize="medium")
    ax.set_yticks(range(len(answers)), [each.label for each in answers], fontsize="medium")
    ax.set(xlim=(0, 1.45 * longest), ylim=(len(answers) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    return finish(figure, page, wording)
