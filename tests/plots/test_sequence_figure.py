"""The sequence diagram of a request: every packet, pass and piece of work of its rounds, once, where it happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import cell, link
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from traced_cells import CELLS, watched

from plots import save
from plots.page import Page
from plots.sequence_figure import LIFELINES, draw_sequence
from plots.style import styled
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.results.spans import Spans, Timeline, timeline


def made(name: str, device: int = 0) -> Timeline:
    return timeline(watched(name).spans, (device, 0))


def drawn(of: Timeline, rounds: tuple[int, int] | None = None) -> tuple[Figure, Axes]:
    with styled(Page()):
        figure = draw_sequence(of, rounds, Page())
    assert figure is not None
    return figure, figure.axes[0]


@pytest.mark.parametrize("name", CELLS)
def test_each_packet_pass_and_piece_of_work_is_a_box_and_each_loss_a_cross(name: str) -> None:
    of = made(name)
    _, ax = drawn(of, (1, 10_000))
    wide = [each for each in ax.patches if isinstance(each, Rectangle) and each.get_width() > 0.09]
    packets = [*of.prompt, *(each for round_ in of.rounds for each in (*round_.up, *round_.down))]
    passes = [*of.prefills, *(each for round_ in of.rounds for each in round_.passes)]
    work = [*of.request.read, *(each for round_ in of.rounds for each in round_.spans.edge_work)]
    assert len(wide) == len(packets) + len(passes) + len(work)
    tops = sorted(each.get_y() for each in wide)
    began = [each.began_s for each in (*packets, *passes, *work)]
    assert tops == pytest.approx(sorted(1e3 * (time - of.request.arrival_s) for time in began), abs=1e-6)
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == sum(each.lost for each in packets)
    arrows = [text for text in ax.texts if isinstance(text, Annotation) and text.arrow_patch is not None]
    assert len(arrows) == 2 * len(packets) - len(crosses)
    low, high = sorted(ax.get_ylim())
    assert all(low <= each.get_y() and each.get_y() + each.get_height() <= high for each in wide)


def test_time_runs_down_four_named_lifelines() -> None:
    _, ax = drawn(made("losses"))
    top, bottom = reversed(ax.get_ylim())
    assert top < bottom
    places = {text.get_text(): text.get_position()[0] for text in ax.texts if text.get_text() in LIFELINES}
    assert places == dict(zip(LIFELINES, range(4), strict=True))


def test_rounds_drafted_ahead_are_distinguished_without_colours_and_those_in_vain_are_grey() -> None:
    of = made("ahead")
    figure, ax = drawn(of)
    vain = [each.number for each in of.rounds[:3] if each.spans.record.flushed]
    (legend,) = figure.legends
    rounds = [
        (text.get_text(), line.get_linestyle(), line.get_color())
        for text, line in zip(legend.get_texts(), legend.legend_handles, strict=True)
        if text.get_text().startswith("round")
    ]
    assert vain and len({dashes for _, dashes, _ in rounds[:2]}) == 2
    assert [colour == "#8a8a8a" for _, _, colour in rounds] == [name.endswith("wasted") for name, *_ in rounds]
    assert {f"round {number} wasted" for number in vain} <= {text.get_text() for text in ax.texts}


def test_what_waits_for_access_has_a_box_beside_its_sender() -> None:
    """The prompt, then payload and reply of two rounds."""
    up, down = link(2e4, access_s=0.03, arq="selective_repeat"), link(2e4, access_s=0.02)
    spans = Spans()
    simulate(cell("k_sqs", uplink=up, downlink=down), spans, memory=Memory())
    of = timeline(spans, (0, 0))
    boxes = [each for each in drawn(of, (1, 2))[1].patches if isinstance(each, Rectangle) and each.get_width() < 0.09]
    sent = [(1e3 * each.joined_s, lifeline, tall) for lifeline, tall, packets in (
        (0, 30.0, [*of.prompt, *(one for each in of.rounds[:2] for one in each.up)]),
        (2, 20.0, [one for each in of.rounds[:2] for one in each.down]),
    ) for each in packets]  # fmt: skip
    found = [(box.get_y() + box.get_height(), round(box.get_x() + 0.1), box.get_height()) for box in boxes]
    assert sorted(found) == [pytest.approx(each) for each in sorted(sent)]


def test_what_is_read_while_the_cloud_decodes_is_drawn_in_each_of_these_rounds_and_cut_off_behind_them() -> None:
    spans = Spans()
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.4}}
    cloud = {"latency": {"kind": "constant", "per_pass_s": 0.05}}
    simulate(cell({"kind": "k_sqs", "cloud_first": True}, edge=edge, cloud=cloud), spans, memory=Memory())
    of = timeline(spans, (0, 0))
    read = of.request.read[0]
    for rounds in ((1, 2), (3, 4)):
        _, ax = drawn(of, rounds)
        tall = [each.get_height() for each in ax.patches if isinstance(each, Rectangle) and each.get_x() < 0]
        assert tall == pytest.approx([1e3 * (read.ended_s - read.began_s)])
        assert max(ax.get_ylim()) < 1e3 * (read.ended_s - of.request.arrival_s)


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("once", "again"):
        save(drawn(made("tree"))[0], tmp_path / folder, "figure", ("svg",))
    once, again = ((tmp_path / folder / "figure.svg").read_bytes() for folder in ("once", "again"))
    assert once == again


def test_a_request_without_a_round_has_no_figure() -> None:
    of = made("losses")
    assert draw_sequence(Timeline(of.request, [], [], [], [], [], [], []), None, Page()) is None
