"""Passes that are drawn: by whose they are, never by when they are made; and what a server does beside them."""

import itertools
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd
import pytest
from cells import busy, cell, link
from servers import Bench

from channels.uniforms import Uniforms
from models.latency.latency import ConstantLatency, Work
from simulator import Cell, simulate
from simulator.results import BREAKDOWN
from simulator.timing import plant
from simulator.timing.request_process import Serving

Clocks = tuple[dict[str, str], dict[str, str]]
SPREAD = (0.5, 0.8, 1.0, 1.3, 2.4)


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Clocks:
    """The edge's and the cloud's."""
    folder = tmp_path_factory.mktemp("clocks")
    return table(folder / "edge.csv", 0.004), table(folder / "cloud.csv", 0.02)


def table(path: Path, base_s: float) -> dict[str, str]:
    points = itertools.product((1, 4), (1, 32), (0, 64))
    rows = [f"{b},{n},{c},{(base_s + 1e-4 * b * n + 1e-6 * c) * each}" for b, n, c in points for each in SPREAD]
    path.write_text("\n".join(["batch,new_tokens,cached_tokens,seconds", *rows]) + "\n")
    return {"kind": "empirical", "file": str(path), "beyond": "extend"}


def drawn(clocks: Clocks, scheme: object, **fields: object) -> Cell:
    edge, cloud = clocks
    own = {"edge.latency": edge, "cloud.latency": cloud, "cloud.drafter_latency": edge, "cloud.batching": "waiting"}
    return busy(scheme).with_(own | fields)


def times(requests: pd.DataFrame) -> pd.DataFrame:
    return requests.drop(columns="cell").sort_values(["device", "request"]).reset_index(drop=True)


SCHEMES = ("k_sqs", "edge_only", "cloud_only", {"kind": "colocated", "max_drafts": 3}, {"kind": "k_sqs", "depth": 1})


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_other_seeds_draw_other_passes_of_the_same_texts(clocks: Clocks, scheme: object) -> None:
    here = drawn(clocks, scheme)
    again, other = simulate(here), simulate(here.with_({"seed": 1}))
    pd.testing.assert_frame_equal(simulate(here).requests, again.requests)
    assert not times(again.requests)["latency_s"].equals(times(other.requests)["latency_s"])


