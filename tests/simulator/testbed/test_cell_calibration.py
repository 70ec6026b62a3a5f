"""Calibrations of a cell: the passes its workload makes, files that load, a cell that they fit, and two as one."""

from pathlib import Path

import pytest
import yaml
from cells import cell
from journal_files import write

from kinds import ConfigError
from models.calibration import PassTimer
from models.latency.empirical import Empirical
from models.latency.pass_table import TimedPass, csv_text, read_rows
from models.pass_times import LEAST_ROUNDS, RARE_EVERY, TextPasses, sampled
from simulator import Cell, simulate
from simulator.testbed.calibration import cell_calibration as calibration
from simulator.testbed.calibration import process_times as times
from simulator.testbed.calibration.cell_calibration import CALIBRATED, Calibration, calibrate, calibrated, merge
from simulator.testbed.calibration.process_times import NotedRun, ProcessTimes, process_times
from simulator.testbed.endpoints import timed_passes
from simulator.testbed.endpoints.timed_passes import cloud_points, drafter_points, edge_points
from simulator.testbed.journal import (
    Event,
    MessageReceived,
    MessageTaken,
    PacketSent,
    PassMade,
    PassShare,
    RoundComputed,
)
from simulator.testbed.packet_header import MessageAddress, PacketKind
from simulator.testbed.plan import Side

WORKLOAD = {"kind": "closed", "devices": 3, "requests": 1, "prompt_tokens": 8, "output_tokens": 24}


def asked(scheme: object = "k_sqs", **fields: object) -> Cell:
    return cell(scheme, workload=WORKLOAD, cloud={"batching": "waiting"}).with_(fields)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def made_here(cell: Cell, folder: Path, budget_s: float) -> ProcessTimes:
        sides: tuple[Side, ...] = ("edge", "cloud")
        for side in sides:
            timed_passes.time_passes(cell, side, folder, budget_s)
        return ProcessTimes(4e-3, 3e-3, 2e-3, 1e-3, 1e-3, 2e-3)

    monkeypatch.setattr(timed_passes, "SAMPLES", 6)
    monkeypatch.setattr(timed_passes, "PAUSE_S", 1e-4)
    monkeypatch.setattr(calibration, "process_times", made_here)


