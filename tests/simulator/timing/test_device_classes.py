"""Classes of devices with workloads of their own: what each asks and when, its books, and what it shares."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell, link
from plants import AirWatch, Ran, ran
from tables_pair import Tables

from channels.link.radio_power import OnAir
from channels.uniforms import Uniforms
from simulator import Cell, ConfigError, sweep
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import changed, spread
from simulator.decoding.memory import Memory
from simulator.results.column_names import ALL_CLASSES, CLASS
from simulator.results.metrics import METRICS, ON_REQUEST

MEMORY = Memory()
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
    return ran(fleet(), MEMORY, watch), watch


def rows_of(run: Ran, name: str) -> pd.DataFrame:
    return run.result.requests[run.result.requests[CLASS] == name]


def test_each_class_asks_by_its_own_workload_whoever_else_is_there(watched: tuple[Ran, AirWatch]) -> None:
    asked = watched[0].result.requests.sort_values(["device", "request"])
    assert dict(asked.groupby(CLASS, sort=False).size()) == {"phones": 18, "meters": 8, "sensor": 2}
    meters = asked[asked[CLASS] == "meters"].groupby("device")["arrival_s"].apply(list)
    assert [round(b - a, 9) for each in meters for a, b in pairwise(each)] == [0.7] * 6
    assert meters.map(lambda each: 0 <= each[0] < 0.7).all() and meters[3][0] != meters[4][0]
    more = ran(fleet(fleet={"phones": {**PHONES, "count": 5}, "meters": METERS}), MEMORY).result.requests
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
    assert phones["cloud_busy"] == meters["cloud_busy"] == result.summary["cloud_busy"]
    assert phones["uplink_busy"] != meters["uplink_busy"] and meters["edge_busy"] == 0 < phones["edge_busy"]


PAGED = {"batching": {"kind": "continuous", "cap": 4}, "kv_tokens": 30}
WINDOW = {"kind": "selective_repeat", "timeout_s": 0.3}
ACKS = {"half_duplex": "device", "sharing": "own", "arq": WINDOW | {"ack_bits": 40}}
AT_ONCE = {way: link(2e4, loss=LOSSY, sharing="processor") for way in ("uplink", "downlink")}
SHARED: dict[str, dict[str, Any]] = {
    "planned": {"uplink": link(4e4, mtu_bits=600), "downlink": link(8e4)},
    "planned, calm": {"uplink": link(4e4, mtu_bits=600, arq=WINDOW), "downlink": link(8e4, arq=WINDOW)},
    "planned, cut off": {"uplink": link(8e3, mtu_bits=600, arq=WINDOW), "horizon_s": 2.6},
    "own lanes, calm": {
        "uplink": link(1e4, sharing="own", arq=WINDOW),
        "downlink": link(3e4, sharing="own", arq=WINDOW),
    },
    "in turn, chunks": {
        "uplink": link(4e4, sharing="round_robin"),
        "cloud": {"batching": "continuous", "token_budget": 12},
    },
    "preempted": {"cloud": PAGED | {"admission": "preempt"}},
    "at once, two servers": AT_ONCE | {"cloud": {"servers": 2, "batching": "waiting"}},
    "at once, cut off": AT_ONCE | {"horizon_s": 2.6},
    "half duplex": {"uplink": link(1e4, **ACKS), "downlink": link(1e4, loss=LOSSY, **ACKS)},
    "small buffer": {"uplink": link(5e3, buffer_packets=1)},
}
"""Cells whose classes share links and servers."""
RADIO = {
    "transmit_w": 2.0, "receive_w": 1.5, "transmit_j_per_bit": 1e-5, "promotion_s": 0.1, "promotion_w": 1.2,
    "tail": [[1.0, 0.05], [0.4, 0.3]], "idle_w": 0.1,
}  # fmt: skip
NO_RADIO = OnAir(0.0)
SUMS = (
    "uplink_bits", "downlink_bits", "cloud_s", "edge_j", "radio_j", "battery_j", "cloud_busy_j", "cloud_held_j",
    "busy_usd", "held_usd",
)  # fmt: skip


def sharing_cell(name: str, seed: int) -> Cell:
    fields = dict(SHARED[name])
    calm = {"deadline_s": None, "absences": "none"} if "calm" in name else {"deadline_s": 2.2}
    phones = {**PHONES, "uplink": None, "workload": {**PHONES["workload"], "gap_s": 0.02, **calm}}
    meters = {**METERS, "workload": {**METERS["workload"], "period_s": 0.25, "requests": 8}}
    work = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 6}
    cloud = {
        "latency": {"kind": "affine", "base_s": 0.03, "per_token_s": 0.004, "per_cached_token_s": 1e-4},
        "usd_per_gpu_hour": 2.0,
    }
    cloud |= {"power": {"busy_w": 90.0, "idle_w": 20.0}, **fields.pop("cloud", {"batching": "waiting"})}
    radio = None if "calm" in name else RADIO  # requests may be timed after they are decoded then
    ways = {way: fields.pop(way, link(8e4)) | {"radio": radio} for way in ("uplink", "downlink")}
    return fleet(
        fleet={"phones": phones, "meters": meters, "others": {"count": 3}},
        workload=work | fields,
        edge={"latency": {"kind": "constant", "per_pass_s": 0.005}, "power": {"busy_w": 5.0, "idle_w": 1.0}},
        cloud=cloud,
        seed=seed,
        **ways,
    )


def sums_of(summary: dict[str, float], tokens: float) -> dict[str, float]:
    """What the metrics of one row are of, in all."""
    units = {name: f"{name}_per_million_tokens" if "usd" in name else f"{name}_per_token" for name in SUMS}
    per_token = {name: summary[unit] for name, unit in units.items() if not np.isnan(summary.get(unit, np.nan))}
    return {name: value * tokens for name, value in per_token.items()} | {
        "dropped": summary["dropped_packets"],
    }


def alone_on_air(watch: AirWatch, of: Cell, name: str, over_s: float) -> dict[int, float]:
    """By device, its packets' seconds on the air of a link until `over_s`: the equal part of each at each instant."""
    lanes = defaultdict[int, list[tuple[float, float, int]]](list)
    for each in watch.airings:
        if each.link == name and each.began_s <= over_s:
            own = getattr(of, name).sharing.transmitter_per_device
            lanes[each.address[0] if own else -1].append((each.began_s, min(over_s, each.left_s), each.address[0]))
    found = defaultdict[int, float](float)
    for spans in lanes.values():
        for from_s, to_s in pairwise(sorted({s for span in spans for s in span[:2]})):
            here = [device for began_s, left_s, device in spans if began_s <= from_s and left_s >= to_s]
            for device in here:
                found[device] += (to_s - from_s) / len(here)
    return found


