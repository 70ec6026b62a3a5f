"""`sqsim play`: a request of traces as a moving picture, with the numbers of the tables, in one page that needs nothing
else and plays in a real browser."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import driven, shown
from cells import cell
from parsed_page import parsed
from traced_cells import CELLS, watched

from kinds import ConfigError
from scenarios.command.play.play_page import page, traces_of
from scenarios.command.play.played_request import Lane, PlayedPacket, TraceFile
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results import trace
from simulator.results.spans import Spans
from simulator.sweeps.tracing import subject_of

ROOT = Path(__file__).parents[2]
NOTING = "found.noted = []; const note = (text) => found.noted.push(String(text));"
SPELLED = {1: "</script><script>document.title='ran'</script>", 2: " <b>b"}


def traced(made: Cell, path: Path, speller: Any = None) -> Any:
    """The result of a run of which `path` has the trace."""
    spans = trace.tracer()
    result = simulate(made, spans, memory=Memory())
    trace.write_trace(spans, subject_of(made)._replace(speller=speller), path)
    return result


def spell(tokens: Any) -> str:
    return "".join(SPELLED.get(token, f" w{token}") for token in tokens)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The traces of one request under two schemes."""
    folder = tmp_path_factory.mktemp("traces")
    paths = [folder / f"{name}.trace.json" for name in ("k_sqs", "cloud_only")]
    for path, scheme in zip(paths, ("k_sqs", "cloud_only"), strict=True):
        traced(cell(scheme), path, spell)
    return paths


