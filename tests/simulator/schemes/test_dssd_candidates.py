"""DSSD with candidates in time: what crosses the air, how long it takes, and that nothing in time changes a token."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from cells import HEADER_BITS, cell, link
from hostile import refused_or_itself
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import AirWatch, ran

from channels.codec import wire
from channels.codec.candidates import Candidate, CandidateList, decode_accepted, decode_list, encode_first, encode_more
from channels.codec.draft_scalars import (
    Owed,
    bound_coded_bits,
    coded_bits,
    decode_coded,
    encode_coded,
    largest_coded_bits,
)
from models.verification import candidates_below
from simulator import Cell, simulate
from simulator.decoding.memory import Memory

PAIR = {"kind": "synthetic", "size": 64, "entropy_bits": 2.0, "distance": 0.6}
FIELDS: dict[str, Any] = {"kind": "dssd_candidates", "resolution": 200, "max_drafts": 3}
ASKED = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24, "prompt_at_cloud": True}


def made(candidates: int, **fields: Any) -> Cell:
    return cell(FIELDS | {"candidates": candidates}, **{"models": {"pair": PAIR}, "workload": ASKED} | fields)


def test_the_text_is_the_same_for_any_number_of_candidates_and_any_link() -> None:
    lossy = {"kind": "bernoulli", "probability": 0.4}
    crashes = {"kind": "random", "mean_there_s": 0.2, "mean_away_s": 0.05}
    cloud = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}, "failures": crashes}
    known = ran(made(1)).texts
    assert known == ran(made(8)).texts
    late = ran(made(1, uplink=link(2e4, loss=lossy, mtu_bits=344), downlink=link(1e5, loss=lossy), cloud=cloud))
    assert late.texts == known
    assert late.plant.cloud.crashes > 3 and late.result.rounds["asked"].any()


def test_a_server_that_crashes_between_a_reply_and_the_request_for_more_changes_nothing() -> None:
    """It is away from when each reply that leaves a correction open is sent until the request for more is answered."""
    quiet = ran(made(1), watch=AirWatch())
    rounds = quiet.result.rounds
    times = [(row.verified_s + 1e-4, row.verified_s + 0.05) for row in rounds[rounds["asked"]].itertuples()][:3]
    away = {"kind": "scheduled", "away": [(0, *each) for each in times]}
    cloud = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}, "failures": away}
    crashed = ran(made(1, cloud=cloud))
    assert crashed.plant.cloud.crashes == len(times) == 3
    assert crashed.texts == quiet.texts
    assert crashed.result.summary["latency_per_token_s"] >= quiet.result.summary["latency_per_token_s"]


def test_a_request_for_more_takes_a_round_trip_and_no_pass_and_its_bits_are_charged_both_ways() -> None:
    watch = AirWatch()
    clocks: dict[str, Any] = {
        "edge": {"latency": {"kind": "constant", "per_pass_s": 0.003}, "encode_s_per_draft": 0.0007},
        "uplink": link(1e4, 0.011, header_bits=40), "downlink": link(2e4, 0.017, header_bits=56),
    }  # fmt: skip
    run = ran(made(1, workload=ASKED | {"requests": 1, "prompt_tokens": 1}, **clocks), watch=watch)
    rounds = run.result.rounds
    more = rounds["uplink_attempts"] - 1
    assert more.max() > 1 and ((more > 0) == rounds["asked"]).all()
    for row, requests in zip(rounds.itertuples(), more, strict=True):
        made_s = 0.003 * row.drafted + 0.0007 * row.drafted + 0.02
        up_s = (row.uplink_bits) / 1e4 + 0.011 * (1 + requests)
        down_s = row.downlink_bits / 2e4 + 0.017 * (1 + requests)
        assert row.answered_s - row.started_s == pytest.approx(made_s + up_s + down_s, rel=1e-9)
        assert row.uplink_bits == row.payload_bits + 40 * (1 + requests)
        assert row.downlink_bits == row.reply_bits + 56 * (1 + requests)
        assert row.sent_s < row.received_s < row.verified_s < row.answered_s
    assert len(watch.passes) == len(rounds)
    (request,) = run.requests
    assert math.fsum(request.spent) == pytest.approx(request.latency_s, rel=1e-12)
    assert sum(each.bits for each in watch.airings) == rounds[["uplink_bits", "downlink_bits"]].to_numpy().sum()


def test_a_rejection_takes_tens_of_bits_down_where_dssd_takes_a_distribution() -> None:
    mine, theirs = (
        simulate(cell(scheme, models={"pair": PAIR}), memory=Memory())
        for scheme in (FIELDS, FIELDS | {"kind": "dssd", "k": None})
    )
    rejected = mine.rounds["accepted"] < mine.rounds["drafted"]
    assert mine.rounds["reply_bits"][rejected].max() <= 8 * 16 < 32 * 64 <= theirs.rounds["reply_bits"].max()
    assert mine.summary["tv_output"] == 0.0 < theirs.summary["tv_output"]
    assert mine.summary["payload_bits_per_draft"] < theirs.summary["payload_bits_per_draft"]
    assert HEADER_BITS * len(mine.rounds) < mine.rounds["uplink_bits"].sum()


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 9), st.integers(1, 12), st.integers(0, 1 << 30))
def test_candidates_end_when_all_is_refused(size: int, ell: int, seed: int) -> None:
    """No id comes twice at one height or a lower one, none above p, the rejected one never; and they are few."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(size, 0.5))
    rejected = int(p.argmin())
    found = [*candidates_below(p, rejected, ell, iter(lambda: float(rng.random()), None))]
    assert len(found) <= ell + size and rejected not in {token for token, _ in found}
    for token in range(size):
        heights = [height for each, height in found if each == token]
        assert heights == sorted({*heights}) and all(height <= min(ell - 1, ell * p[token]) for height in heights)
    highest = dict(found)
    assert all(highest[token] + 1 >= min(ell, ell * p[token] - 1e-9) for token in highest), "all under p was refused"


