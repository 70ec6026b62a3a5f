"""Draft lengths first: the closed form of an answer's time (`results.phase_prediction`) orders the lengths of a scheme
by the acceptance that its own setting shows in a few trials. What is sent is then raced at the first of these lengths.

With s_j = a^j, a is solved from AL = 1 + a + ... + a^L.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from channels.link.delays import ConstantDelay
from channels.link.rates import ConstantRate
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.results.phase_prediction import Deployment, Rounds, at_the_edge, colocated
from simulator.tuning.alternatives import SCHEME, Alternatives
from simulator.tuning.trials import Aim, Row

LENGTH: Final = f"{SCHEME}max_drafts"
AL, BITS = "accepted_length_tokens", "payload_bits_per_draft"
SHOWN: Final = (AL, BITS)
"""Metrics needed of each trial of a place's own setting."""
KEPT_LENGTHS: Final = 3
"""Lengths of a place that are raced, beside that of its own setting; a search may step to others."""


def is_ordered(place: Alternatives, aim: Aim) -> bool:
    """True if the closed form orders the draft lengths of a place by this aim: an answer's time, of one device that
    drafts in a line and waits for each reply, or of a cloud that drafts itself, over links of constant rate and
    delay."""
    cell, scheme = place.cell, place.cell.scheme
    timed = aim.metric.startswith(("latency", "tpot")) or aim.metric == "tokens_per_s"
    alone = not cell.fleet and cell.workload.devices == 1
    steady = all(
        isinstance(link.rate, ConstantRate) and isinstance(link.delay, ConstantDelay)
        for link in (cell.uplink, cell.downlink)
    )
    in_a_line = scheme.drafts_in_cloud or (scheme.protocol == "speculate" and not getattr(scheme, "branches", True))
    return len(place.values.get(LENGTH, ())) > KEPT_LENGTHS and timed and alone and steady and in_a_line


def shortened(place: Alternatives, trials: Sequence[Row]) -> Alternatives:
    """The place with the KEPT_LENGTHS lengths of least predicted time, the first of them its own; the place itself if
    the trials show no acceptance, or a latency model refuses a pass."""
    lengths = [each for each in place.values[LENGTH] if isinstance(each, int)]
    accepted = sum(row[AL] for row in trials) / len(trials)
    if not math.isfinite(accepted):
        return place
    a = _acceptance(accepted, place.cell.scheme.drafts)
    bits = sum(row[BITS] for row in trials) / len(trials)
    try:
        first = sorted(lengths, key=lambda length: _predicted_s(place.cell, length, a, bits))[:KEPT_LENGTHS]
    except ConfigError:  # a latency model that has no time of one of the passes
        return place
    begun = place.at({**place.own, LENGTH: first[0]})
    return place if begun is None else Alternatives(begun, {**place.fields, LENGTH: sorted(first)})


def _predicted_s(cell: Cell, drafts: int, a: float, bits_a_draft: float) -> float:
    rounds = Rounds([a**place for place in range(1, drafts + 1)])
    if cell.scheme.drafts_in_cloud:
        return colocated(_deployment(cell), rounds).latency_s
    return at_the_edge(_deployment(cell), rounds, bits_a_draft).latency_s


def _acceptance(accepted_length: float, drafts: int) -> float:
    """a of AL = 1 + a + ... + a^L, within 0..1."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        short = 1 + sum(middle**place for place in range(1, drafts + 1)) < accepted_length
        low, high = (middle, high) if short else (low, middle)
    return low


def _deployment(cell: Cell) -> Deployment:
    up, down = cell.uplink, cell.downlink
    assert isinstance(up.rate, ConstantRate) and isinstance(down.rate, ConstantRate)
    assert isinstance(up.delay, ConstantDelay) and isinstance(down.delay, ConstantDelay)
    prompt, output = cell.workload.longest
    return Deployment(
        edge=cell.edge.latency, target=cell.cloud.latency, drafter=cell.cloud.drafter_latency, prompt_tokens=prompt,
        output_tokens=output, up_delay_s=up.delay.delay_s, down_delay_s=down.delay.delay_s, up_bps=up.rate.bps,
        down_bps=down.rate.bps, id_bits=math.ceil(math.log2(cell.models.pair.vocabulary)),
        up_header_bits=up.header_bits, down_header_bits=down.header_bits,
        edge_drafts_per_pass=cell.edge.drafts_per_pass, cloud_drafts_per_pass=cell.cloud.drafts_per_pass,
    )  # fmt: skip
