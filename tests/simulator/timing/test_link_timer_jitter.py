"""The jitter of repeats frees a repeat that keeps step with what it fails on."""

from typing import Any

import pytest
from cells import cell, link
from links import TIMER_S, Bench, Given, Scripted

from simulator import simulate

LOSSY = {"kind": "bernoulli", "probability": 0.3}


class InStep:
    """Loses whatever leaves in the first half of each fifth of the timer."""

    def lost(self, now_s: float, bits: int, rate_bps: float, index: tuple[int, int, int, int, int]) -> bool:
        return round(now_s % (TIMER_S / 5), 9) % (TIMER_S / 5) < TIMER_S / 10


def arq(jitter: float, **fields: Any) -> dict[str, Any]:
    return {"kind": "stop_and_wait", "timeout_s": TIMER_S, "timer_jitter": jitter, **fields}


def test_an_exact_timer_never_escapes_a_loss_in_step_with_it_and_a_drawn_out_one_does() -> None:
    outcomes = {}
    for jitter in (0.0, 0.2):
        bench = Bench(loss=Given(by=InStep()), rate={"kind": "constant", "bps": "inf"}, arq=arq(jitter))
        message = bench.put(0.0, device=0, bits=1000)
        bench.env.run(until=50.0)
        outcomes[jitter] = message.done, message.attempts
    assert outcomes[0.0] == (False, 100)
    assert outcomes[0.2][0] and outcomes[0.2][1] < 20


def test_waits_are_drawn_out_never_cut_short_and_a_pause_too() -> None:
    """Attempts 0 and 1 are lost, the second the last in a row: two timers' waits, and a pause of 10 s before the
    third."""
    limits = arq(0.5, max_attempts=2, timeout_max_s=10.0)
    bench = Bench(lost=Scripted((0, 0, 0, 0), (0, 0, 0, 1)), arq=limits)
    bench.put(0.0, device=0, bits=1000)
    bench.run()
    at = [at_s for at_s, state in bench.log[0, 0] if state in ("timeout_wait", "retransmit")]
    first_s, both_s = at[1] - at[0], at[3] - at[2]
    assert TIMER_S < first_s < 1.5 * TIMER_S
    assert 10 + TIMER_S < both_s < 1.5 * (10 + TIMER_S)


def test_cells_that_differ_in_their_rate_alone_wait_equally_long_for_the_same_packets() -> None:
    waited = [
        simulate(cell(bps=bps, uplink=link(bps, loss=LOSSY))).requests["timeout_wait_s"].to_numpy()
        for bps in (3e3, 1e5, float("inf"))
    ]
    assert waited[0].sum() > 0.2
    for other in waited[1:]:
        assert other == pytest.approx(waited[0], rel=1e-9)
