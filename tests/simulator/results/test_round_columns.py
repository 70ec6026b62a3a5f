"""Every column of `rounds.parquet` beside a value of its own, recounted from the distributions, the bytes and the
air."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from accounted_cells import CELLS, account
from column_checks import alike, idle, names_differ, same
from seen_requests import RequestSeen, RoundSeen
from slow_drafts import Distribution, SlowDraft, distance
from slow_times import Transfer

from simulator.results.columns import ROUND_COLUMNS


@dataclass(frozen=True)
class Seen:
    """A round of a request, in the order of the run's table."""

    request: RequestSeen
    round: RoundSeen

    @property
    def sent(self) -> bool:
        return self.round.sent

    @property
    def flushed(self) -> bool:
        return not math.isnan(self.round.flushed_s)

    @property
    def verified(self) -> bool:
        return not math.isnan(self.round.verified_s)


def over_drafts(measure: Callable[[SlowDraft], float]) -> Callable[[Seen], float]:
    """The sum over the drafts of a payload, once that is sent."""
    return lambda seen: sum(measure(draft) for draft in seen.round.decoded.measured) if seen.sent else 0


def over_verified(measure: Callable[[SlowDraft, Distribution], float]) -> Callable[[Seen], float]:
    """The sum over the drafts up to the first rejected one, once they are verified; p is the distribution there."""

    def value(seen: Seen) -> float:
        decoded = seen.round.decoded
        pairs = zip(decoded.judged, decoded.targets, strict=False)
        return sum(measure(draft, p) for draft, p in pairs) if seen.verified else 0.0

    return value


def tv_output(seen: Seen) -> float:
    decoded = seen.round.decoded
    if decoded.unverified is not None and seen.verified:
        return distance(decoded.unverified, decoded.targets[0])
    return over_verified(lambda draft, p: distance(draft.output_distribution(p), p))(seen)


def nll(seen: Seen) -> float:
    decoded = seen.round.decoded
    losses = [-math.log(p[token]) for p, token in zip(decoded.targets, decoded.committed, strict=True)]
    return sum(losses) if seen.verified else 0.0


def uplink(amount: Callable[[RoundSeen], float]) -> Callable[[Seen], float]:
    """The amount that a payload has, known once it is in."""
    return lambda seen: amount(seen.round) if seen.sent and seen.round.up and seen.round.received_s < math.inf else 0


def payloads(round_: RoundSeen) -> list[Transfer]:
    """The one, and the whole one where that was requested."""
    return [each for each in (round_.up, round_.whole) if each]


def downlink_bits(seen: Seen) -> float:
    down, ask = seen.round.down, seen.round.ask
    asked_bits = ask.bits(ask.delivered_s) if ask else 0
    return asked_bits + down.bits(down.delivered_s) if down and down.delivered_s <= seen.request.finish_s else 0


EXPECTED: Final[dict[str, Callable[[Seen], float]]] = {
    "round": lambda seen: seen.round.decoded.number,
    "started_s": lambda seen: seen.round.started_s,
    "sent_s": lambda seen: seen.round.sent_s,
    "received_s": lambda seen: seen.round.received_s,
    "verified_s": lambda seen: seen.round.verified_s,
    "answered_s": lambda seen: seen.round.answered_s,
    "drafted": lambda seen: len(seen.round.decoded.drafts) if seen.sent else 0,
    "verified": over_verified(lambda _draft, _p: 1),
    "unjudged": lambda _: 0,  # these cells judge all; others in tests/invariants/test_i12_skip_when_confident.py
    "accepted": lambda seen: seen.round.decoded.accepted if seen.verified else 0,
    "committed": lambda seen: len(seen.round.decoded.committed) if seen.verified else 0,
    "payload_bits": lambda seen: seen.round.decoded.payload_bits if seen.sent else 0,
    "uplink_bits": uplink(lambda round_: sum(each.bits(each.delivered_s) for each in payloads(round_))),
    "uplink_attempts": uplink(lambda round_: sum(each.times_sent(each.delivered_s) for each in payloads(round_))),
    "reply_bits": lambda seen: seen.round.decoded.reply_bits if seen.verified else 0,
    "downlink_bits": downlink_bits,
    "support_size": over_drafts(lambda draft: len(draft.kept)),
    "coded_size": over_drafts(lambda draft: draft.coded_size),
    "dropped_mass": over_drafts(lambda draft: draft.dropped_mass),
    "tv_quantization": over_drafts(lambda draft: draft.tv_quantization),
    "tv_mismatch": over_verified(lambda draft, p: distance(draft.q, p)),
    "tv_qhat": over_verified(lambda draft, p: distance(draft.qhat, p)),
    "rejection_bound": over_verified(lambda draft, p: draft.rejection_bound(p)),
    "tv_output": tv_output,
    "nll": nll,
    "over_budget": lambda seen: any(draft.over_budget for draft in seen.round.decoded.measured) if seen.sent else 0,
    "asked": lambda seen: seen.round.decoded.whole_bits > 0 if seen.sent else 0,
    "edge_passes": lambda seen: seen.round.passes_by(seen.request.finish_s),
    "flushed": lambda seen: seen.flushed,
    "stale": lambda seen: seen.flushed and not math.isnan(seen.round.received_s),
    "flushed_drafts": lambda seen: seen.round.flushed_drafts,
    "flushed_bits": lambda seen: seen.round.flushed_bits,
}


def rounds_of(cell: str) -> list[Seen]:
    """By device, request and round."""
    return [Seen(request, round_) for request in account(cell).requests for round_ in request.rounds]


@pytest.mark.parametrize("column", EXPECTED)
def test_a_column_of_rounds_is_what_was_seen(column: str) -> None:
    for cell in CELLS:
        rounds = account(cell).result.rounds.sort_values(["device", "request", "round"])
        same(rounds[column], [EXPECTED[column](seen) for seen in rounds_of(cell)], f"cell {cell!r}")


def test_every_column_of_rounds_is_expected_to_be_something() -> None:
    assert not names_differ((column.name for column in ROUND_COLUMNS), EXPECTED)


def test_no_two_columns_of_rounds_could_be_swapped_unnoticed() -> None:
    columns = {name: [value(seen) for cell in CELLS for seen in rounds_of(cell)] for name, value in EXPECTED.items()}
    assert not alike(columns)
    assert idle(columns) == ["unjudged"]  # see there


@pytest.mark.parametrize("cell", CELLS)
def test_a_round_goes_by_its_request(cell: str) -> None:
    rounds = account(cell).result.rounds.sort_values(["device", "request", "round"])
    assert (rounds["cell"] == account(cell).cell.id).all()
    keys = [(seen.request.device, seen.request.number) for seen in rounds_of(cell)]
    assert list(zip(rounds["device"], rounds["request"], strict=True)) == keys
