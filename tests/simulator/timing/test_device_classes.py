"""Classes of devices with workloads of their own: what each asks and when, its books, and what it shares."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell, link
from plants import AirWatch, Ran, ran
from tables_pair import Tables

from channels.uniforms import Uniforms
from simulator import Cell, ConfigError, sweep
from simulator.cell.dotted_names import flatten
from simulator.decoding.memory import Memory
from simulator.results.columns import ALL_CLASSES, CLASS
from simulator.results.metrics import METRICS, ON_REQUEST

LOSSY = {"kind": "bernoulli", "probability": 0.2}
PHONES: dict[str, Any] = {
    "count": 3,
    "uplink": {"loss": LOSSY},
    "workload": {
        "kind": "bursts", "requests": 6, "burst_requests": 3, "gap_s": 0.2, "pause_s": 1.0, "output_tokens": 9,
        "slo_ttft_s": 0.6, "deadline_s": 1.2, "learning_requests": 1,
        "absences": {"kind": "scheduled", "away": [(2, 0.9, 1.7)]},
    },
}  # fmt: skip
METERS: dict[str, Any] = {
    "count": 2, "scheme": "cloud_only",
    "workload": {"kind": "ticks", "period_s": 0.7, "requests": 4, "output_tokens": 3},
}  # fmt: skip
SENSOR: dict[str, Any] = {"scheme": "edge_only"}


def fleet(**fields: Any) -> Cell:
    classes = {"phones": PHONES, "meters": METERS, "sensor": SENSOR}
    work = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 6}
    shared = {"uplink": link(2e4), "downlink": link(2e4, loss=LOSSY), "percentiles": ["ttft_p95_s", "latency_p50_s"]}
    return cell(**({"fleet": classes, "workload": work} | shared | fields))


@pytest.fixture(scope="module")
def watched() -> tuple[Ran, AirWatch]:
    watch = AirWatch()
    return ran(fleet(), watch=watch), watch


def rows_of(run: Ran, name: str) -> pd.DataFrame:
    return run.result.requests[run.result.requests[CLASS] == name]


def test_each_class_asks_by_its_own_workload_whoever_else_is_there(watched: tuple[Ran, AirWatch]) -> None:
    asked = watched[0].result.requests.sort_values(["device", "request"])
    assert dict(asked.groupby(CLASS, sort=False).size()) == {"phones": 18, "meters": 8, "sensor": 2}
    meters = asked[asked[CLASS] == "meters"].groupby("device")["arrival_s"].apply(list)
    assert [round(b - a, 9) for each in meters for a, b in pairwise(each)] == [0.7] * 6
    assert meters.map(lambda each: 0 <= each[0] < 0.7).all() and meters[3][0] != meters[4][0]
    more = ran(fleet(fleet={"phones": {**PHONES, "count": 5}, "meters": METERS})).result.requests
    again = more[more[CLASS] == "meters"].sort_values(["device", "request"])["arrival_s"]
    assert again.tolist() == asked[asked[CLASS] == "meters"]["arrival_s"].tolist()


def test_bursts_come_at_their_mean_rate() -> None:
    """Of b gaps one has mean pause_s, the others gap_s; a sum of exponentials has the sum of squares as variance."""
    made = fleet().fleet[0].workload
    assert made is not None
    work = made.model_copy(update={"requests": 9_000, "absences": cell().workload.absences})
    arrivals = np.array([ask.at_s for ask in work.asks(0, Uniforms.of(3, "users"))])
    means = np.where(np.arange(9_000) % 3, 0.2, 1.0)
    assert abs(arrivals[-1] - means.sum()) < 5 * np.sqrt((means**2).sum())
    gaps = np.diff(arrivals, prepend=0.0)
    assert gaps[::3].mean() == pytest.approx(1.0, abs=5 / np.sqrt(3_000))


def test_requests_and_packets_of_each_class_are_all_accounted_for(watched: tuple[Ran, AirWatch]) -> None:
    """I1 by class: asked = answered + timed out + abandoned; attempts by class are those of the links, each once."""
    run, watch = watched
    for each in fleet().classes:
        outcomes = rows_of(run, each.called)["outcome"].value_counts()
        assert outcomes.sum() == each.requests and set(outcomes.index) <= {"answered", "timed_out", "abandoned"}
    assert {"timed_out", "abandoned"} & set(rows_of(run, "phones")["outcome"])
    assert (rows_of(run, "meters")["outcome"] == "answered").all()
    names = {device: each.called for each in fleet().classes for device in each.devices}
    by_link: dict[str, dict[str, int]] = {}
    for airing in watch.airings:
        bits = by_link.setdefault(airing.link, {})
        bits[names[airing.address[0]]] = bits.get(names[airing.address[0]], 0) + airing.bits
    assert by_link.keys() == {"phones uplink", "uplink", "downlink"} and set(by_link["phones uplink"]) == {"phones"}
    assert {built.station.name: built.bits_sent for built in run.plant.links} == {
        name: sum(bits.values()) for name, bits in by_link.items()
    }
    assert set(by_link["uplink"]) == {"meters"}, "the sensor sends nothing"


def test_little_s_law_holds_for_each_class(watched: tuple[Ran, AirWatch]) -> None:
    """I4 by class: the integral of the number present, event by event, is the sum of the times spent."""
    for name, rows in watched[0].result.requests.groupby(CLASS):
        events = sorted([(s, 1) for s in rows["arrival_s"]] + [(s, -1) for s in rows["finish_s"]])
        present, area = 0, 0.0
        for (at_s, change), (next_s, _) in pairwise([*events, events[-1]]):
            present += change
            area += present * (next_s - at_s)
        assert area == pytest.approx((rows["finish_s"] - rows["arrival_s"]).sum(), rel=1e-9), name


def quantile(values: pd.Series, share: float) -> float:
    """By the definition: linear between order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def test_each_class_is_summed_up_by_itself_and_all_of_them_together(watched: tuple[Ran, AirWatch]) -> None:
    """A second reckoning, from the tables alone."""
    result = watched[0].result
    keys = ["cell", "device", "request"]
    rounds = result.rounds.merge(result.requests[[*keys, CLASS]], on=keys)
    assert list(result.by_class) == ["phones", "meters", "sensor"]
    for name, of in {ALL_CLASSES: result.summary, **result.by_class}.items():
        rows, played = ((t if name == ALL_CLASSES else t[t[CLASS] == name]) for t in (result.requests, rounds))
        rows, played = (t[(t["request"] >= 1) | (t[CLASS] != "phones")] for t in (rows, played))
        done = rows[rows["outcome"] == "answered"]
        assert of["answered"] == len(done) / len(rows)
        assert of["latency_per_token_s"] == pytest.approx(done["latency_s"].sum() / done["output_tokens"].sum())
        assert of["ttft_p95_s"] == pytest.approx(quantile(done["ttft_s"], 0.95))
        assert of["latency_p50_s"] == pytest.approx(quantile(done["latency_s"], 0.5))
        assert of["payload_bits_per_token"] == pytest.approx(played["payload_bits"].sum() / rows["output_tokens"].sum())
        met = (done[CLASS] != "phones") | (done["ttft_s"] <= 0.6)
        assert of["slo_attainment"] == pytest.approx(met.sum() / len(rows))
    phones, meters = result.by_class["phones"], result.by_class["meters"]
    assert phones["uplink_bits_per_token"] > 0 and np.isnan(phones["cloud_s_per_token"])
    assert np.isnan(phones["downlink_bits_per_token"]) and np.isnan(meters["uplink_bits_per_token"]), "of shared links"
    assert phones["cloud_busy"] == meters["cloud_busy"] == result.summary["cloud_busy"]
    assert phones["uplink_busy"] != meters["uplink_busy"] and meters["edge_busy"] == 0 < phones["edge_busy"]


