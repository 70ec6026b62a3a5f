"""Sequence diagram of a request: lifelines of edge, uplink, cloud and downlink, time downwards.

A box on a lifeline is work or a transmission, a narrow one to its left is waiting for it. An arrow is a message, of
each round in a colour and dashes of its own, with a cross where it is lost. A round that was drafted for nothing is
grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Final, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from plots.breakdown_figures import looks_of
from plots.layout import Key, Wording, finish
from plots.page import Page
from simulator.results.columns import BREAKDOWN
from simulator.results.observer import Airing
from simulator.results.spans import RoundTimeline, Span, Timeline
from simulator.results.units import state_name

LIFELINES: Final = ("edge", "uplink", "cloud", "downlink")
MOST_ROUNDS: Final = 3  # drawn where none are asked for
_EDGE, _UPLINK, _CLOUD, _DOWNLINK = range(4)
_WIDE, _NARROW = 0.1, 0.05
_STYLES: Final = (
    ("#0072B2", "-"),
    ("#D55E00", (0, (5, 2))),
    ("#007a56", (0, (1.5, 1.5))),
    ("#8a3d70", (0, (6, 2, 1.5, 2))),
)
_GREY: Final = "#8a8a8a"
_GAP: Final = 0.028  # between two labels beside each other, as a share of the height


class Arrow(NamedTuple):
    """A message on its way between two lifelines; `again`: not its first attempt."""

    start: int
    end: int
    from_s: float
    to_s: float
    round: int
    lost: bool = False
    again: bool = False


class Box(NamedTuple):
    """State of a lifeline; `waits`: a queue beside it."""

    lifeline: int
    began_s: float
    ended_s: float
    state: str
    waits: bool = False
    vain: bool = False


class Label(NamedTuple):
    """Words beside a lifeline."""

    at_s: float
    text: str
    bold: bool = False


def draw_sequence(made: Timeline, rounds: tuple[int, int] | None, page: Page) -> Figure | None:
    """The diagram of these rounds, of the first ones by default; None where none of them has begun."""
    chosen = made.between(*rounds) if rounds is not None else list(made.rounds[:MOST_ROUNDS])
    if not chosen:
        return None
    with_prompt = chosen[0].number == made.rounds[0].number
    drawing = _Drawing(made, chosen, with_prompt)
    height = 2.0 + min(9.0, 1.3 * len(chosen) + 0.35 * len(drawing.arrows) / 2)
    figure = page.figure(7.6, height)
    ax = figure.subplots()
    drawing.draw(ax)
    request = made.request
    title = f"Request {request.number} of device {request.device}, " + _named(chosen)
    return finish(figure, page, Wording(title, _caption(made), beside="ms since the request came"), drawing.key())


class _Drawing:
    """Boxes, arrows and words of some rounds, times in seconds since the run began."""

    def __init__(self, made: Timeline, rounds: Sequence[RoundTimeline], with_prompt: bool) -> None:
        self._made = made
        self._rounds = rounds
        self._vain = {each.number for each in rounds if each.spans.record.flushed}
        self.boxes = [box for each in rounds for box in _boxes(made, each)]
        reads = [Box(_EDGE, read.began_s, read.ended_s, "prefill_s") for read in made.request.read]
        until_s = max(each.spans.ended_s for each in rounds)
        self.reading = [box for box in reads if box.began_s < until_s and box.ended_s > rounds[0].began_s]
        """What the drafter reads while the cloud decodes: cut off where it goes on beyond these rounds."""
        self.arrows = [arrow for each in rounds for arrow in _arrows(each)]
        self.left = [label for each in rounds for label in _edge_labels(each)]
        self.right = [label for each in rounds for label in _verification_results(each)]
        if with_prompt:
            self.boxes += _prompt_boxes(made)
            self.arrows += [arrow for each in made.prompt for arrow in _message(each, _EDGE, _UPLINK, _CLOUD)]
            self.left += [Label(each.joined_s, "prompt") for each in made.prompt[:1]]

    def draw(self, ax: Axes) -> None:
        began_s, ended_s = self._span()
        ax.set_xlim(-1.3, 3.9)
        ax.set_ylim(self._ms(ended_s + 0.03 * (ended_s - began_s)), self._ms(began_s - 0.03 * (ended_s - began_s)))
        for place, name in enumerate(LIFELINES):
            ax.axvline(place, color="#bbbbbb", linewidth=0.8, zorder=0)
            ax.text(place, 1.01, name, transform=ax.get_xaxis_transform(), ha="center", va="bottom")
        for box in (*self.boxes, *self.reading):
            self._box(ax, box)
        for arrow in self.arrows:
            self._arrow(ax, arrow)
        self._labels(ax, self.left, -0.12, "right", "center")
        self._labels(ax, self.right, _CLOUD + 0.1, "left", "bottom")
        ax.set_xticks([])
        ax.grid(visible=False)
        ax.spines["bottom"].set_visible(False)

    def key(self) -> Key:
        there = {box.state for box in (*self.boxes, *self.reading)}
        key: list[tuple[str, Artist]] = [
            (state_name(state),
             Patch(facecolor=colour, hatch=hatch, hatchcolor=ink, edgecolor="#555555", linewidth=0.5))
            for state, (colour, hatch, ink) in looks_of(BREAKDOWN).items() if state in there
        ]  # fmt: skip
        for each in self._rounds:
            colour, dashes = self._style(each.number)
            wasted = ", wasted" if each.number in self._vain else ""
            key.append((f"round {each.number}{wasted}", Line2D([], [], color=colour, linestyle=dashes)))  # type: ignore[arg-type]
        return key

    def _span(self) -> tuple[float, float]:
        times = [time for box in self.boxes for time in (box.began_s, box.ended_s)]
        times += [time for arrow in self.arrows for time in (arrow.from_s, arrow.to_s)]
        times += [label.at_s for label in (*self.left, *self.right)]
        return min(times), max(times)

    def _ms(self, time_s: float) -> float:
        return 1e3 * (time_s - self._made.request.arrival_s)

    def _style(self, number: int) -> tuple[str, object]:
        colour, dashes = _STYLES[(number - self._rounds[0].number) % len(_STYLES)]
        return (_GREY if number in self._vain else colour), dashes

    def _box(self, ax: Axes, box: Box) -> None:
        colour, hatch, ink = looks_of(BREAKDOWN)[box.state]
        width = _NARROW if box.waits else _WIDE
        left = box.lifeline - _WIDE / 2 - (_NARROW if box.waits else 0.0)
        top, tall = self._ms(box.began_s), 1e3 * (box.ended_s - box.began_s)
        ax.add_patch(
            Rectangle(
                (left, top), width, tall, facecolor=colour, edgecolor="#555555", linewidth=0.5, hatch=hatch,
                hatchcolor=ink, zorder=2, alpha=0.35 if box.vain else 1.0,
            )
        )  # fmt: skip

    def _arrow(self, ax: Axes, arrow: Arrow) -> None:
        colour, dashes = self._style(arrow.round) if arrow.round else ("#333333", "-")
        start, end = (arrow.start, self._ms(arrow.from_s)), (float(arrow.end), self._ms(arrow.to_s))
        if arrow.lost:
            end = (arrow.start + 0.45 * (arrow.end - arrow.start), end[1])
            ax.plot(*zip(start, end, strict=True), color=colour, linestyle=dashes, linewidth=1.0, zorder=3)
            ax.plot(*end, marker="x", color=colour, markersize=6, markeredgewidth=1.6, zorder=4)
            ax.annotate("lost", end, (4, 2), textcoords="offset points", color=colour, fontsize="x-small")
            return
        ax.annotate(
            "", end, start,
            arrowprops={"arrowstyle": "->", "color": colour, "linestyle": dashes, "linewidth": 1.0, "shrinkA": 0,
                        "shrinkB": 1}, zorder=3,
        )  # fmt: skip
        if arrow.round and {arrow.start, arrow.end} != {_EDGE, _UPLINK} and arrow.start != _CLOUD:
            x = arrow.start + (0.3 if arrow.start == _UPLINK else -0.35)
            share = (x - arrow.start) / (arrow.end - arrow.start)
            text = f"{arrow.round}" + (" again" if arrow.again else "")
            y = start[1] + share * (end[1] - start[1])
            ax.text(x, y, text, color=colour, fontsize="x-small", ha="center", va="center", zorder=5, bbox=_WHITE)

    def _labels(self, ax: Axes, labels: Sequence[Label], x: float, side: str, upright: str) -> None:
        """Draws labels, one below another where they would meet."""
        began_s, ended_s = self._span()
        gap_ms = _GAP * 1e3 * (ended_s - began_s)
        free_ms = -float("inf")
        for label in sorted(labels, key=lambda label: (label.at_s, label.bold)):
            at_ms = max(self._ms(label.at_s), free_ms)
            weight = "bold" if label.bold else "normal"
            ax.text(x, at_ms, label.text, ha=side, va=upright, fontsize="x-small", fontweight=weight, zorder=5)
            free_ms = at_ms + gap_ms


_WHITE: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}


def _boxes(made: Timeline, each: RoundTimeline) -> Iterator[Box]:
    for span in each.spans.edge_work:
        yield Box(_EDGE, span.began_s, span.ended_s, span.state, vain=bool(each.spans.record.flushed))
    for span in each.spans.doings:
        if span.state == "edge_queue_s":
            yield Box(_EDGE, span.began_s, span.ended_s, span.state, waits=True)
    for ran in each.passes:
        yield Box(_CLOUD, ran.began_s, ran.ended_s, each.spans.served_in(ran, made.place_in(ran)))
    for span in each.spans.doings:
        if span.state == "cloud_queue_s":
            yield Box(_CLOUD, span.began_s, span.ended_s, span.state, waits=True)
        elif span.state == "timeout_wait_s":
            replied = span.began_s >= each.spans.record.verified_s
            yield Box(_DOWNLINK if replied else _UPLINK, span.began_s, span.ended_s, span.state, waits=True)
    for airing in each.up:
        yield from _on_air(airing, _UPLINK, "uplink_transmit_s", "uplink_queue_s", "retransmit_s")
    for airing in each.down:
        yield from _on_air(airing, _DOWNLINK, "downlink_s", "downlink_queue_s", "downlink_s")
    yield from _before_the_queue(each.spans.doings, each.up, _EDGE, "uplink_queue_s")
    yield from _before_the_queue(each.spans.doings, each.down, _CLOUD, "downlink_queue_s")


def _before_the_queue(waits: Sequence[Span], airings: Sequence[Airing], sender: int, queue: str) -> Iterator[Box]:
    """The waits in the state `queue` of a message that has not joined it yet: for a grant, or for the part before."""
    for wait in (each for each in waits if each.state == queue):
        joins_s = [each.joined_s for each in airings if wait.began_s <= each.joined_s <= wait.ended_s]
        if joins_s and min(joins_s) > wait.began_s:
            yield Box(sender, wait.began_s, min(joins_s), queue, waits=True)


def _prompt_boxes(made: Timeline) -> Iterator[Box]:
    asks_s, joins_s = made.request.arrival_s, [each.joined_s for each in made.prompt]
    if joins_s and min(joins_s) > asks_s:
        yield Box(_EDGE, asks_s, min(joins_s), "uplink_queue_s", waits=True)
    for airing in made.prompt:
        yield from _on_air(airing, _UPLINK, "prompt_uplink_s", "uplink_queue_s", "retransmit_s")
    for ran in made.prefills:
        waited_since_s = ran.waited_since_s[made.place_in(ran)]
        yield Box(_CLOUD, ran.began_s, ran.ended_s, "prefill_s")
        if ran.began_s > waited_since_s:
            yield Box(_CLOUD, waited_since_s, ran.began_s, "cloud_queue_s", waits=True)


def _on_air(airing: Airing, lifeline: int, first: str, queue: str, again: str) -> Iterator[Box]:
    yield Box(lifeline, airing.began_s, airing.left_s, again if airing.attempt else first)
    if airing.began_s > airing.joined_s:
        yield Box(lifeline, airing.joined_s, airing.began_s, queue, waits=True)


def _arrows(each: RoundTimeline) -> Iterator[Arrow]:
    for airing in each.up:
        yield from _message(airing, _EDGE, _UPLINK, _CLOUD)
    for airing in each.down:
        yield from _message(airing, _CLOUD, _DOWNLINK, _EDGE)


def _message(airing: Airing, source: int, link: int, sink: int) -> Iterator[Arrow]:
    """An attempt: into the link, and, unless it is lost there, out of it."""
    number, again = airing.round, airing.attempt > 0
    yield Arrow(source, link, airing.joined_s, airing.joined_s, number, again=again)
    out_s = airing.left_s if airing.lost else airing.arrives_s
    yield Arrow(link, sink, airing.left_s, out_s, number, airing.lost, again)


def _edge_labels(each: RoundTimeline) -> Iterator[Label]:
    record = each.spans.record
    drafts = each.spans.drafted if each.spans.edge_work else 0
    what = f"tree of {drafts}" if each.spans.drafts.branches else f"{drafts} draft{'' if drafts == 1 else 's'}"
    yield Label(each.began_s, f"round {each.number}" + (f": {what}" if drafts else ""), bold=True)
    committed = len(each.spans.drafts.committed)
    if each.spans.answered:
        yield Label(each.spans.ended_s, f"round {each.number}: +{committed} token{'' if committed == 1 else 's'}")
    else:
        yield Label(each.spans.ended_s, f"round {each.number} {'wasted' if record.flushed else 'cut off'}")


def _verification_results(each: RoundTimeline) -> Iterator[Label]:
    record = each.spans.record
    if each.passes and not isnan(record.verified_s) and record.drafted:
        yield Label(record.verified_s, f"{int(record.accepted)} of {int(record.drafted)} accepted")


def _named(rounds: Sequence[RoundTimeline]) -> str:
    first, last = rounds[0].number, rounds[-1].number
    return f"round {first}" if first == last else f"rounds {first} to {last}"


def _caption(made: Timeline) -> str:
    waits = (
        "Boxes: work or bits on the air; narrow ones beside a lifeline: waiting for it, or, as for an access grant, to "
        "join the queue of the link behind it"
    )
    return f"{waits}. Arrows, numbered by round: messages. The request has {len(made.rounds)} rounds in all."
