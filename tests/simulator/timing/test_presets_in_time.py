"""Every link with a name carries a cell to its end, with its books in order; what each costs is of the right size."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from cells import cell
from plants import AirWatch, ran

from channels.link.presets import PRESETS
from simulator import CellResult
from simulator.results import BREAKDOWN
from simulator.results.observer import Airing


@cache
def run(name: str, scheme: str) -> tuple[CellResult, list[Airing]]:
    """Two devices, one request of eight tokens each, over both ways of a preset."""
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 8, "devices": 2}
    watch = AirWatch()
    made = cell(scheme, workload=asked, uplink=f"{name}.uplink", downlink=f"{name}.downlink")
    return ran(made, watch=watch).result, watch.airings


def ms_per_token(name: str, scheme: str) -> float:
    return 1000 * float(run(name, scheme)[0].summary["latency_per_token_s"])


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_answers_and_its_books_add_up(name: str, scheme: str) -> None:
    """I1 and I4 are checked at the end of the run; here I7 and I11."""
    result, airings = run(name, scheme)
    requests = result.requests
    assert list(requests["outcome"]) == ["answered"] * 2
    spent = requests[list(BREAKDOWN)].sum(axis=1).to_numpy()
    assert spent == pytest.approx(requests["latency_s"].to_numpy(), rel=1e-9)
    aired_bits = sum(airing.bits for airing in airings if airing.link == "uplink")
    booked_bits = float(result.summary["uplink_bits_per_token"] * requests["output_tokens"].sum())
    on_air_bits = booked_bits - aired_bits  # when all is answered, acknowledgements of the last replies
    assert -1e-6 < on_air_bits < 2 * PRESETS[name].downlink.arq.ack_bits + 1e-6


def test_packets_of_a_half_duplex_device_do_not_overlap() -> None:
    _, airings = run("nb_iot", "k_sqs")
    for device in (0, 1):
        mine = sorted((each for each in airings if each.address[0] == device), key=lambda each: each.began_s)
        assert all(one.left_s <= next_.began_s + 1e-12 for one, next_ in pairwise(mine))


@pytest.mark.parametrize("factor", range(7, 13))
def test_a_lora_device_pays_for_each_streamed_token_with_the_silence_after_an_empty_frame(factor: int) -> None:
    """Cloud-only: 100 times the airtime of a bare header of 200 bits a token, or the wait for a window if longer."""
    link = PRESETS[f"lora_sf{factor}"].uplink
    cycle_ms = 1000 * 100 * link.rate.airtime_s(link.header_bits)  # type: ignore[attr-defined]
    assert ms_per_token(f"lora_sf{factor}", "cloud_only") >= 0.8 * cycle_ms


def test_each_token_down_on_iridium_is_a_session_of_its_own() -> None:
    _, airings = run("iridium_sbd", "cloud_only")
    up, down = ([each for each in airings if each.link == way] for way in ("uplink", "downlink"))
    assert len(up) >= len(down) == 2 * 8
    assert ms_per_token("iridium_sbd", "cloud_only") > 1000 * PRESETS["iridium_sbd"].uplink.access_s


def test_on_nb_iot_only_the_first_message_waits_for_a_connection() -> None:
    """A round of a connected device takes at least its grant, and, with some 30 ms of payload, less than 0.3 s."""
    rounds = run("nb_iot", "k_sqs")[0].rounds
    later = rounds[rounds["round"] > 1]
    later_s = later["received_s"].to_numpy(float) - later["sent_s"].to_numpy(float)
    assert PRESETS["nb_iot"].uplink.access_s <= later_s.min() and later_s.max() < 0.3


def test_on_lte_each_round_waits_for_its_grant_and_travels_with_jitter() -> None:
    """10 ms of grant, 7 of processing and core network, 5 of mean jitter: 17 at least, 22 in the mean."""
    rounds = run("lte", "k_sqs")[0].rounds
    later = rounds[rounds["round"] > 1]
    travelled_s = later["received_s"].to_numpy(float) - later["sent_s"].to_numpy(float)
    assert travelled_s.min() > 0.017
    assert abs(travelled_s.mean() - 0.022) < 4 * 0.005 / len(travelled_s) ** 0.5
