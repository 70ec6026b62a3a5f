"""Every link with a name carries a cell to its end, with its books in order."""

from functools import cache

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


@pytest.mark.parametrize("factor", range(7, 13))
def test_a_lora_device_pays_for_each_streamed_token_with_the_silence_after_an_empty_frame(factor: int) -> None:
    """Cloud-only: 100 times the airtime of a bare header of 200 bits a token, or the wait for a window if longer."""
    link = PRESETS[f"lora_sf{factor}"].uplink
    cycle_ms = 1000 * 100 * link.rate.airtime_s(link.header_bits)  # type: ignore[attr-defined]
    assert ms_per_token(f"lora_sf{factor}", "cloud_only") >= 0.8 * cycle_ms