@pytest.mark.parametrize("name", SHARED)
def test_classes_together_have_all_that_they_share_and_each_what_an_observer_adds_up(name: str) -> None:
    """Bits and airtime from every attempt, seconds from every pass, split by what each share would take alone."""
    of, watch = sharing_cell(name, 1), AirWatch()
    result = ran(of, MEMORY, watch).result
    tokens = result.requests.groupby(CLASS)["output_tokens"].sum()
    rows = {each: sums_of(result.by_class[each], tokens[each]) for each in result.by_class}
    for what, all_of_them in sums_of(result.summary, tokens.sum()).items():
        assert all_of_them > 0 or what == "dropped", what
        assert sum(row[what] for row in rows.values()) == pytest.approx(all_of_them, rel=1e-9), what
    unwatched = ran(of, MEMORY)
    for each, row in unwatched.result.by_class.items():
        assert sums_of(row, tokens[each]) == pytest.approx(rows[each], rel=1e-9)
    for built in unwatched.plant.links:
        assert sum(built.air_of_s([device]) for device in range(8)) == pytest.approx(built.air_s, rel=1e-9)
    if of.workload.horizon_s < 1e3:
        return  # nobody hears how what is under way goes on
    over_s, connections = watch.plant.env.now, watch.plant.connections
    classes = [each.called for each in of.classes for _ in each.devices]
    devices = {each.called: list(each.devices) for each in of.classes}
    connected_j = {each: connections.joules_of(mine) for each, mine in devices.items()}
    watch.plant.env.run(until=over_s + 600.0)
    seconds, way = defaultdict[str, float](float), {"uplink": of.uplink, "downlink": of.downlink}
    for served in watch.passes:
        alone_s = [of.cloud.latency.pass_s([work]) for work in served.work]
        for (device, _), part_s in zip(served.sessions, alone_s, strict=True):
            took_s = max(0.0, min(over_s, served.ended_s) - served.began_s)
            seconds[classes[device]] += took_s * part_s / sum(alone_s)
    cloud = watch.plant.cloud
    assert cloud.evictions or name != "preempted"
    assert any(len({classes[device] for device, _ in each.sessions}) > 1 for each in watch.passes)
    assert "chunks" not in name or any(new < 8 and not cached for each in watch.passes for new, cached in each.work)
    for each, row in rows.items():
        assert row["cloud_s"] == pytest.approx(seconds[each], rel=1e-9)
        mine, joules = devices[each], connected_j[each]
        for link_ in way:
            radio, air_s = (
                way[link_].on_air(sends=link_ == "uplink") or NO_RADIO,
                alone_on_air(watch, of, link_, over_s),
            )
            bits = sum(
                air.bits for air in watch.airings
                if air.link == link_ and air.address[0] in mine and air.began_s <= over_s
            )  # fmt: skip
            assert row[f"{link_}_bits"] == pytest.approx(bits, rel=1e-12)
            joules += radio.watts * sum(air_s[device] for device in mine) + radio.j_per_bit * bits
        assert "calm" in name or row["radio_j"] == pytest.approx(joules, rel=1e-9)