@pytest.fixture(scope="module")
def played(pair: list[Path]) -> Path:
    path = pair[0].parent / "play.html"
    path.write_text(page([TraceFile(each).lane((0, 0)) for each in pair]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lanes(pair: list[Path]) -> list[Lane]:
    return [TraceFile(each).lane((0, 0)) for each in pair]


@pytest.mark.parametrize("name", CELLS)
def test_a_lane_has_the_numbers_of_the_tables(name: str, tmp_path: Path) -> None:
    result, _, spans = watched(name)
    trace.write_trace(spans, subject_of(CELLS[name]), tmp_path / "trace.json")
    file = TraceFile(tmp_path / "trace.json")
    assert sorted(file.keys) == sorted(zip(result.requests["device"], result.requests["request"], strict=True))
    for row in result.requests.to_dict("records"):
        lane = file.lane((row["device"], row["request"]))
        mine = result.rounds.query(f"device == {lane.device} and request == {lane.request}")
        answered = mine[mine["answered_s"].notna()]
        assert len(lane.tokens) == row["output_tokens"]
        rounds = [each for each in lane.rounds if each.answered]
        assert sum(each.accepted for each in rounds) == answered["accepted"].sum()
        assert sum(each.drafted for each in rounds) == answered["drafted"].sum()
        assert [each.ended for each in rounds] == sorted(each.ended for each in rounds)
        if row["outcome"] == "answered":
            assert lane.end == pytest.approx(row["latency_s"] * 1e3, abs=0.01)
        assert all(each.ended >= 0 and each.began <= lane.end for each in (*lane.edge, *lane.up, *lane.cloud))
        kinds = {kind for each in lane.rounds for _, kind in each.committed}
        assert kinds <= ({"drafted"} if name == "local" else {"accepted", "verifier"})


def test_the_page_needs_nothing_else_and_runs_its_own_script_alone(played: Path) -> None:
    text = played.read_text(encoding="utf-8")
    assert len(text) < 3e6
    whole = parsed(text)
    links = [each.attributes.get(name) for each in whole.every() for name in ("src", "href") if name in each.attributes]
    assert {str(each)[0] for each in links} <= {"#", "d"} and "data:," in links
    (policy,) = [each.attributes["content"] for each in whole.all("meta") if "http-equiv" in each.attributes]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    for tag in ("script", "style"):
        content = whole.all(tag)[-1].text
        assert f"{tag}-src 'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" in policy


def test_a_browser_shows_each_lane_at_the_time_of_the_address(played: Path, lanes: list[Lane], tmp_path: Path) -> None:
    middle = (lanes[0].rounds[1].drafts[0].drawn or 0.0) + 1e-3
    found = shown(played, f"#t={middle:.3f}", tmp_path)
    assert found.console == []
    document = parsed(found.document)
    titles = [each.text for each in document.all("h2")]
    assert titles == [f"{lane.scheme}" for lane in lanes]
    for lane, section in zip(lanes, document.all("section"), strict=True):
        (stats,) = [each.text for each in section.every() if each.attributes.get("class") == "stats"]
        made = sum(len(each.committed) for each in lane.rounds if each.answered and each.ended <= middle)
        assert stats.startswith(f"{made} token")
        assert f"{sum(each.bits for each in lane.up if each.own and each.ended <= middle):,} bits up" in stats
        (text,) = [each.text for each in section.every() if each.attributes.get("class") == "text"]
        spoken = "".join(text for each in lane.rounds if each.ended <= middle for text, _ in each.committed)
        assert spoken.replace("\n", "\u21b5")[:40] in text


def test_an_address_may_ask_the_page_to_play(played: Path, tmp_path: Path) -> None:
    """That time then advances with the frames is shown below; a slow machine may draw its first one late."""
    script = "found.play = document.getElementById('play').textContent;"
    assert driven(played, script, tmp_path, "#play")["play"] == "Pause"


FRAMES = """
      const frames = [], time = document.getElementById('time');
      window.requestAnimationFrame = (tick) => frames.push(tick);
      note(document.getElementById('speed').value); press('Home'); press(' ');
      for (const began of [-50, -34, -18]) { frames.pop()(began); note(time.value); }
      press(' ');
"""
"""Frames bring the time at which they began, which may be that of a key pressed late in a long one."""


def test_keys_step_a_round_and_play_drafts_turn_and_time_never_runs_back(
    played: Path, lanes: list[Lane], tmp_path: Path
) -> None:
    first = next(each for each in lanes[0].rounds if each.answered and each.accepted < each.drafted)
    drawn, verified = first.drafts[0].drawn, first.verified
    assert drawn is not None and verified is not None
    turning = f"""
      const slider = document.getElementById('time');
      const at = (ms) => {{ slider.value = ms; slider.dispatchEvent(new Event('input'));
        note(['drafted', 'accepted', 'rejected'].map((name) => document.querySelector('.lane .text')
          .getElementsByClassName(name).length).join()); }};
      at({drawn - 0.01}); at({drawn + 0.01}); at({verified - 0.01}); at({verified + 0.01}); press('End');
    """
    script = """
      note(document.getElementById('play').textContent);
      const clock = () => note(document.getElementById('time').value);
      press('ArrowRight'); clock(); press('ArrowRight'); clock(); press('ArrowLeft'); clock();
      press('End'); clock(); press('Home'); clock(); press('ArrowRight', document.getElementById('time')); clock();
      press(' '); note(document.getElementById('play').textContent); press(' ');
      note(document.getElementById('play').textContent); note(document.getElementById('status').textContent);
    """
    found = driven(played, f"{NOTING} {script} {{ {FRAMES} }} {turning}", tmp_path)
    asleep, *rest = found["noted"]
    times, (playing, paused, status), frames, turns = rest[:6], rest[6:9], rest[9:13], rest[13:]
    assert asleep == "Play", "unless it is asked to play"
    ends = sorted({each.ended for lane in lanes for each in lane.rounds if each.answered})
    assert [float(each) for each in times] == [*ends[:2], ends[0], max(x.end for x in lanes), 0.0, ends[0]]
    assert (playing, paused) == ("Pause", "Play") and lanes[0].scheme in status
    speed, began, *later = map(float, frames)
    assert began == 0.0 and later == pytest.approx([16 * speed, 32 * speed], abs=0.01)
    before, one, all_, after = (list(map(int, each.split(","))) for each in turns)
    assert [before[0], one[0], all_[0], after[0]] == [0, 1, first.drafted, 0]
    assert after[1] == all_[1] + first.accepted and after[2] == 1
    assert any(each == SPELLED[1] for lane in lanes for each in lane.tokens) or SPELLED[1] in str(lanes)
    assert "<title>ran" not in found["document"] and "<b>b" not in found["document"], "a name that is markup is text"


def test_what_is_on_the_air_is_found_among_many_packets(tmp_path: Path) -> None:
    """Against a plain search, among packets of any length that overlap and are lost."""
    drawn = np.random.default_rng(0)
    lane = Lane("K-SQS", {}, 0, 0, "", "", "answered", 1000.0)
    for began, length, is_lost, is_own in zip(
        drawn.uniform(0, 1000, 700), drawn.exponential(8, 700), drawn.uniform(size=700) < 0.2,
        drawn.uniform(size=700) < 0.5, strict=True,
    ):  # fmt: skip
        arrives = None if is_lost else float(began + length + drawn.uniform(5, 30))
        lane.up.append(PlayedPacket(float(began), float(began + length), "payload", bool(is_own), arrives, 100))
    path = tmp_path / "play.html"
    path.write_text(page([lane]), encoding="utf-8")
    delays = sorted(each.arrives - each.ended for each in lane.up if each.arrives is not None)
    usual = delays[len(delays) // 2]
    times = [lane.end * share / 23 + 0.0007 for share in range(1, 23)]
    script = f"""{NOTING}
      const slider = document.getElementById('time');
      for (const at of {json.dumps(times)}) {{ slider.value = at; slider.dispatchEvent(new Event('input'));
        note(document.querySelectorAll('.packet').length); }}
    """
    found = driven(path, script, tmp_path)["noted"]
    expected = [
        sum(each.began <= at < (each.ended + usual if each.arrives is None else each.arrives) for each in lane.up)
        for at in times
    ]
    assert [int(each) for each in found] == expected and len({*expected}) > 1


@pytest.mark.usefixtures("undrawn")
def test_a_result_directory_plays_its_schemes_at_one_seed_and_value(
    typed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = typed(
        "run", "latency_vs_bandwidth", "--quick", "--set=models.pair={kind: synthetic, size: 64, contexts: 8}",
        "--set=workload.output_tokens=6", "--set=workload.requests=1",
        "--grid=scheme=dense,edge_only,k_sqs,coupled,colocated,cloud_only",
        "--set=scheme.max_drafts=4", "--set=scheme.resolution=100", "--set=scheme.k=8",
        "--grid=uplink.rate.bps=1e3,1e4,1e5", "--seeds=2", "--workers=1", "--trace", "--out=out", "--quiet",
    )  # fmt: skip
    assert status == 0, err
    chosen = [TraceFile(path) for path in traces_of(tmp_path / "out")]
    assert {each.about["seed"] for each in chosen} == {0}
    assert {each.about["uplink"] for each in chosen if "uplink" in each.about} == {"10 kbit/s"}
    schemes = [each.about["scheme_kinds"][0] for each in chosen]
    assert schemes == ["cloud_only", "colocated", "coupled", "k_sqs"], "the fastest lossless edge, and never edge only"
    capsys.readouterr()
    status, out, err = typed("play", "out")
    assert status == 0 and out.strip() == "out/play.html" and "seed 0" in err
    assert "play.html" in (tmp_path / "out" / "manifest.json").read_text()


def test_bad_input_is_answered_by_one_line(typed: Any, pair: list[Path], tmp_path: Path) -> None:
    good = str(pair[0])
    whole = pair[0].read_text(encoding="utf-8")
    files = {
        "empty.json": "",
        "other.json": "[1, 2]\n",
        "cut.json": whole[:-9],
        "old.json": re.sub(r'"scheme":"[^"]*",', "", whole, count=1),
        "strange.json": whole.replace('"prompt_tokens":', '"tokens_of_prompt":').replace('"output_tokens":', '"x":'),
        "nan.json": whole.replace('"ts":0.0', '"ts":NaN', 1),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for given, expected in (
        (("none.json",), "none.json: No such file or directory; `sqsim run ... --trace` writes one"),
        (("empty.json",), "empty.json: not a whole trace"),
        (("other.json",), "other.json: not a whole trace"),
        (("cut.json",), "cut.json: not a whole trace"),
        (("nan.json",), "nan.json: not a whole trace"),
        (("old.json",), "old.json: a trace of an older version"),
        (("strange.json",), "strange.json: not a trace as this version writes it"),
        (("folder",), "folder: no manifest.json"),
        (("folder", good), "folder: a result directory plays alone"),
        ((good, "--request=0:9"), "request = 0:9: k_sqs.trace.json has 0:0"),
        ((good, "--request=x"), "argument --request: 'x': device and request such as 2:0"),
        ((good,) * 7, "7 traces: 6 play side by side"),
        ((), "the following arguments are required"),
    ):
        status, out, err = typed("play", *given)
        assert status == 2 and out == "" and len(err.splitlines()) == 1 and expected in err, (given, err)


def test_a_request_too_long_for_a_page_is_cut_and_says_so(lanes: list[Lane]) -> None:
    whole = lanes[0]
    assert whole.cut is None and whole.fitted(whole.bytes) == whole
    for share in (0.7, 0.3):
        part = whole.fitted(int(share * whole.bytes))
        assert part.cut is not None and 0.2 * share < part.cut / whole.end < 1 and part.bytes <= share * whole.bytes
        assert part.up == [each for each in whole.up if each.began < part.cut] != []
        assert part.alone and "what is done for other requests is left out" in page([part])
        assert f"what comes after {part.cut / 1000:.3g} s is cut" in page([part])


def test_a_request_that_its_trace_does_not_tell_to_the_end_says_so(tmp_path: Path) -> None:
    spans, made = Spans(most=60), cell()
    simulate(made, spans, memory=Memory())
    trace.write_trace(spans, subject_of(made), tmp_path / "trace.json")
    lane = TraceFile(tmp_path / "trace.json").lane((0, 0))
    assert lane.outcome == "in_flight" and lane.cut is not None and lane.cut <= lane.end
    assert "s is cut" in page([lane])


def test_a_lane_without_the_request_is_refused(pair: list[Path]) -> None:
    with pytest.raises(ConfigError, match=r"request = 5:0"):
        TraceFile(pair[0]).lane((5, 0))


def test_the_same_traces_give_the_same_page_and_say_what_differs(pair: list[Path], lanes: list[Lane]) -> None:
    assert page(lanes) == page([TraceFile(each).lane((0, 0)) for each in pair])
    text = page(lanes)
    assert "One request shows and does not prove" in text
    assert "The texts differ" in text or "All write the same text" in text
    alone = page(lanes[:1])
    assert "side by side" not in alone and lanes[0].scheme in alone
