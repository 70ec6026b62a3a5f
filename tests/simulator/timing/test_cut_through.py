"""A packet that begins before its round is drafted: when it leaves, that it says what it would have said, and I12."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cells import cell, link
from heard import Dawdling, Looking
from plants import ran
from simulated import Simulated, written_cell
from stepped_machines import terms

from channels.link.link_config import LinkConfig
from simulator.checking.exact import distance, verifier_distribution
from simulator.results.columns import BREAKDOWN

PASS_S, ENCODE_S, DELAY_S, HEADER_BITS = 0.005, 0.001, 0.02, 40
STEP_S = PASS_S + ENCODE_S
EDGE: dict[str, Any] = {"latency": {"kind": "constant", "per_pass_s": PASS_S}, "encode_s_per_draft": ENCODE_S}
ASKED = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 30, "prompt_at_cloud": True}
AT_ONCE = {"kind": "selective_repeat", "window": 16, "timeout_s": 3.0}
FLAT = {"kind": "coupled", "token": "flat", "max_drafts": 6}
"""Six bits an id of 64, and a bit at the end."""


def served(scheme: object, bps: float, cut_through: bool, edge: Any = EDGE, devices: int = 1, **uplink: Any) -> Any:
    over = link(bps, DELAY_S, arq=AT_ONCE, header_bits=HEADER_BITS, cut_through=cut_through, **uplink)
    down = link(float("inf"), DELAY_S)
    return ran(cell(scheme, workload=ASKED | {"devices": devices}, edge=edge, uplink=over, downlink=down))


@pytest.mark.parametrize("bps", [1e2, 2e3, 1e4, 1e6, 1e9])
def test_a_packet_leaves_when_the_last_bit_that_was_awaited_has(bps: float) -> None:
    """Beside a sender that begins as soon as the first draft is there and waits for bits on the way; and beside the
    closed form, (L - 1) t_d or the airtime of what is there before the last draft, whichever is less."""
    whole, rounds = (served(FLAT, bps, on).result.rounds.iloc[1:] for on in (False, True))
    assert (rounds["drafted"] == 6).sum() > 2
    for row, all_at_once in zip(rounds.itertuples(), whole.itertuples(), strict=True):
        drafts, bits = row.drafted, row.uplink_bits
        settled = [max(0, (6 * n + 1) // 8 - 1) * 8 for n in range(1, drafts)]
        left_s = STEP_S + bits / bps
        for n, ahead in enumerate(settled, 2):
            left_s = max(left_s, n * STEP_S + (bits - HEADER_BITS - ahead) / bps)
        took_s = row.received_s - row.started_s
        assert took_s == pytest.approx(left_s + DELAY_S, abs=1e-9)
        hidden_s = all_at_once.received_s - all_at_once.started_s - took_s
        ahead_s = (HEADER_BITS + settled[-1]) / bps if settled else 0.0
        assert hidden_s == pytest.approx(min((drafts - 1) * STEP_S, ahead_s), abs=1e-9)


def test_the_closed_form_of_pieces_alike() -> None:
    """Of L pieces of b bits every t_d, behind a header of H: min((L - 1) t_d, (H + (L - 1) b) / R); where H = 0 that
    is (L - 1) min(t_d, b / R)."""
    for header_bits in (0, 24, 320):
        for bps in (1e3, 1e4, 1e5):
            config = LinkConfig(rate={"kind": "constant", "bps": bps}, header_bits=header_bits, cut_through=True)
            begin_s = config.begin_s([(n * 0.006, n * 50) for n in range(1, 6)])
            assert 0.03 - begin_s == pytest.approx(min(4 * 0.006, (header_bits + 4 * 50) / bps))
    never = LinkConfig(rate={"kind": "rayleigh"}, cut_through=True)
    assert never.begin_s([(1.0, 8), (2.0, 16)]) == 2.0, "a rate that may be any waits for all bits"
    assert config.begin_s([(1.0, 8)]) == 1.0


BLOCKS = EDGE | {"drafts_per_pass": 2}
CASES: dict[str, tuple[object, dict[str, Any]]] = {
    "k_sqs": ({"kind": "k_sqs", "k": 8, "max_drafts": 4}, {}),
    "an MTU": ({"kind": "dense", "resolution": 200, "max_drafts": 3}, {"mtu_bits": 400}),
    "a tree": ({"kind": "coupled_tree", "nodes": 8}, {}),
    "a tree with distributions": ("tree", {"edge": BLOCKS}),
    "blocks of two": ("coupled", {"edge": BLOCKS}),
    "the edge corrects": ("dssd", {}),
    "the budget ends rounds": ({"kind": "k_sqs", "k": 8, "budget_bits": 200}, {}),
    "the cloud begins": ({"kind": "k_sqs", "cloud_first": True}, {}),
    "lost packets": ("k_sqs", {"loss": Looking(period_s=0.05, share=0.4)}),
    "a tree, lost packets": ("coupled_tree", {"loss": Looking(period_s=0.05, share=0.4)}),
    "three at once": ("k_sqs", {"sharing": "processor", "devices": 3}),
    "a grant": ("k_sqs", {"access_s": 0.01, "sharing": "round_robin"}),
    "a band": ("k_sqs", {"sharing": {"kind": "bands", "shares": [0.5, 0.5]}, "devices": 2}),
    "a rate that changes": ("k_sqs", {"rate": {"kind": "markov", "bps": [2e3, 2e4]}}),
    "never: rounds ahead": ({"kind": "k_sqs", "depth": 1}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_the_same_and_what_it_hides_is_the_airtime_of_whole_packets(name: str) -> None:
    scheme, fields = CASES[name]
    whole, cut = (served(scheme, 1e4, on, **fields) for on in (False, True))
    said = ["drafted", "accepted", "committed", "payload_bits", "edge_passes"]
    assert cut.result.rounds[said].equals(whole.result.rounds[said])
    assert cut.texts == whole.texts
    hidden_s = whole.result.summary["latency_s"] - cut.result.summary["latency_s"]
    assert abs(hidden_s) < 1e-12 if name.startswith("never") else hidden_s > 1e-3
    if name == "k_sqs":
        spent, before = (dict(zip(BREAKDOWN, each.requests[0].spent, strict=True)) for each in (cut, whole))
        moved = {column for column in BREAKDOWN if abs(spent[column] - before[column]) > 1e-9}
        assert moved == {"uplink_transmit_s"}, "I11: the time is the edge's until it has drafted"


@pytest.mark.parametrize(
    "scheme",
    [
        "k_sqs", {"kind": "k_sqs", "code": "enumerative", "token": "flat"}, "dense", "coupled", FLAT, "dssd",
        "tree", {"kind": "coupled_tree", "nodes": (8, 12)}, "rungs",
    ],
    ids=str,
)  # fmt: skip
def test_what_is_settled_stays_whatever_is_drafted_next(scheme: object) -> None:
    """The first drafts of one round, and the others of another one."""
    settled = 0
    for number in range(0, 12, 2):
        session, another = (terms(scheme, number=number + each).decoding.edge() for each in range(2))
        one, other = (each.compose(each.start, 4) for each in (session, another))
        for drafts, (_, bits) in zip(one.made_by_level, session.beginnings(one), strict=False):
            mixed = replace(one, drafts=(*one.drafts[:drafts], *other.drafts[drafts:]))
            end = bits // 8
            assert session.seal(mixed).parts[0][:end] == session.seal(one).parts[0][:end]
            settled += end
    assert settled > 3


HALVES = (0.5, 0.5, 0.0)
WIDE = (HALVES, (1 / 3, 1 / 3, 1 / 3), HALVES)
"""What follows token 1 takes 24 bits of a lattice of 240 where other drafts take 16."""


@pytest.mark.parametrize("lost", [{"loss": Looking(period_s=0.037, share=0.5)},
                                  pytest.param({"loss": Looking(longer_than=50),
                                                "delay": Dawdling(period_s=0.05, share=0.5)},
                                               marks=pytest.mark.slow)])  # fmt: skip
def test_i12_whatever_is_lost_while_a_round_is_drafted(lost: dict[str, Any]) -> None:
    arq = {"kind": "selective_repeat", "window": 8, "timeout_s": 0.05, "timer_jitter": 0}
    uplink = link(2e3, header_bits=8, arq=arq, cut_through=True, **lost)
    p = (HALVES, HALVES, (0.2, 0.4, 0.4))
    made = written_cell({"kind": "c_sqs", "resolution": 240, "max_drafts": 3}, WIDE, p, 4, uplink=uplink, edge=EDGE)
    simulated = Simulated(made)
    assert distance(simulated.distribution, verifier_distribution((0,), 4, np.array(p))) < 1e-12
    assert simulated.paths > 50
