"""Joules and money: a cited device comes out as cited, a connected radio as an observer adds it up."""

import math
from typing import Any, Final

import numpy as np
import pytest
from cells import PAIR, cell, link
from plants import AirWatch

from channels.link.radio_power import RADIOS, OnAir, Radio
from models.power import POWERS, PRICES
from simulator import Cell, ConfigError, simulate
from simulator.decoding.memory import Memory
from simulator.results import METRICS
from simulator.results.column_names import Columns
from simulator.results.energy import Connections, open_s
from simulator.results.units import title

MEMORY: Final = Memory()
NAMES: Final = tuple(
    name for name, each in METRICS.items() if ("_j_per_token" in name or "_usd_per_" in name) and not each.if_known
)
UNASKED: Final = ("slo_attainment", "goodput_tokens_per_s", "unsettled_share")
"""The metrics that a cell lacks without an objective and without a threshold that moves."""
LOSSY: Final = {"kind": "bernoulli", "probability": 0.3}
WINDOW: Final = {"kind": "selective_repeat", "timeout_s": 0.3}
LINKS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "planned": (link(2e4, mtu_bits=600), link(5e4, arq=WINDOW, sharing="own")),
    "own lanes": (link(2e4, sharing="own"), link(5e3, sharing="own", arq=WINDOW)),
    "lossy": (link(2e4, loss=LOSSY, mtu_bits=600), link(3e4, loss=LOSSY, arq=WINDOW)),
}


def union_s(spans: list[tuple[float, float]]) -> float:
    """Length of what some intervals cover."""
    covered, until = [], -math.inf
    for from_s, to_s in sorted(spans):
        covered.append(max(0.0, to_s - max(from_s, until)))
        until = max(until, to_s)
    return math.fsum(covered)


def test_a_device_idles_while_a_request_is_open_there_and_no_longer() -> None:
    """By hand: one request from 1 to 4 s; one from 3 to 6 and one from 9 on, the run being over at 10."""
    rows = np.array([(0, 1.0, 4.0), (1, 9.0, math.nan), (0, 3.0, 6.0), (1, 2.0, 2.0)])
    requests = Columns(dict(zip(("device", "arrival_s", "finish_s"), rows.T, strict=True)))
    assert open_s(requests, 10.0) == {0: 5.0, 1: 1.0}


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({}, 0),
        ({"edge.power": "raspberry_pi_5"}, 1),
        ({"uplink.power_w": "nb_iot"}, 0),
        ({"uplink.power_w": "nb_iot", "downlink.power_w": "80 mW"}, 1),
        ({"cloud.power": "h100_80gb_sxm"}, 2),
        ({"cloud.usd_per_gpu_hour": "h100_specialist_2026"}, 2),
        ({"cloud.usd_per_gpu_hour": "h100_specialist_2026", "cloud.charged": "busy"}, 1),
    ],
)
def test_without_a_figure_there_is_no_number(given: dict[str, object], number: int) -> None:
    """Both directions of a link have a figure, or the metric has none."""
    summary = simulate(cell().with_(given), memory=MEMORY).summary
    assert sum(not math.isnan(summary[name]) for name in NAMES) == number
    assert all(not math.isnan(summary[name]) for name in summary if name not in (*NAMES, *UNASKED, "tpot_p95_s"))


def test_figures_of_power_change_nothing_but_what_they_are_for() -> None:
    given = {"edge.power": "raspberry_pi_5", "cloud.power": "l4", "cloud.usd_per_gpu_hour": 1, "uplink.power_w": 1}
    plain, priced = (simulate(each, memory=MEMORY).summary for each in (cell(), cell().with_(given)))
    assert {name for name in plain if plain[name] != priced[name]} - {*NAMES, *UNASKED} == set()
    assert "power" not in Cell().to_yaml() and "usd" not in Cell().to_yaml()