def test_a_class_says_what_a_cell_of_its_workload_would_say() -> None:
    """Its workload and its links decide when, its scheme and the length of its answers what: the tokens of a device
    are those of the same device in a cell without classes."""
    classes = {"phones": {**PHONES, "uplink": None, "scheme": "c_sqs"}, "meters": {**METERS, "scheme": "dense"}}
    calm = {**PHONES["workload"], "deadline_s": None, "absences": "none"}
    memory = Memory()
    mixed = ran(fleet(fleet={**classes, "phones": {**classes["phones"], "workload": calm}}), memory)
    said = {(each.device, each.number): each.tokens for each in mixed.requests}
    for scheme, output_tokens, devices, numbers in (("c_sqs", 9, (0, 1, 2), range(6)), ("dense", 3, (3, 4), range(4))):
        work = {"kind": "closed", "devices": 5, "requests": len(numbers), "prompt_tokens": 8}
        work["output_tokens"] = output_tokens
        alone = ran(cell(scheme, workload=work), Memory())
        own = {(each.device, each.number): each.tokens for each in alone.requests}
        assert all(said[device, number] == own[device, number] for device in devices for number in numbers)
    live = ran(fleet(), Memory()).result.requests
    pd.testing.assert_frame_equal(ran(fleet(), memory).result.requests, live)  # remembered, or decoded now