def test_what_classes_pay_for_energy_is_theirs_and_held_servers_without_a_pass_are_nobodys() -> None:
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "power": {"busy_w": 5.0, "idle_w": 1.0}}
    classes = {"a": {"edge": {"usd_per_kwh": 0.3}}, "b": {"scheme": "cloud_only", "edge": {"usd_per_kwh": 3.0}}}
    cloud = {"usd_per_gpu_hour": 2.0, "latency": {"kind": "constant", "per_pass_s": 0.02}}
    ways: dict[str, Any] = {way: link(8e4, radio=RADIO) for way in ("uplink", "downlink")}
    result = ran(fleet(fleet=classes, edge=edge, cloud=cloud, **ways), MEMORY).result
    assert np.isnan(result.summary["busy_usd_per_million_tokens"])
    for name, price in (("a", 0.3), ("b", 3.0)):
        row = result.by_class[name]
        usd = 2 / 3600 * row["cloud_s_per_token"] + price / 3.6e6 * row["battery_j_per_token"]
        assert row["busy_usd_per_million_tokens"] == pytest.approx(1e6 * usd)
    local = ran(fleet(fleet={"a": SENSOR, "b": SENSOR}, cloud=cloud), MEMORY).result
    assert local.summary["held_usd_per_million_tokens"] > 0 == local.by_class["a"]["busy_usd_per_million_tokens"]
    assert np.isnan(local.by_class["a"]["held_usd_per_million_tokens"])


def test_a_class_says_what_a_cell_of_its_workload_would_say() -> None:
    """Its workload and its links decide when, its scheme and the length of its answers what: the tokens of a device
    are those of the same device in a cell without classes."""
    classes = {"phones": {**PHONES, "uplink": None, "scheme": "c_sqs"}, "meters": {**METERS, "scheme": "dense"}}
    calm = {**PHONES["workload"], "deadline_s": None, "absences": "none"}
    memory = Memory()
    mixed = ran(fleet(fleet={**classes, "phones": {**classes["phones"], "workload": calm}}), memory)
    for scheme, output_tokens, devices, numbers in (("c_sqs", 9, (0, 1, 2), range(6)), ("dense", 3, (3, 4), range(4))):
        work = {"kind": "closed", "devices": 5, "requests": len(numbers), "prompt_tokens": 8}
        work["output_tokens"] = output_tokens
        alone = ran(cell(scheme, workload=work), Memory())
        assert all(mixed.texts[device, n] == alone.texts[device, n] for device in devices for n in numbers)
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
