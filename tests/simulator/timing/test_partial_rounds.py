"""Partial rounds in time: a part is on the air while the next draft is made, and a reply ends what is wasted."""

from typing import Any

import pytest
from cells import cell, link
from heard import Looking
from plants import AirWatch, Ran, ran

from simulator.results.column_names import BREAKDOWN

PASS_S, ENCODE_S, DELAY_S, VERIFY_S = 0.005, 0.001, 0.02, 0.02
EDGE = {"latency": {"kind": "constant", "per_pass_s": PASS_S}, "encode_s_per_draft": ENCODE_S}
PARTS: dict[str, Any] = {"kind": "k_sqs", "k": 4, "max_drafts": 6, "partial": True}
ASKED = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 40}
AT_ONCE = {"kind": "selective_repeat", "window": 16, "timeout_s": 0.2}


def served(scheme: Any = PARTS, edge: Any = EDGE, watch: AirWatch | None = None, **uplink: Any) -> Ran:
    """One request, its prompt in the cloud, over an uplink that is fast unless told otherwise."""
    over = link(1e7, DELAY_S, **{"arq": AT_ONCE} | uplink)
    asked = ASKED | {"prompt_at_cloud": True}
    return ran(cell(scheme, workload=asked, edge=edge, uplink=over, downlink=link(float("inf"), DELAY_S)), watch=watch)


def test_a_round_is_sent_when_its_first_draft_is_drawn_and_received_a_transfer_after_its_last() -> None:
    rounds = served().result.rounds.iloc[1:]
    step_s = PASS_S + ENCODE_S
    full = rounds[rounds["drafted"] == 6]
    assert len(full) > 2
    assert (full["sent_s"] - full["started_s"]).to_numpy() == pytest.approx(step_s)
    airtime_s = (full["uplink_bits"] / full["uplink_attempts"] / 1e7).max()
    drafted_s = (full["received_s"] - full["started_s"] - DELAY_S).to_numpy()
    assert ((drafted_s > 6 * step_s) & (drafted_s < 6 * step_s + 2 * airtime_s)).all()


def test_airtime_is_hidden_behind_the_passes_that_follow() -> None:
    """At 100 kbit/s a packet takes about as long as a pass: whole rounds wait for all of them, partial ones for one."""
    whole, parts = (served(PARTS | {"partial": partial, "token": "flat"}, rate={"kind": "constant", "bps": 1e5})
                    for partial in (False, True))  # fmt: skip
    assert parts.result.rounds["drafted"].equals(whole.result.rounds["drafted"])
    assert parts.result.summary["latency_per_token_s"] < whole.result.summary["latency_per_token_s"]
    assert parts.result.summary["draft_s"] == pytest.approx(whole.result.summary["draft_s"])


def test_parts_that_share_a_header_stream_behind_the_passes() -> None:
    """Part n is on the air once it is made and the one before it has left: (L - 1) t_d are hidden at most."""
    bps, step_s, watch = 2e4, PASS_S + ENCODE_S, AirWatch()
    rate = {"kind": "constant", "bps": bps}
    alone = served(rate=rate).result.rounds.iloc[1:]
    whole = served(PARTS | {"partial": False, "token": "flat"}, rate=rate).result.rounds.iloc[1:]
    rounds = served(watch=watch, rate=rate, part_header_bits=8).result.rounds.iloc[1:]
    assert (rounds["accepted"] == whole["accepted"]).all() and (rounds["drafted"] == 6).sum() > 2
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + 320 + 8 * (rounds["drafted"] - 1)).all()
    assert (alone["uplink_bits"] - rounds["uplink_bits"] == 312 * (rounds["drafted"] - 1)).all()
    for row, all_at_once in zip(rounds.itertuples(), whole.itertuples(), strict=True):
        parts = [each.bits for each in watch.airings if each.link == "uplink" and each.address[2] == row.round]
        left_s = 0.0
        for number, bits in enumerate(parts, 1):
            left_s = max(number * step_s, left_s) + bits / bps
        took_s = row.received_s - row.started_s
        assert took_s == pytest.approx(left_s + DELAY_S)
        longer_s = (row.uplink_bits - all_at_once.uplink_bits) / bps
        hidden_s = all_at_once.received_s - all_at_once.started_s + longer_s - took_s
        assert 0 < hidden_s <= (row.drafted - 1) * step_s + 1e-9 or row.drafted == 1


def test_i11_time_is_the_edges_until_it_has_put_the_last_part() -> None:
    (request,) = served().requests
    spent = dict(zip(BREAKDOWN, request.spent, strict=True))
    rounds = len(request.rounds)
    passes = sum(each.edge_passes for each in request.rounds)
    assert spent["draft_s"] + spent["prefill_s"] >= (passes - 1) * PASS_S - 1e-9
    assert spent["encode_s"] == pytest.approx(ENCODE_S * sum(each.drafted for each in request.rounds))
    assert spent["propagation_s"] + spent["uplink_transmit_s"] == pytest.approx(2 * DELAY_S * rounds, abs=1e-3)
    assert sum(request.spent) == pytest.approx(request.latency_s)


def test_a_reply_to_a_round_with_a_gap_ends_its_drafting() -> None:
    """Passes of 50 ms: part 2 is lost, part 3 shows it, and the reply is there before the sixth draft."""
    slow = {"latency": {"kind": "constant", "per_pass_s": 0.05}}
    run = served(edge=slow, loss=Looking(places=(1,)))
    cut = [each for each in run.requests[0].rounds if each.received_s - each.started_s < 0.2 and each.drafted > 2]
    assert len(cut) > 5 and all(each.verified == 1 and each.drafted == each.edge_passes == 4 for each in cut)
    for each in cut:
        assert each.received_s - each.started_s == pytest.approx(3 * 0.05 + DELAY_S, abs=1e-3)
        assert each.answered_s - each.received_s == pytest.approx(VERIFY_S + DELAY_S)
    hidden_s = sum(each.answered_s - each.received_s for each in cut)
    assert run.requests[0].hidden_draft_s == pytest.approx(hidden_s, rel=0.02), "all but the end of a short round's"
    assert sum(run.requests[0].spent) == pytest.approx(run.requests[0].latency_s)


def test_that_a_round_ends_by_its_budget_is_said_in_a_bare_header() -> None:
    rounds = served(PARTS | {"budget_bits": 150, "max_drafts": 30}).result.rounds
    bare = rounds["uplink_attempts"] - rounds["drafted"]
    assert (rounds["edge_passes"] == rounds["drafted"] + bare).all() and (bare == 1).any()
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + 320 * rounds["uplink_attempts"]).all(), "I7"
