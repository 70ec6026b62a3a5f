"""The exit by entropy: its threshold, its virtual queue beside a direct recursion, and the bound on what it spends."""

from math import ceil, log2

import numpy as np
import pytest
from cells import cell, link

from channels.codec import wire
from kinds import ConfigError
from simulator import simulate
from simulator.schemes import EntropyExit
from simulator.schemes.policy import DRAFT, SEND, CloudDecodes, EdgeView, SeenDraft, SeenLink, SeenVerdict

ONE = SeenDraft(wire.Draft(0, np.array([0]), np.array([1])), 1.0, 0.0)
VIEW = EdgeView(0.0, (), 8, 40, (), SeenLink(), watts=10.0)
PASS_S, ENCODE_S, WATTS = 0.005, 1e-4, 10.0


@pytest.mark.parametrize("distribution", [[0.4, 0.3, 0.3], [0.39, 0.61, 0.0], [0.5, 0.25, 0.25], [0.34, 0.33, 0.33]])
@pytest.mark.parametrize("queue_j", [0.0, 0.25])
def test_a_draft_is_drawn_by_its_distributions_entropy_less_of_it_the_longer_the_queue(distribution, queue_j):
    policy = EntropyExit(threshold_bits=1.55, joules_per_token=1.0, joules_per_bit=0.5)
    found, _ = policy.next(VIEW._replace(drafts=(ONE,), distribution=np.array(distribution)), (queue_j, 0.0, 0.0, 0.0))
    bits = -sum(q * log2(q) for q in distribution if q)
    assert found == (DRAFT if bits <= 1.55 - queue_j / 0.5 else SEND)
    assert policy.next(VIEW, policy.entry(None))[0] == DRAFT  # a first draft has no distribution to be judged by


@pytest.mark.parametrize(("budget_j", "watts"), [(0.03, 10.0), (0.06, 10.0), (0.2, 10.0), (0.004, 3.0)])
def test_queue_and_lengths_are_those_of_a_direct_recursion_and_the_budget_holds(budget_j, watts):
    """Rounds of a text whose entropies and acceptance are drawn, each by the policy and by the recursion."""
    h, v, most, draw = 3.0, 0.2, 6, np.random.default_rng(3)
    policy = EntropyExit(threshold_bits=h, joules_per_token=budget_j, joules_per_bit=v)
    state, queue_j, spent_j, tokens, now_s, alone = policy.entry(None), 0.0, 0.0, 0, 0.0, 0
    for _ in range(400):
        sizes, accepts = 2 ** draw.integers(0, 4, most), draw.random(most) < 0.7
        action, state = policy.next(VIEW._replace(now_s=now_s, watts=watts), state)
        if queue_j > v * h:
            assert action == CloudDecodes(min(40, ceil((queue_j - v * h) / budget_j)))
            for _ in range(action.tokens):
                state = policy.learn(SeenVerdict(0, 0, 16, now_s, now_s + 0.1), state)
                assert state[0] == max(0.0, queue_j - budget_j)
                queue_j = state[0]
            tokens, alone = tokens + action.tokens, alone + action.tokens
            continue
        passes = length = 1
        while action == DRAFT and length < most:
            even = np.full(sizes[length], 1 / sizes[length])
            view = VIEW._replace(drafts=(ONE,) * length, now_s=now_s + PASS_S * length)
            assert policy.next(view, state) == (DRAFT, state)
            action, state = policy.next(view._replace(distribution=even), state)
            passes += 1
            assert (action == DRAFT) == (log2(sizes[length]) <= h - queue_j / v)
            length += action == DRAFT
        accepted = int(accepts[:length].cumprod().sum())
        sent_s = now_s + passes * PASS_S
        state = policy.learn(SeenVerdict(length, accepted, 100, sent_s, sent_s + 0.1), state)
        spent_j, tokens, now_s = spent_j + watts * passes * PASS_S, tokens + accepted + 1, sent_s + 0.1
        queue_j = max(0.0, queue_j + watts * passes * PASS_S - budget_j * (accepted + 1))
        assert state[0] == pytest.approx(queue_j, abs=1e-12)
        queue_j = state[0]  # but for rounding, on which no decision is to depend
        assert spent_j <= budget_j * tokens + v * h + watts * most * PASS_S + 1e-9
    assert (alone > 0) == (budget_j < 0.1)


def looking(budget_j: object, **fields: object) -> object:
    policy = {"kind": "entropy_exit", "threshold_bits": 4.0, "joules_per_bit": 0.05, "joules_per_token": budget_j}
    scheme = {"kind": "composed", "sparsifier": {"kind": "top_k", "k": 8}, "max_drafts": 6, "policy": policy}
    edge = {"latency": {"kind": "constant", "per_pass_s": PASS_S}, "encode_s_per_draft": ENCODE_S}
    work = {"kind": "closed", "requests": 3, "prompt_tokens": 8, "output_tokens": 48}
    return cell(scheme, workload=work, edge=edge | fields, uplink=link(1e6, 0.01), downlink=link(1e6, 0.01))


@pytest.mark.parametrize("budget_j", [0.01, 0.04])
def test_simulated_a_device_spends_no_more_than_its_budget_and_what_the_queue_may_hold(budget_j):
    found = simulate(looking(budget_j, power={"busy_w": WATTS}))
    tokens = int(found.requests["output_tokens"].sum())
    joules = found.summary["edge_j_per_token"] * tokens
    most_j = WATTS * 6 * (PASS_S + ENCODE_S)
    free = simulate(looking("inf", power={"busy_w": WATTS}))
    assert joules <= budget_j * tokens + 0.05 * 4.0 + most_j + 1e-9
    assert free.summary["edge_j_per_token"] > 1.5 * budget_j + most_j / tokens
    assert free.rounds["drafted"].mean() > found.rounds["drafted"].mean()


def test_a_budget_needs_the_devices_power_and_without_one_it_is_the_entropy_alone():
    with pytest.raises(ConfigError, match=r"scheme.policy: its budget of joules needs edge.power"):
        looking(0.5)
    policy = EntropyExit(threshold_bits=1.0)
    assert policy.learn(SeenVerdict(8, 0, 100, 1e9, 1e9), (0.0, 0.0, 10.0, 9.0)) == (0.0, 0.0, 10.0, 9.0)
    assert looking("inf").scheme.policy.joules_per_token == float("inf")