@pytest.mark.parametrize(
    ("size", "bytes_per_parameter", "tokens_per_s", "peak_w"),
    [("llama_3.2_3b", 0.625, 4.88, 11.9), ("llama_3.1_8b", 0.613, 2.17, 11.6)],
)
def test_a_raspberry_pi_spends_the_joules_a_token_that_were_measured(
    size: str, bytes_per_parameter: float, tokens_per_s: float, peak_w: float
) -> None:
    """2.44 and 5.35 J a token: power over speed of github.com/geerlingguy/ai-benchmarks, issue 7 (Raspberry Pi 5, 16
    GB, Ollama, Q4_K_M files of 2.01 and 4.92 GB). The clock is the roofline at .6 of the board's bandwidth, one share
    for both; the source has no joules of its own."""
    clock = {"kind": "roofline", "device": "raspberry_pi_5", "size": size, "memory_efficiency": 0.6}
    edge = {"latency": clock | {"bytes_per_parameter": bytes_per_parameter}, "power": "raspberry_pi_5"}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 1, "output_tokens": 64}
    of = cell("edge_only", models={"pair": PAIR}, edge=edge, workload=asked)
    found = simulate(of, memory=MEMORY).summary["edge_j_per_token"]
    assert found == pytest.approx(peak_w / tokens_per_s, rel=0.1)


def test_a_server_of_several_gpus_draws_and_costs_as_many_times() -> None:
    """By hand: a pass of 20 ms a token, at 400 W and 3.6 USD an hour, which is .1 cents a second."""
    given: dict[str, object] = {"cloud.power": {"busy_w": 400}, "cloud.usd_per_gpu_hour": 3.6}
    one, four = (
        simulate(cell("cloud_only").with_(given | {"cloud.gpus": gpus}), memory=MEMORY).summary for gpus in (1, 4)
    )
    assert one["cloud_busy_j_per_token"] == pytest.approx(400 * one["cloud_s_per_token"])
    assert one["busy_usd_per_million_tokens"] == pytest.approx(1e6 * 0.001 * one["cloud_s_per_token"])
    assert [four[name] / one[name] for name in NAMES[2:]] == pytest.approx([4, 4, 4, 4])
    clocked = Cell().with_({"cloud.latency": {"kind": "roofline", "gpus": 4, "size": "llama_3.1_70b"}})
    assert clocked.cloud.server_gpus == 4 and Cell().cloud.server_gpus == 1
    with pytest.raises(ConfigError, match=r"^cloud.gpus = 2: must be null or cloud.latency.gpus, 4"):
        clocked.with_({"cloud.gpus": 2})
    profiled = Cell().with_({"cloud.latency": {"kind": "profile", "name": "a100x4_70b"}})
    assert profiled.cloud.server_gpus == 4


def test_a_device_month_is_730_hours_of_the_run_held_in_full_and_busy_for_its_passes_alone() -> None:
    """By hand: two servers of 3.6 USD an hour over three devices; of that the share of the run in passes."""
    of = cell("cloud_only").with_({"workload.devices": 3, "cloud.servers": 2, "cloud.usd_per_gpu_hour": 3.6})
    found = simulate(of, memory=MEMORY)
    held, busy = (found.summary[f"{charged}_usd_per_device_month"] for charged in ("held", "busy"))
    assert held == pytest.approx(730 * 3.6 * 2 / 3)
    passes_s = found.summary["cloud_s_per_token"] * found.requests["output_tokens"].sum()
    span_s = found.requests["finish_s"].max() - found.requests["arrival_s"].min()
    assert busy == pytest.approx(held * passes_s / (2 * span_s))
    assert not [name for name in simulate(cell("cloud_only"), memory=MEMORY).summary if "device_month" in name]


