"""DSSD in time: the text of K-SQS, what travels both ways, and how a request ends."""

import pytest
from cells import HEADER_BITS, PAIR, cell
from plants import ran

from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.results.column_names import LOSSLESS_TV

PAIRS = [PAIR, {**PAIR, "distance": 0.6, "entropy_bits": 1.0}, {**PAIR, "size": 1000, "seed": 3}]


@pytest.mark.parametrize(("pair", "seed"), [*zip(PAIRS, range(3), strict=True)])
def test_in_single_precision_the_text_is_that_of_k_sqs(pair: object, seed: int) -> None:
    same = {"k": 4, "resolution": 50, "max_drafts": 5}
    known = {"models": {"pair": pair}, "seed": seed}
    assert ran(cell({"kind": "dssd", **same}, **known)).texts == ran(cell({"kind": "k_sqs", **same}, **known)).texts
    whole = {"resolution": 50, "max_drafts": 5}
    dense = ran(cell({"kind": "dense", **whole}, **known))
    assert ran(cell({"kind": "dssd", "k": None, **whole}, **known)).texts == dense.texts


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["10k", "100k"])
@pytest.mark.parametrize("seed", [0, 1])
def test_on_a_real_pair_the_text_is_that_of_k_sqs(pair: str, seed: int) -> None:
    known = {"models": {"pair": {"kind": "sotu", "drafter": pair, "verifier": "1m"}}, "seed": seed}
    assert ran(cell("dssd", **known)).texts == ran(cell("k_sqs", **known)).texts


def test_requests_side_by_side_on_one_device_keep_their_own_corrections() -> None:
    work = {"kind": "poisson", "rate_per_s": 50, "requests": 4, "prompt_tokens": 8, "output_tokens": 16}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.01}, "concurrency": 3}
    assert ran(cell("dssd", workload=work, edge=edge)).texts == ran(cell("k_sqs", workload=work)).texts


def test_an_answer_that_ends_with_a_rejection_sends_nothing_after_it() -> None:
    """Each answer has one token: a round of one draft, of which some are rejected."""
    asked = {"kind": "closed", "requests": 40, "prompt_tokens": 8, "output_tokens": 1}
    result = ran(cell("dssd", workload=asked)).result
    rounds = result.rounds
    assert 2 < (rounds["accepted"] < rounds["drafted"]).sum() < len(rounds) == 40
    assert (result.requests["outcome"] == "answered").all()
    prompts_bits = 40 * (HEADER_BITS + 8 * 7)  # 8 ids of 6 bits, and the bit that ends them
    assert result.summary["uplink_bits_per_token"] * 40 == pytest.approx(rounds["uplink_bits"].sum() + prompts_bits)


def test_the_uplink_is_a_few_bits_a_draft_and_the_downlink_a_distribution_a_rejection() -> None:
    known, mine = (simulate(cell(scheme), memory=Memory()).summary for scheme in ("k_sqs", "dssd"))
    assert mine["payload_bits_per_token"] < 0.3 * known["payload_bits_per_token"]
    assert mine["downlink_bits_per_token"] > 4 * known["downlink_bits_per_token"]
    for name in ("tv_qhat", "tv_mismatch", "rejection_bound", "verifier_nll_per_token", "acceptance_rate"):
        assert mine[name] == known[name], name


def test_tv_output_is_measured_and_tells_the_lossy_from_the_rounded() -> None:
    single, half = (
        simulate(cell(scheme), memory=Memory()) for scheme in ("dssd", {"kind": "dssd", "precision": "half"})
    )
    assert 0 < single.summary["tv_output"] < LOSSLESS_TV < half.summary["tv_output"]


def test_a_correction_counts_where_the_verifier_is_asked_for_it() -> None:
    """The cloud feeds it with the drafts: a pass of one token more than there are drafts, after a rejection and after a
    bonus alike."""
    rounds = simulate(
        cell("dssd", cloud={"batching": "none", "latency": {"kind": "affine", "base_s": 0.0, "per_token_s": 0.001}}),
        memory=Memory(),
    ).rounds
    later = rounds[rounds["round"] > 1]
    took = (later["verified_s"] - later["received_s"]).to_numpy()
    assert took == pytest.approx(0.001 * (later["drafted"].to_numpy() + 1), rel=1e-9)