def test_answers_of_one_class_alone_may_end_early() -> None:
    work = {"output_tokens": 12, "requests": 4}
    classes = {"a": {"workload": {"stop_at_eos": True}}, "b": {"workload": {"stop_at_eos": False}}}
    made = cell(
        "cloud_only", models={"pair": Tables()}, workload={"kind": "closed", "prompt_tokens": 7, **work}, fleet=classes
    )
    lengths = ran(made).result.requests.groupby(CLASS)["output_tokens"].apply(list)
    assert min(lengths["a"]) < 12 == min(lengths["b"])


def test_a_class_of_a_sweep_is_what_it_is_alone(tmp_path: Any) -> None:
    """I6: beside other cells, with and without a fleet, and on disk."""
    made, plain, other = fleet(), cell(seed=4), fleet(seed=1)
    table = sweep([plain, made, other], tmp_path / "out")
    alone = ran(made).result
    written = pd.read_parquet(tmp_path / "out" / "requests.parquet")
    mine = written[written["cell"] == made.id].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone.requests, check_dtype=False)
    assert written[written["cell"] == plain.id][CLASS].isna().all()
    rows = table[table["cell"] == made.id]
    assert rows[CLASS].tolist() == [ALL_CLASSES, "phones", "meters", "sensor"]
    of_phones = rows[rows[CLASS] == "phones"].iloc[0]
    assert {name: of_phones[name] for name in alone.by_class["phones"]} == pytest.approx(
        alone.by_class["phones"], nan_ok=True
    )
    assert rows["fleet.phones.count"].tolist() == [3] * 4 and CLASS not in sweep([plain]).columns


def test_without_names_and_percentiles_nothing_is_added() -> None:
    result = ran(cell(fleet=[{"count": 1}, {"count": 1}])).result
    assert CLASS not in result.requests and not result.by_class and not set(ON_REQUEST) & set(result.summary)
    always = [each for each, metric in METRICS.items() if not metric.if_known]
    assert list(result.summary)[: len(always)] == always


def test_a_class_is_laid_over_its_cell() -> None:
    made = fleet()
    phones, meters = made.fleet[:2]
    assert (
        phones.uplink is not None and phones.uplink.rate == made.uplink.rate and phones.uplink.loss != made.uplink.loss
    )
    assert phones.workload is not None and phones.workload.prompt_tokens == 8 and phones.workload.devices == 3
    assert made.workload.devices == 6 and made.requests == 18 + 8 + 2 and meters.uplink is None
    assert Cell.from_fields(made.to_fields()) == made and repr(made)
    grown = made.with_({"fleet.phones.count": 7, "fleet.meters.workload.period_s": 2, "fleet.phones.scheme.k": 3})
    assert grown.workload.devices == 10 and grown.fleet[0].workload and grown.fleet[0].workload.devices == 7
    assert flatten(grown)["fleet.meters.workload.period_s"] == 2 and flatten(grown)["fleet.phones.scheme.k"] == 3
    limited = cell(
        workload={"kind": "closed", "slo_ttft_s": 1.0}, fleet={"a": {"workload": {"slo_ttft_s": None}}, "b": {}}
    )
    assert [each.workload.slo_ttft_s for each in Cell.from_fields(limited.to_fields()).classes] == [None, 1.0]


def test_a_grid_over_the_cell_reaches_its_classes() -> None:
    base = {"models.pair": "synthetic", "fleet": {"a": {"workload": {"think_s": 1}}, "b": {"count": 2}}}
    from simulator.cell.settings import changed, spread

    axes = {"workload.output_tokens": [8, 16], "fleet.a.count": [1, 4]}
    made = spread(Cell, changed(Cell, base), axes, {"fleet.b.workload.requests": 3})
    found = [[(each.workload.output_tokens, each.count, each.requests) for each in one.classes] for one in made]
    assert found == [[(out, a, 8 * a), (out, 2, 6)] for out in (8, 16) for a in (1, 4)]
    assert [one.workload.devices for one in made] == [3, 6, 3, 6]


def test_unknown_fields_and_kinds_of_prompts_are_told() -> None:
    with pytest.raises(ConfigError, match=r"^fleet\.phone\.count: no cell has such a field; did you mean .*phones"):
        fleet().with_({"fleet.phone.count": 2})
    with pytest.raises(ConfigError, match=r"^fleet\.a\.prompts = x: must be kinds of the pair's prompts: synthetic$"):
        ran(fleet(fleet={"a": {"prompts": ["x"]}}))
    assert ran(fleet(fleet={"a": {"prompts": ["synthetic"]}})).result.requests[CLASS].tolist() == ["a", "a"]