def test_both_prices_stand_side_by_side_and_each_says_which_it_is() -> None:
    """They may order two settings one way and the other: here the slower link holds the server and works it no more."""
    priced: dict[str, object] = {"cloud.usd_per_gpu_hour": 3.6, "cloud.power": {"busy_w": 400, "idle_w": 40}}
    slow, fast = (
        simulate(cell(scheme, bps).with_(priced), memory=MEMORY).summary
        for scheme, bps in (("k_sqs", 1e3), ("cloud_only", 1e6))
    )
    assert slow["busy_usd_per_million_tokens"] < fast["busy_usd_per_million_tokens"]
    assert slow["held_usd_per_million_tokens"] > 10 * fast["held_usd_per_million_tokens"]
    names = NAMES[2:]
    for name in names:
        assert ("busy" in title(name).split()) != ("held" in title(name).split()) and not math.isnan(slow[name])
    for charged in ("busy", "held"):
        alone = simulate(cell("k_sqs", 1e3).with_(priced | {"cloud.charged": charged}), memory=MEMORY).summary
        for name in names:
            assert alone[name] == slow[name] if charged in name else math.isnan(alone[name])


def test_named_figures_are_cited_and_radios_send_and_receive() -> None:
    assert all("(U" in each.source or "(P" in each.source for each in (*POWERS.values(), *RADIOS.values()))
    assert all("(P" in each.source and each.usd > 0 for each in PRICES.values())
    nb_iot = Cell().with_({"uplink.power_w": "nb_iot"}).uplink
    assert (nb_iot.on_air(sends=True), nb_iot.on_air(sends=False)) == (OnAir(0.5), OnAir(0.08))


def test_one_packet_over_lte_costs_the_joules_of_its_connection() -> None:
    """The source's own figure for a packet alone is 12.76 J, promotion and tail; airtime of a packet of 1,000 bits at 1
    Mbit/s costs 2 mJ."""
    radio = RADIOS["lte"]
    alone = Connections({0: radio.connections})
    alone.aired(0, 5.0, 5.001)
    alone.aired(1, 5.0, 5.001)
    up = radio.on_air(sends=True)
    assert alone.joules + 0.001 * up.watts + 1000 * up.j_per_bit == pytest.approx(12.76, rel=0.02)


STATES: Final = Radio(
    transmit_w=2.0, receive_w=1.4, transmit_j_per_bit=3e-6, receive_j_per_bit=1e-6, promotion_s=0.5, promotion_w=0.8,
    tail=((1.2, 0.1), (0.5, 2.0), (0.3, 5.0)), idle_w=0.05,
)  # fmt: skip


@pytest.mark.parametrize("links", ["planned", "lossy", "own lanes"])
@pytest.mark.parametrize(("stated", "radio"), [({"power_w": "lte"}, RADIOS["lte"]), ({"radio": STATES}, STATES)])
def test_a_connected_radio_draws_from_its_first_packet_to_the_tail_of_its_last(
    stated: dict[str, object], radio: Radio, links: str
) -> None:
    """Each device's joules, added up state by state by an observer who sorts its packets; a request a minute breaks
    the connection."""
    up, down = ({**way, **stated} for way in LINKS[links])
    asked = {"kind": "closed", "requests": 2, "devices": 2, "prompt_tokens": 8, "output_tokens": 12, "think_s": 60.0}
    of, watched = cell(workload=asked, uplink=up, downlink=down), AirWatch()
    result = simulate(of, watched, memory=MEMORY)
    joules, level_w, last_s = 0.0, radio.tail[0][0], radio.tail[-1][1]
    for device in range(2):
        spans = sorted((each.began_s, each.left_s) for each in watched.airings if each.address[0] == device)
        joules += radio.promotion_s * radio.promotion_w + level_w * union_s(spans) + radio.tail_j(last_s)
        ended_s, broken = spans[0][1], 0
        for began_s, left_s in spans:
            if (gap_s := began_s - ended_s) > 0:
                from_s = 0.0
                for watts, until_s in radio.tail:
                    joules += watts * max(0.0, min(gap_s, until_s) - from_s)
                    from_s = until_s
            if gap_s > last_s:
                broken += 1
                joules += radio.promotion_s * radio.promotion_w + radio.idle_w * (gap_s - last_s)
            ended_s = max(ended_s, left_s)
        assert broken == 1
    for way, per_bit, watts in (
        ("uplink", radio.transmit_j_per_bit, radio.transmit_w),
        ("downlink", radio.receive_j_per_bit, radio.receive_w),
    ):
        own = [each for each in watched.airings if each.link == way]
        lanes = [None] if not getattr(of, way).sharing.transmitter_per_device else [0, 1]
        joules += per_bit * sum(each.bits for each in own)
        joules += (watts - level_w) * sum(
            union_s([(each.began_s, each.left_s) for each in own if lane in (None, each.address[0])]) for lane in lanes
        )
    tokens = result.requests["output_tokens"].sum()
    assert result.summary["radio_j_per_token"] * tokens == pytest.approx(joules, rel=1e-9)