@st.composite
def lists(draw: st.DrawFn) -> tuple[wire.Format, CandidateList, tuple[Candidate, ...]]:
    """A format, what is known of a list, and one that could follow."""
    V, ell = draw(st.sampled_from([(4, 5), (1024, 100), (50, 1)]))
    ids = st.integers(0, V - 1)
    rejected, most = draw(ids), draw(st.integers(1, 4))
    floors, all_ = dict[int, int](), list[Candidate]()
    for token, skipped in draw(st.lists(st.tuples(ids, st.integers(0, ell)), max_size=8)):
        height = floors.get(token, 0) + skipped
        if token != rejected and height < ell:
            all_.append(Candidate(token, height))
            floors[token] = height + 1
    known = CandidateList(most, tuple(draw(st.lists(ids, max_size=5))), rejected, tuple(all_[:-most]))
    return wire.Format(V, ell, 4), known, tuple(all_[-most:])


@settings(deadline=None, max_examples=40)
@given(lists(), st.binary(max_size=8), st.integers(0, 4))
def test_i8_lists_come_back_and_all_other_bytes_are_refused_or_encode_to_themselves(case, content, accepted):
    format, known, found = case
    first, more = encode_first(accepted, found, known, format), encode_more(found, known, format)
    assert decode_accepted(first, 4, format) == accepted
    assert decode_list(first, known, format, first=True) == decode_list(more, known, format, first=False) == found
    for hostile in (content, more[:-1], more + b"\0"):
        refused_or_itself(hostile, partial(decode_list, first=False), encode_more, known, format)
    for wrong in ((known.rejected, 0), (format.vocabulary, 0), (0, format.resolution)):
        with pytest.raises(wire.CodecError):
            encode_more((Candidate(*wrong),), known, format)


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from([(4, 5), (1024, 100), (50, 1)]), st.binary(max_size=8), st.booleans())
def test_i8_coded_scalars_come_back_and_all_other_bytes_are_refused(data, size, content, corrects):
    V, ell = size
    format, ids = wire.Format(V, ell, 3), st.integers(0, V - 1)
    pairs = data.draw(st.lists(st.tuples(ids, st.integers(1, ell)), min_size=1, max_size=3))
    drafts = tuple(wire.Draft(token, np.array([token]), np.array([count])) for token, count in pairs)
    context, owed = tuple(data.draw(st.lists(ids, max_size=5))), None
    if corrects:
        owed = Owed(data.draw(ids), tuple(data.draw(st.lists(ids, max_size=3, unique=True))))
    correction, offered = owed or (None, None)
    packet = encode_coded(drafts, format, context, owed)
    assert decode_coded(packet, format, context, offered) == (correction, drafts)
    bits = coded_bits(drafts, format, context, owed)
    largest = largest_coded_bits(drafts[:-1], np.arange(V), format, context, owed)
    assert -(-bits // 8) == len(packet) and bits <= largest <= bound_coded_bits(len(drafts), format, owed)

    def again(found: tuple[int | None, tuple[wire.Draft, ...]]) -> bytes:
        corrected, others = found
        return encode_coded(others, format, context, None if corrected is None else Owed(corrected, offered or ()))

    for hostile in (content, packet[:-1], packet + b"\0"):
        refused_or_itself(hostile, lambda content: decode_coded(content, format, context, offered), again)
