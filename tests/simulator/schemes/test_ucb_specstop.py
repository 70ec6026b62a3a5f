"""UCB-SpecStop: its index, what it learns from, and the delay at which one draft a round stops being best."""

from collections.abc import Callable
from math import inf, log, sqrt

import numpy as np
import pytest
from cells import cell, link

from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.results.phase_prediction import one_draft_up_to_s
from simulator.schemes import UcbSpecStop
from simulator.schemes.policy import DraftRound, EdgeView, PolicyState, SeenLink, SeenVerdict

EARLIER = (SeenVerdict(1, 0, 0, 0.0, 0.0),)


def rounds(
    policy: UcbSpecStop, round_s: Callable[[int], float], accepts: float, count: int, seed: int = 0
) -> tuple[list[int], list[tuple[int, float, int]], PolicyState]:
    """Lengths chosen; (length, seconds, tokens) of each round; the state after."""
    draw = np.random.default_rng(seed)
    state, now_s, made = policy.learn(EARLIER[0], policy.entry(None)), 0.0, []
    for _ in range(count):
        action, state = policy.next(EdgeView(now_s, (), 64, 40, EARLIER, SeenLink()), state)
        assert isinstance(action, DraftRound)
        accepted = int((draw.random(action.length) < accepts).cumprod().sum())
        took_s = round_s(action.length)
        now_s += took_s
        state = policy.learn(SeenVerdict(action.length, accepted, 0, now_s - took_s / 2, now_s), state)
        made.append((action.length, took_s, accepted + 1))
    return [length for length, _, _ in made], made, state


@pytest.mark.parametrize("exploration_s", [0.0, 0.05, 0.5])
def test_each_length_is_tried_once_and_then_the_index_of_the_paper_decides(exploration_s: float) -> None:
    """Against the formula, written out over all that happened."""
    policy = UcbSpecStop(longest=6, exploration_s=exploration_s)
    lengths, made, _ = rounds(policy, lambda k: 0.1 + 0.02 * k, 0.6, 120)
    assert lengths[:6] == [1, 2, 3, 4, 5, 6]
    for t in range(6, 120):
        index = {}
        for k in range(1, 7):
            own = [each for each in made[:t] if each[0] == k]
            seconds, tokens = (sum(each[n] for each in own) for n in (1, 2))
            index[k] = (seconds - exploration_s * sqrt(len(own) * log(t + 1))) / tokens
        assert index[lengths[t]] == pytest.approx(min(index.values()), rel=1e-12)


def test_a_first_round_and_what_the_cloud_decodes_teach_nothing() -> None:
    policy = UcbSpecStop(longest=3)
    action, state = policy.next(EdgeView(0.0, (), 9, 40, (), SeenLink()), policy.entry(None))
    after = policy.learn(SeenVerdict(1, 1, 100, 1.0, 9.0), state)
    assert action == DraftRound(1) and not any(after[2:]) and after[0] == 9.0
    assert not any(policy.learn(SeenVerdict(0, 0, 0, 9.0, 9.5), after)[2:])
    later = policy.learn(SeenVerdict(1, 1, 100, 9.2, 10.0), after)
    assert later[2:] == (1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    assert policy.entry(later) == (-1.0, *later[1:])  # what it knows lives on, when the last result came does not


def test_a_round_that_the_budget_cut_counts_for_the_length_that_was_chosen() -> None:
    policy = UcbSpecStop(longest=2)
    state = (0.0, 2.0, 0.1, 0.0, 2.0, 0.0, 1.0, 0.0)
    assert policy.learn(SeenVerdict(1, 1, 100, 0.1, 0.2), state)[2:] == (0.1, 0.2, 2.0, 2.0, 1.0, 1.0)


def test_no_length_beyond_what_the_round_may_have_is_chosen() -> None:
    policy = UcbSpecStop(longest=8)
    state = (0.0, 0.0, *[0.1] * 8, *[1.0, 1, 2, 2, 3, 3, 4, 9], *[1.0] * 8)
    assert policy.chosen(state, inf) == 8 and policy.chosen(state, 5) == 5  # type: ignore[arg-type]


@pytest.mark.parametrize(("draft_s", "verify_s"), [(0.001, 0.0005), (0.02, 0.004)])
def test_simulated_one_draft_a_round_is_best_up_to_the_critical_delay(draft_s: float, verify_s: float) -> None:
    """Over a pair that accepts .7 everywhere. Seconds a token of simulated rounds of 1 and 2 drafts, which take what
    the paper's round takes; tokens a round within 5 sd of (1 - a^{k+1}) / (1 - a), and the order of the two turns at
    d_c where they have just that."""
    a = 0.7
    critical_s = one_draft_up_to_s((a, a * a), draft_s + verify_s, verify_s) / 2
    memory, cost_s = Memory(), {}
    for delay_s in (0.9 * critical_s, 1.1 * critical_s):
        for k in (1, 2):
            made = cell(
                {
                    "kind": "k_sqs",
                    "k": 16,
                    "resolution": 1 << 16,
                    "code": "enumerative",
                    "max_drafts": k,
                    "budget_bits": None,
                },
                models={"pair": {"kind": "synthetic", "size": 16, "distance": 0.3, "entropy_bits": 3}},
                workload={"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 60},
                edge={"latency": {"kind": "constant", "per_pass_s": draft_s}, "encode_s_per_draft": 0},
                cloud={"batching": "none", "latency": {"kind": "affine", "base_s": 0, "per_token_s": verify_s}},
                uplink=link(inf, delay_s),
                downlink=link(inf, delay_s),
            )
            table = simulate(made, memory=memory).rounds
            whole = table[(table["drafted"] == k) & (table["round"] > 1)]
            took_s = (whole["answered_s"] - whole["started_s"]).to_numpy()
            assert took_s == pytest.approx(k * draft_s + 2 * delay_s + (k + 1) * verify_s)
            tokens = (1 - a ** (k + 1)) / (1 - a)
            assert whole["committed"].mean() == pytest.approx(tokens, abs=5 * whole["committed"].sem())
            cost_s[delay_s, k] = took_s.mean() / tokens
    below, above = sorted({delay_s for delay_s, _ in cost_s})
    assert cost_s[below, 1] < cost_s[below, 2] and cost_s[above, 1] > cost_s[above, 2]