@pytest.mark.parametrize(
    ("scheme", "clocks"),
    [
        ("k_sqs", {"edge.latency": "edge.csv", "cloud.latency": "cloud.csv"}),
        ("tree", {"edge.latency": "edge.csv", "cloud.latency": "cloud.csv"}),
        ("cloud_only", {"cloud.latency": "cloud.csv"}),
        (
            {"kind": "colocated", "max_drafts": 3},
            {"cloud.drafter_latency": "drafter_in_cloud.csv", "cloud.latency": "cloud.csv"},
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("quick")
def test_a_calibration_is_a_folder_that_the_cell_takes(tmp_path: Path, scheme: object, clocks: dict[str, str]) -> None:
    here, folder = asked(scheme), tmp_path / "made"
    calibrate(here, folder, budget_s=4)
    settings = Calibration.of(folder).settings
    files = {name: Path(value["file"]).name for name, value in settings.items() if isinstance(value, dict)}
    assert files == clocks
    assert ("edge.encode_s_per_draft" in settings) == ("edge.latency" in settings)
    assert all(each in {file.name for file in folder.iterdir()} for each in (*clocks.values(), CALIBRATED))
    found = calibrated(here, folder)
    hosted = "edge.latency" not in settings
    assert (found.cloud.step_s, found.cloud.judge_s, found.cloud.decode_s_per_draft) == (3e-3 * hosted, 2e-3, 1e-3)
    assert isinstance(found.cloud.latency, Empirical) and (found.edge.encode_s_per_draft == 4e-3) != hosted
    assert len(found.cloud.latency.samples.factors) >= LEAST_ROUNDS
    added_s = [getattr(found, way).delay.mean_s - getattr(here, way).delay.mean_s for way in ("uplink", "downlink")]
    assert added_s == pytest.approx([1e-3, 2e-3])
    assert len(simulate(found).requests) == 3


def test_points_are_those_that_the_workload_reaches() -> None:
    """Rounds of 4 drafts, 3 devices; a prompt of 8, of which the cloud reads 7; texts up to 8 + 24 + 4 + 1."""
    here = asked({"kind": "k_sqs", "max_drafts": 4})
    rounds = {(1, new, text) for new in (1, 2) for text in (7, 37)}
    assert set(edge_points(here).near) == {*rounds, (1, 8, 0)}
    rounds_in_cloud = {(batch, new, text) for batch in (1, 2, 3) for new in (1, 5) for text in (7, 37)}
    assert set(cloud_points(here).near) == rounds_in_cloud | {(batch, 7, 0) for batch in (1, 2, 3)}
    assert edge_points(here).longest == 45
    alone = cloud_points(asked("cloud_only", **{"cloud.batching.cap": 1}))
    assert set(alone.near) == {(1, 1, 7), (1, 1, 33), (1, 8, 0)}
    assert {point[0] for point in drafter_points(asked("colocated")).near} == {1, 2, 3}


class CountingTimer:
    """A timer of a machine on which each pass takes a second of its own clock."""

    most_sequences: int | None = None

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def pass_s(self, batch: int, new_tokens: int, cached_tokens: int) -> float:
        self.asked.append((batch, new_tokens, cached_tokens))
        return 1.0


def test_each_round_visits_all_points_and_some_the_rare_ones() -> None:
    timer: PassTimer = CountingTimer()
    near, rare = [(1, 1, 0), (1, 2, 0)], [(1, 1, 9)]
    rows = sampled(timer, near, rare, 2 * RARE_EVERY, 60.0)
    by_point = {point: sum(row[:3] == point for row in rows) for point in (*near, *rare)}
    assert by_point == {near[0]: 10, near[1]: 10, rare[0]: 2}
    assert sorted(row.spell for row in rows if row[:3] == near[0]) == list(range(10))
    assert [row.spell for row in rows if row[:3] == rare[0]] == [0, RARE_EVERY]


def test_sampling_stops_early_where_there_is_no_time() -> None:
    assert len(sampled(CountingTimer(), [(1, 1, 0)], [], 1000, 0.0)) == RARE_EVERY


def test_passes_are_made_over_texts_of_their_own_and_leave_the_caches_as_they_were() -> None:
    model = asked().models.pair.load().verifier
    timer = TextPasses(model, tuple(range(40)), 1.0, pause_s=0.0, in_a_row=1)
    for point in ((1, 3, 8), (2, 3, 8), (2, 9, 0), (1, 1, 39)):
        assert timer.pass_s(*point) > 0
    assert {held: len(texts) for held, texts in timer._filled.items()} == {8: 2, 0: 2, 39: 1}
    assert all(text.cached == tuple(range(held)) for held, texts in timer._filled.items() for text in texts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"settings": {}}, "must be settings and delays"),
        ({"settings": 3, "delays": {}}, "settings = 3: must be a mapping"),
        ({"settings": {"edge.encode_s_per_draft": -1}, "delays": {}}, "edge.encode_s_per_draft = -1"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_on_one_line(tmp_path: Path, content: object, words: str) -> None:
    (tmp_path / CALIBRATED).write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=words) as error:
        calibrated(asked(), tmp_path)
    assert "\n" not in str(error.value)


def written(folder: Path, seconds: float, spells: tuple[int | None, ...]) -> Path:
    """Few passes, of so many seconds and more in each later spell."""
    folder.mkdir()
    points = [(batch, new, cached) for batch in (1, 4) for new in (1, 8) for cached in (0, 40)]
    rows = [
        TimedPass(*point, seconds * (1 + place), "measured", spell)
        for point in points
        for place, spell in enumerate(spells)
    ]
    (folder / "cloud.csv").write_text(csv_text(sorted(rows)))
    return folder


def spells_of(cell: Cell) -> tuple[Path, dict[int | None, set[float]]]:
    assert isinstance(cell.cloud.latency, Empirical)
    found: dict[int | None, set[float]] = {}
    for _, row in read_rows(cell.cloud.latency.file):
        found.setdefault(row.spell, set()).add(row.seconds)
    return cell.cloud.latency.file, found


@pytest.mark.parametrize(
    ("spells", "others", "merged"),
    [
        ((0, 1, 2), (0, 3), {0: {0.01}, 1: {0.02}, 2: {0.03}, 3: {0.05}, 6: {0.1}}),
        ((None, None), (None,), {0: {0.01, 0.02}, 1: {0.05}}),
    ],
    ids=["slow periods of their own", "a table without any is one"],
)
def test_what_was_measured_twice_keeps_slow_periods_of_its_own_and_means_of_the_rest(
    tmp_path: Path, spells: tuple[int | None, ...], others: tuple[int | None, ...], merged: dict[int, set[float]]
) -> None:
    here = cell("cloud_only")
    folders = written(tmp_path / "1", 0.01, spells), written(tmp_path / "2", 0.05, others)
    for folder, step_s, judge_s, up_s, down_s in zip(
        folders, (0.1, 0.3), (0.1, 0.5), (1e-3, 3e-3), (2e-3, 0.0), strict=True
    ):
        clocks = {"cloud.latency": {"kind": "empirical", "file": str(folder / "cloud.csv"), "beyond": "extend"}}
        numbers = {"cloud.step_s": step_s, "cloud.judge_s": judge_s}
        Calibration({**clocks, **numbers}, {"uplink": up_s, "downlink": down_s}).write(folder)
    both = tmp_path / "new" / "both"
    merge(here, folders, both)
    found = calibrated(here, both)
    assert spells_of(found) == ((both / "cloud.csv").resolve(), merged)
    assert (found.cloud.step_s, found.cloud.judge_s) == pytest.approx((0.2, 0.3))
    assert Calibration.of(both).delays == pytest.approx({"uplink": 2e-3, "downlink": 1e-3})
    mean_s = sum(map(sum, merged.values())) / sum(map(len, merged.values()))
    assert found.cloud.latency.pass_s([(1, 0)]) == pytest.approx(mean_s, rel=1e-12)
    assert len(simulate(found).requests)


def noted(cell: Cell, folder: Path, *events: Event, timed_s: float | None = None) -> NotedRun:
    """A small run in which this was noted; `timed_s`: of each pass that was timed before it."""
    for side in ("edge", "cloud") if timed_s is not None else ():
        axes = [(batch, new, cached) for batch in (1, 2, 3) for new in (1, 8) for cached in (0, 40)]
        (folder / f"{side}.csv").write_text(csv_text([TimedPass(*axis, timed_s, "measured", 0) for axis in axes]))
    journals = folder / "journals"
    journals.mkdir()
    write(journals, {"cloud_0": events})
    return NotedRun(cell, journals, None if timed_s is None else folder)


def share(device: int, number: int, drafts: int, reads: bool = False) -> PassShare:
    return device, 0, number, drafts + 1, 20, reads, 0.0


def taken(
    kind: PacketKind, number: int, seconds: float, link_s: tuple[float, float] = (1.0, 1.0), late_s: float = 0.0
) -> list[Event]:
    """A message that was on the link from when to when, is received that late, and taken in so many seconds."""
    address, received_s = MessageAddress(kind, 0, 0, number), link_s[1] + late_s
    sent = PacketSent(address, 0, 0, 320, *3 * (link_s[0],), link_s[1])
    return [sent, MessageReceived(address, received_s), MessageTaken(address, received_s + seconds)]


def rounds(drafts: list[int], edge_s: float, cloud_s: tuple[float, float], slow: range = range(0)) -> list[Event]:
    """Rounds of so many drafts each behind a first one, which does not count: passes of 10 ms at the edge and 20 in the
    cloud; beside them seconds a draft at the edge, and in the cloud seconds a job and a draft, half of them to read the
    messages. In the `slow` ones the machine does something else for a second."""
    events: list[Event] = []
    for number, made in enumerate([9, *drafts], 1):
        other_s = 1.0 * (number in slow or number == 1)
        beside_s, judge_s = other_s + edge_s * made, cloud_s[0] + cloud_s[1] * made
        end_s = beside_s / 2 + 0.01 * made
        events.append(RoundComputed(0, 0, number, 1, 0.0, end_s, (0.01,) * made, False, (1,) * made, made))
        events.append(PassMade(0.0, 0.02 + judge_s / 2, (share(0, number, made, reads=number == 1),), 0.02))
        events += [*taken(PacketKind.REPLY, number, beside_s / 2), *taken(PacketKind.PAYLOAD, number, judge_s / 2)]
    return events


def test_what_the_ends_take_beside_networks_is_measured_in_a_run_of_theirs(tmp_path: Path) -> None:
    """1.5 ms a draft at the edge; 3 ms a job and 0.5 ms a draft in the cloud; a round that was cut says nothing."""
    cut = RoundComputed(0, 0, 99, 1, 0.0, 9.0, (0.01,), True, (1,), 1)
    run = noted(asked(**{"workload.devices": 1}), tmp_path, *rounds([1, 2, 3, 4] * 3, 0.0015, (0.003, 0.0005)), cut)
    assert run.times()[:4] == pytest.approx((0.0015, 0.0, 0.003, 0.0005), rel=1e-3)


def test_a_while_in_which_the_machine_did_something_else_is_left_out(tmp_path: Path) -> None:
    events = rounds([1, 2, 3, 4] * 20, 0.0015, (0.003, 0.0005), slow=range(32, 42))
    assert noted(asked(), tmp_path, *events).times().encode_s_per_draft == pytest.approx(0.0015, rel=1e-3)


def test_where_processes_compete_what_networks_take_longer_than_when_timed_alone_is_counted(tmp_path: Path) -> None:
    """Passes that were timed at 8 ms take 10 at the edge, 2 more a draft, and 20 in the cloud, 12 more a job."""
    run = noted(asked(), tmp_path, *rounds([1, 2, 3, 4] * 3, 0.0015, (0.003, 0.0005)), timed_s=0.008)
    assert run.times()[:4] == pytest.approx((0.0035, 0.0, 0.015, 0.0005), rel=1e-3)


def test_a_trees_drafts_are_counted_by_its_distributions_and_its_passes_by_their_tokens(tmp_path: Path) -> None:
    """Two passes, over 1 and 8 tokens, for 3 distributions: 10 and 45 ms when timed alone, 58 now."""
    rows = [TimedPass(1, new, cached, 0.005 * (1 + new), "measured", 0) for new in (1, 8) for cached in (0, 40)]
    for side in ("edge", "cloud"):
        (tmp_path / f"{side}.csv").write_text(csv_text(rows))
    tree = RoundComputed(0, 0, 2, 1, 0.0, 0.058, (0.02, 0.03), False, (1, 8), 3)
    run = noted(asked("tree"), tmp_path, tree)
    assert NotedRun(asked("tree"), tmp_path / "journals", tmp_path).times().encode_s_per_draft == pytest.approx(0.001)
    assert run.times().encode_s_per_draft == pytest.approx(0.008 / 3, rel=1e-3)


def test_what_a_server_takes_beside_networks_is_a_constant_and_a_slope_over_jobs_that_come_back(tmp_path: Path) -> None:
    """3 ms and 2 ms a job beside 10 ms of the networks, whether it is between passes or slows them; what a device that
    thinks waits for does not count, nor does a prompt that is read, between two passes or after them."""
    jobs = [[0], [0, 1], [0, 1, 2], [0, 2], [3], [3], [3], [3], [3]]
    passes, now_s = list[Event](), 0.0
    for number, devices in enumerate(jobs):
        began_s = now_s + 0.001 + (5.0 if number == 4 else 0.0)
        now_s = began_s + 0.012 + 0.002 * len(devices) + (1.0 if number == 6 else 0.0)
        shares = tuple(share(device, number, 0, reads=number == 6) for device in devices)
        passes.append(PassMade(began_s, now_s, shares, 0.0))
    found = noted(asked("cloud_only"), tmp_path, *passes, timed_s=0.01).times()
    assert found == pytest.approx((0.0, 0.003, 0.002, 0.0, 0.0, 0.0))


@pytest.mark.parametrize("others", [False, True])
def test_a_messages_path_is_what_it_takes_beside_the_link_where_nothing_else_is_waited_for(
    others: bool, tmp_path: Path
) -> None:
    """Up 1 ms before the link, 2 behind it and 3 until the pass; down 4, 5 and 6. `others`: in every other round the
    link has another packet first, then the server another pass, and the next round was drafted before the reply."""
    events, now_s = list[Event](), 0.0
    for number in range(1, 20):
        busy = others and number % 2 == 0
        events.append(RoundComputed(0, 0, number, 1, now_s, now_s + 0.1, (0.1,), False, (1,), 1))
        began_s = now_s + 0.1 + (0.5 if busy else 0.001)
        if busy:
            other = MessageAddress(PacketKind.PAYLOAD, 1, 0, number)
            events.append(PacketSent(other, 0, 0, 320, now_s, now_s, began_s, began_s))
            events.append(PassMade(began_s, began_s + 5.0, (share(1, number, 1),), 5.0))
        events += taken(PacketKind.PAYLOAD, number, 0.1, (began_s, began_s + 0.03), 0.002)
        pass_s = began_s + 0.03 + 0.002 + 0.1 + (9.0 if busy else 0.003)
        events.append(PassMade(pass_s, pass_s + 0.1, (share(0, number, 1),), 0.1))
        events += taken(PacketKind.REPLY, number, 0.1, (pass_s + 0.104, pass_s + 0.2), 0.005)
        now_s = pass_s + 0.2 + 0.005 + (0.05 if busy else 0.1 + 0.006)
    assert noted(asked(), tmp_path, *events).times()[4:] == pytest.approx((0.006, 0.015))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only"])
def test_what_processes_take_is_a_small_part_of_what_the_link_takes(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(times, "RUN_S", 1.0)
    try:
        found = process_times(asked(scheme), tmp_path, 1.0)
    except ConfigError as error:
        pytest.skip(str(error))
    assert all(0 <= each < 0.05 for each in found) and min(found.up_s, found.down_s) > 0
    assert (found.encode_s_per_draft > 0) == (scheme == "k_sqs") and found.step_s + found.judge_s > 0
