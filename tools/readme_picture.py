"""README's picture: how long one answer takes from the cloud alone, from the best scheme at the edge and from a drafter
in the cloud, on one link. Its numbers are those of the page "Phone or cloud" (`RaceTable`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

import plots
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import SCHEMES, styled
from scenarios.command.report.race_page import RacedScheme, RaceTable
from simulator.results.display_names import words_of

SET_UP: Final = "temperature 0, LTE"
RATE: Final = "1 Mbit/s"
BARS: Final = {"baseline": "cloud only", "edge": "phone drafts", "cloud": "cloud drafts"}
"""Label of the fastest scheme of each role, in the order of the bars."""
NAME: Final = "draft-or-not"
_ROW_IN: Final = 0.55
_WIDTH_IN: Final = 7.35
"""Width of README's column, in inches of 100 dots."""


@dataclass(frozen=True)
class Answer:
    """Answer under one scheme."""

    label: str
    colour: str
    seconds: float
    half_s: float
    """Half-width of its 95% interval, in seconds; 0 if all seeds agree."""
    note: str
    """Comparison with the first bar, in words; "" for the first itself."""


def draw_picture(table: RaceTable, folder: Path) -> None:
    """Writes the picture of the table into `folder`, as svg."""
    group = next(place for place, words in enumerate(table.groups) if SET_UP in words.values())
    at = table.values.index(RATE)
    there = [each for each in table.schemes if each.group == group]
    fastest = [
        min((each for each in there if each.role == role), key=lambda each: each.mean[at] or float("inf"))
        for role in BARS
    ]
    answers = [_answer(label, each, at, table.tokens) for label, each in zip(BARS.values(), fastest, strict=True)]
    phone, cloud = (_saved(each, at) for each in fastest[1:])
    title = f"Over LTE at {RATE} the time saved is {phone} if the phone drafts, {cloud} if the cloud does"
    caption = (
        f"One answer of {table.tokens} tokens at temperature 0, Llama-3.2-1B for Llama-3.3-70B, code editing. "
        f"Whiskers: 95% over {table.seeds} seeds. {table.scenario}, {table.made}"
    )
    page = Page()
    with styled(page):
        figure = draw_answers(answers, Wording(title, caption, "seconds"), page)
        plots.save(figure, folder, NAME, ("svg",))


def _answer(label: str, scheme: RacedScheme, at: int, tokens: int) -> Answer:
    colour, _ = SCHEMES[words_of(scheme.scheme)[0]]
    mean, half = scheme.mean[at], scheme.ci[at]
    assert mean is not None
    ratio, low, high = scheme.ratio[at], scheme.low[at], scheme.high[at]
    note = ""
    if ratio is not None and low is not None and high is not None:
        note = f"{100 * (ratio - 1):+.0f}% ({100 * (low - 1):+.0f} to {100 * (high - 1):+.0f})"
    return Answer(label, colour, tokens * mean, tokens * (half or 0.0), note)


def _saved(scheme: RacedScheme, at: int) -> str:
    ratio, low, high = scheme.ratio[at], scheme.low[at], scheme.high[at]
    assert ratio is not None and low is not None and high is not None
    return "not seen" if low <= 1 <= high else f"{1 - ratio:.0%}"


def draw_answers(answers: Sequence[Answer], wording: Wording, page: Page) -> Figure:
    """Draws a bar per answer, the first at the top, each with its label, seconds and note at the bar's end."""
    figure = page.figure(_WIDTH_IN, _ROW_IN * len(answers) + 0.3)
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