@pytest.mark.parametrize("sharing", ["own", "fifo"])
def test_they_are_the_same_whether_or_not_answers_are_decoded_first(
    clocks: Clocks, sharing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = link(2e4, sharing=sharing, arq="selective_repeat")
    made = drawn(clocks, "k_sqs", uplink=planned, downlink=planned)
    decides, answered = plant.servings, list[list[Serving]]()
    monkeypatch.setattr(plant, "servings", lambda *asked: answered.append(decides(*asked)) or answered[-1])
    decoded = simulate(made)
    monkeypatch.setattr(plant, "servings", lambda *_: [Serving.LINKS])
    assert answered == [[Serving.WALKED_AHEAD if sharing == "own" else Serving.WALKED]]
    pd.testing.assert_frame_equal(simulate(made).rounds, decoded.rounds)


def test_a_devices_passes_take_as_long_whatever_the_network_does(clocks: Clocks) -> None:
    """A slower uplink moves all events and changes their order among devices, and not one duration of a draft."""
    fast, slow = (simulate(drawn(clocks, "k_sqs", **{"uplink.rate.bps": bps})).requests for bps in (2e4, 5e3))
    spent = ["device", "request", "draft_s"]
    pd.testing.assert_frame_equal(times(fast)[spent], times(slow)[spent], check_exact=False, rtol=1e-9)
    assert not times(fast)["latency_s"].equals(times(slow)["latency_s"])


def test_a_servers_pass_takes_as_long_whatever_was_served_before(clocks: Clocks) -> None:
    """There are two sessions, and either comes first."""
    spent_s = []
    for order in ((1, 2), (2, 1)):
        bench = Bench(latency=clocks[1], batching="none")
        visits = {}
        for device in order:
            visits[device] = bench.submit((device, 0), 9)
            bench.settle()
        bench.env.run()
        first, second = (visits[device].done_s[0] for device in order)
        spent_s.append(dict(zip(order, (first, second - first), strict=True)))
    assert spent_s[0] == pytest.approx(spent_s[1], rel=1e-9)
    assert spent_s[0][1] != spent_s[0][2]


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", {"kind": "colocated", "max_drafts": 3}], ids=str)
def test_a_request_is_slow_or_fast_at_its_edge_and_in_the_cloud(tmp_path: Path, scheme: object) -> None:
    """Two spells of .9 and of 1.1, and nothing else that differs; the edge's later spell is the fast one."""
    both = in_spells(tmp_path / "edge.csv", 0.004, (1.1, 0.9)), in_spells(tmp_path / "cloud.csv", 0.02, (0.9, 1.1))
    lone = {
        "workload.devices": 1,
        "workload.requests": 24,
        "edge.encode_s_per_draft": 0.0,
        "uplink": quick(),
        "downlink": quick(),
    }
    here = drawn(both, scheme, **lone)
    steady = {"edge.latency": plain(0.004), "cloud.drafter_latency": plain(0.004), "cloud.latency": plain(0.02)}
    drawn_s, steady_s = (times(simulate(each).requests)["latency_s"] for each in (here, here.with_(steady)))
    spells = [Uniforms.of(here.seed, "spells").uniform(0, number) for number in range(24)]
    assert list(drawn_s / steady_s) == pytest.approx([0.9 if spell < 0.5 else 1.1 for spell in spells], rel=1e-6)
    assert 6 < sum(spell < 0.5 for spell in spells) < 18


def test_of_sessions_in_one_pass_the_first_ones_spell_is_the_passs(tmp_path: Path) -> None:
    spells = Uniforms.of(0, "spells")
    slow, fast = (next(d for d in range(99) if (spells.uniform(d, 0) < 0.5) == below) for below in (False, True))
    for order, seconds in (((slow, fast), 1.1), ((fast, slow), 0.9)):
        bench = Bench(latency=in_spells(tmp_path / "t.csv", 1.0, (0.9, 1.1)), batching="waiting")
        holds = bench.submit((500, 0), 1)
        visits = []
        for device in order:
            bench.settle()
            visits.append(bench.submit((device, 0), 1))
        bench.env.run()
        assert [visit.done_s[0] - holds.done_s[0] for visit in visits] == pytest.approx([seconds] * 2, rel=1e-3)


def in_spells(path: Path, base_s: float, factors: tuple[float, float]) -> dict[str, str]:
    points = itertools.product((1, 4), (1, 32), (0, 64))
    rows = [f"{b},{n},{c},{base_s * each},{spell}" for b, n, c in points for spell, each in enumerate(factors)]
    path.write_text("\n".join(["batch,new_tokens,cached_tokens,seconds,spell", *rows]) + "\n")
    return {"kind": "empirical", "file": str(path), "beyond": "extend"}


def plain(per_pass_s: float) -> dict[str, object]:
    return {"kind": "constant", "per_pass_s": per_pass_s}


def test_a_pass_that_is_made_again_is_drawn_again(clocks: Clocks) -> None:
    """Where a prefill is cut."""
    bench = Bench(latency=clocks[1], batching="continuous", token_budget=2)
    visit = bench.submit((7, 0), 12, prefill=True)
    bench.env.run()
    began_s = [*visit.began_s, visit.done_s[0]]
    assert len({round(after - before, 3) for before, after in itertools.pairwise(began_s)}) > 2


def quick() -> dict[str, object]:
    return {"rate": {"kind": "constant", "bps": 1e12}, "delay": {"kind": "constant", "delay_s": 0.0}}


class Drawing(ConstantLatency):
    """Says what a pass takes that was drawn, and not that it draws."""

    kind: Literal["drawing_in_tests"] = "drawing_in_tests"

    def drawn_s(self, work: Work, uniform: float, spell: float) -> float:
        return self.per_pass_s * (1 + uniform)


class Steady(Drawing):
    """Says that it does not draw after all."""

    random: ClassVar[bool] = False
    kind: Literal["steady_in_tests"] = "steady_in_tests"


@pytest.mark.parametrize(("latency", "draws"), [(Drawing, True), (Steady, False), (ConstantLatency, False)])
def test_a_latency_model_that_has_drawn_passes_draws_them(latency: type[ConstantLatency], draws: bool) -> None:
    lone = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    here = cell("cloud_only", workload=lone, downlink={**link(1e12), "delay": {"kind": "constant", "delay_s": 0.0}})
    ends_s = simulate(here.with_({"cloud.latency": latency.model_fields["kind"].default})).rounds["verified_s"]
    gaps_s = ends_s.diff().dropna()
    assert (gaps_s.std() > 0.002) == draws and (gaps_s > 0.02 * (1 - 1e-9)).all()


def test_rounds_of_a_pass_are_judged_beside_it_one_after_another() -> None:
    """A pass of 1 s; a verification of .1 s and .01 s a draft."""
    bench = Bench(latency={"kind": "constant", "per_pass_s": 1.0}, judge_s=0.1, decode_s_per_draft=0.01)
    prompt = bench.submit((0, 0), 5, prefill=True)
    bench.env.run()
    rounds = []
    for device, drafts in enumerate((4, 0, 3), 1):
        rounds.append(bench.submit((device, 0), 9, verified_drafts=drafts))
        bench.settle()
    bench.env.run()
    assert prompt.done_s == [1.0]
    assert [each.done_s[0] for each in rounds] == pytest.approx([2.14, 3.37, 3.37])


def test_a_judgement_takes_longer_by_what_a_cell_says() -> None:
    lone = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    plain = cell(workload=lone)
    slow = plain.with_({"cloud.judge_s": 0.003, "cloud.decode_s_per_draft": 0.001})
    (before, after) = (simulate(each) for each in (plain, slow))
    rounds, drafts = len(after.rounds), after.rounds["drafted"].sum()
    longer_s = after.requests["latency_s"].sum() - before.requests["latency_s"].sum()
    assert longer_s == pytest.approx(0.003 * rounds + 0.001 * drafts, rel=1e-9)


def test_a_pass_takes_the_engines_step_once_whoever_shares_it() -> None:
    """A pass of 1 s with a step of .1 s: two rounds that share it wait for one."""
    bench = Bench(latency={"kind": "constant", "per_pass_s": 1.0}, step_s=0.1)
    first = bench.submit((0, 0), 5, prefill=True)
    bench.settle()
    together = [bench.submit((device, 0), 9, verified_drafts=4) for device in (1, 2)]
    bench.env.run()
    assert [each.done_s for each in (first, *together)] == [[pytest.approx(1.1)], *[[pytest.approx(2.2)]] * 2]


@pytest.mark.parametrize(
    ("scheme", "part"), [("cloud_only", "cloud_decode_s"), ("colocated", "cloud_decode_s"), ("k_sqs", "verify_s")]
)
def test_an_engines_step_lengthens_every_pass_and_is_told_in_the_parts_of_the_latency(scheme: str, part: str) -> None:
    """One request: its prompt is read in a pass, each round verified, or each token decoded, in one."""
    lone = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    plain = cell(scheme, workload=lone)
    before, after = (simulate(each).requests.iloc[0] for each in (plain, plain.with_({"cloud.step_s": 0.002})))
    longer_s = {name: after[name] - before[name] for name in BREAKDOWN}
    told = {name: seconds for name, seconds in longer_s.items() if abs(seconds) > 1e-12}
    passes = after["rounds"]
    assert told[part] + told.get("prefill_s", 0.0) == pytest.approx(0.002 * passes, rel=1e-9)
    assert sum(longer_s.values()) == pytest.approx(after["latency_s"] - before["latency_s"], abs=1e-9)
