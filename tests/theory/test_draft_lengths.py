"""Draft lengths in closed form: TK-SLT's speed-up (arXiv 2509.04576), and the tokens that a round commits.

A round of g drafts, each of which stands with probability a if it is verified, commits (1 - a^{g+1}) / (1 - a) tokens.
With L a draft's time over that of all else in a round its speed-up is S(g) = (1 - a^{g+1}) / ((1 - a)(1 + L g)).
"""

import numpy as np
import pytest
from cells import cell

from kinds import mistakes
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.schemes import TruncatedFp16
from simulator.schemes.policies import RunningAcceptance
from simulator.schemes.policies.running_estimates import Estimates

BEST_LENGTHS = {0.01: 14, 0.1: 6, 0.2: 4, 0.4: 2, 0.6: 1}
"""By L, at a = .8: REFERENCE, "Rounds, latency, throughput"."""
POLICY = TruncatedFp16(policy="running_acceptance").families.policy  # type: ignore[arg-type]


@pytest.mark.parametrize("cost", BEST_LENGTHS)
def test_tk_slt_s_table_is_the_policys_length_where_acceptance_and_times_are_known(cost: float) -> None:
    """A draft takes `cost`, all else in a round one second, and four drafts of five stood of very many."""
    assert isinstance(POLICY, RunningAcceptance)
    known = Estimates(8e9, 1e10, rounds=10.0, drafted=40.0, bits=4e3, seconds=10.0, bits_squared=1.6e6)
    assert POLICY.best_length(known, cost, 64) == BEST_LENGTHS[cost]
    speed_up = [(1 - 0.8 ** (g + 1)) / (0.2 * (1 + cost * g)) for g in range(1, 65)]
    assert 1 + int(np.argmax(speed_up)) == BEST_LENGTHS[cost]


@pytest.mark.parametrize("drafts", [1, 4])
@pytest.mark.parametrize("scheme", ["truncated_fp16", "dssd"])
def test_a_round_commits_as_many_tokens_as_the_closed_form(scheme: str, drafts: int) -> None:
    """Over a pair whose distributions are as far apart everywhere, all of V kept: a draft stands with probability .7 at
    any place, but for what quantizing moves. Within 5 sd of n whole rounds; one of 1..g+1 tokens is at most g / 2."""
    alike = {"kind": "synthetic", "size": 16, "distance": 0.3, "entropy_bits": 3}
    work = {"kind": "closed", "requests": 16, "prompt_tokens": 8, "output_tokens": 48}
    fine = {"policy": "fixed_length"} if scheme == "truncated_fp16" else {"resolution": 1 << 16}
    made = cell(
        {"kind": scheme, "k": 16, "max_drafts": drafts, "budget_bits": None, **fine},
        models={"pair": alike},
        workload=work,
    )
    rounds = simulate(made, memory=Memory()).rounds
    whole = rounds[rounds["drafted"] == drafts]
    assert (whole["tv_qhat"] / whole["verified"]).to_numpy() == pytest.approx(0.3, abs=1e-3)
    expected = (1 - 0.7 ** (drafts + 1)) / 0.3
    assert whole["committed"].mean() == pytest.approx(expected, abs=5 * drafts / 2 / np.sqrt(len(whole)))


def test_the_former_name_of_truncated_fp16_is_accepted_and_a_line_says_so(capsys, monkeypatch):
    monkeypatch.setattr(mistakes, "PRINTED", set())
    now = cell({"kind": "truncated_fp16", "policy": "fixed_length", "k": 4})
    for typed in (cell({"kind": "half_top_k", "k": 4}), cell().with_({"scheme": "half_top_k", "scheme.k": 4})):
        assert typed == now and typed.id == now.id
    line = "sqsim: scheme half_top_k is now {kind: truncated_fp16, policy: fixed_length}; the former name is accepted "
    assert capsys.readouterr().err == f"{line}in this version\n"