@pytest.mark.parametrize("gap_s", [0.05, 0.1, 1.0, 4.9, 5.1, 60.0])
def test_periodic_packets_cost_what_the_closed_form_says(gap_s: float) -> None:
    """Promotion + transfer + tail of each where the connection breaks in between, and idle listening; else the part of
    the tail in the gap. One alone costs all of it."""
    air_s, number = 0.02, 7
    heard = Connections({0: STATES.connections})
    for place in range(number):
        heard.aired(0, place * (air_s + gap_s), place * (air_s + gap_s) + air_s)
    more_w = STATES.transmit_w - 1.2
    found = heard.joules + number * (air_s * more_w + 800 * 3e-6)
    alone = 0.5 * 0.8 + air_s * 2.0 + 800 * 3e-6 + 1.2 * 0.1 + 0.5 * 1.9 + 0.3 * 3.0
    assert STATES.packet_j(air_s, 800) == pytest.approx(alone)
    assert found == pytest.approx((number - 1) * STATES.packet_j(air_s, 800, gap_s) + alone)
    by_hand = {0.05: 0.06, 1.0: 0.12 + 0.45, 60.0: 0.4 + 0.12 + 0.95 + 0.9 + 0.05 * 55}.get(gap_s)
    assert by_hand is None or STATES.packet_j(air_s, 800, gap_s) == pytest.approx(air_s * 2 + 800 * 3e-6 + by_hand)


def test_a_battery_gives_what_its_processor_and_radio_draw_and_its_joules_have_a_price() -> None:
    """By hand from what a run says of itself: a million tokens' rent, and their joules at .36 USD a kWh, 1e-7 a J."""
    known = {"uplink.radio": STATES, "downlink.radio": STATES, "edge.power": {"busy_w": 3, "idle_w": 1}}
    priced = {"cloud.usd_per_gpu_hour": 3.6, "edge.usd_per_kwh": 0.36}
    rent = {**known, "cloud.usd_per_gpu_hour": 3.6}
    found, rented = (simulate(cell().with_(each), memory=MEMORY) for each in ({**known, **priced}, rent))
    one, requests = found.summary, found.requests
    joules = one["edge_j_per_token"] + one["radio_j_per_token"]
    assert one["battery_j_per_token"] == pytest.approx(joules)
    tokens = requests["output_tokens"].sum()
    assert one["battery_j_per_request"] == pytest.approx(joules * tokens / len(requests))
    for charged in ("busy", "held"):
        name = f"{charged}_usd_per_million_tokens"
        assert one[name] - rented.summary[name] == pytest.approx(1e6 * joules * 1e-7)
    for lacking in ("uplink.radio", "downlink.radio", "edge.power"):
        part = simulate(cell().with_({name: each for name, each in known.items() if name != lacking}), memory=MEMORY)
        assert not [name for name in part.summary if "battery" in name]
    assert Cell().with_({"edge.usd_per_kwh": "grid_home_2025"}).edge.usd_per_kwh == 0.17
    with pytest.raises(ConfigError, match="must be US dollars, or one of grid_home_2025"):
        Cell().with_({"edge.usd_per_kwh": "grid"})
