"""What each policy decides, from views and verification results written by hand."""

import numpy as np
import pytest

from simulator.schemes import QsHeuristic, RunningAcceptance
from simulator.schemes.policies.running_estimates import Estimates
from simulator.schemes.policy import DraftRound, EdgeView, PolicyState, SeenLink, SeenVerdict

RTT_S, S_PER_BIT, PASS_S = 0.08, 1e-4, 0.01


def view(now_s: float = 0.0, most: int = 16, earlier: int = 1, **fields: object) -> EdgeView:
    result = SeenVerdict(1, 1, 100, 0.0, 1.0)
    return EdgeView(now_s, (), most, 40, (result,) * earlier, SeenLink())._replace(**fields)


def away_s(bits: int) -> float:
    return RTT_S + S_PER_BIT * bits


def estimates(rounds: list[tuple[int, int, int]]) -> Estimates:
    known = Estimates()
    for drafted, accepted, bits in rounds:
        result = SeenVerdict(drafted, accepted, bits, 1.0, 1.0 + away_s(bits))
        known = known.with_acceptance(result, 0.9).time(result, 0.9)
    return known


def test_delay_and_rate_are_told_apart_by_rounds_of_different_bits() -> None:
    known = estimates([(2, 2, 210), (4, 1, 400), (3, 0, 320), (4, 4, 390)])
    assert known.s_per_bit == pytest.approx(S_PER_BIT)
    assert known.away_s(1000) == pytest.approx(away_s(1000)) and known.away_s(0) == pytest.approx(RTT_S)


def test_rounds_of_equal_bits_tell_nothing_of_the_rate() -> None:
    known = estimates([(4, 2, 400)] * 5)
    assert known.s_per_bit == 0 and known.away_s(800) == pytest.approx(away_s(400))


def test_acceptance_counts_the_drafts_that_were_verified() -> None:
    """Two rounds: all four stood; the second of four fell, so two were verified. Before them a prior worth one
    draft."""
    known = Estimates()
    for accepted in (4, 1):
        known = known.with_acceptance(SeenVerdict(4, accepted, 100, 0.0, 1.0), 1.0)
    assert known.acceptance(0.5) == (5 + 0.5) / (6 + 1)


def settled(policy: RunningAcceptance, accepts: float, length: int, rounds: int = 300) -> tuple[PolicyState, list[int]]:
    """The policy over a link as above, where rounds of `length` bits a draft stand as i.i.d. acceptance makes them."""
    draw = np.random.Generator(np.random.Philox(7))
    state, now_s, lengths = policy.entry(None), 0.0, list[int]()
    for number in range(rounds):
        action, state = policy.next(view(now_s, earlier=number), state)
        assert isinstance(action, DraftRound)
        drafted = action.length
        fell = draw.random(drafted) >= accepts
        accepted = int(fell.argmax()) if fell.any() else drafted
        sent_s, bits = now_s + drafted * PASS_S, drafted * length + int(draw.integers(0, 9))
        now_s = sent_s + away_s(bits)
        state = policy.learn(SeenVerdict(drafted, accepted, bits, sent_s, now_s), state)
        lengths.append(drafted)
    return state, lengths


@pytest.mark.parametrize("accepts", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("bits", [20, 400])
def test_running_acceptance_finds_the_length_of_the_closed_form(accepts: float, bits: int) -> None:
    """Within a tenth of the best tokens a second, (1 - a^{g+1}) / (1 - a) over g t_d + g b / R + RTT, in the mean over
    the last rounds."""

    def tokens_per_s(g: int) -> float:
        return (1 - accepts ** (g + 1)) / (1 - accepts) / (g * (PASS_S + bits * S_PER_BIT) + RTT_S)

    _, lengths = settled(RunningAcceptance(memory_rounds=100.0), accepts, bits)
    best = max(map(tokens_per_s, range(1, 17)))
    assert np.mean([tokens_per_s(g) for g in lengths[-100:]]) > 0.9 * best


def test_running_acceptance_begins_as_it_is_told_and_keeps_what_it_knows() -> None:
    policy = RunningAcceptance(first_length=3)
    assert policy.next(view(), policy.entry(None))[0] == DraftRound(3)
    assert policy.next(view(most=2), policy.entry(None))[0] == DraftRound(2)
    state, lengths = settled(policy, 0.9, 20)
    assert policy.entry(state) == state and lengths[-1] > 3


def test_a_first_round_says_nothing_of_time_and_a_token_of_the_clouds_nothing_at_all() -> None:
    policy = RunningAcceptance()
    _, state = policy.next(view(earlier=0), policy.entry(None))
    late = policy.learn(SeenVerdict(4, 2, 400, 1.0, 99.0), state)
    assert Estimates(*late[:8]).rounds == 0 and Estimates(*late[:8]).verified == 3
    assert policy.learn(SeenVerdict(0, 0, 16, 1.0, 2.0), state) == state


def test_qs_heuristic_is_long_where_uplink_and_text_are_good_and_takes_the_finer_rung() -> None:
    policy = QsHeuristic(short=2, long=6)
    _, state = policy.next(view(), policy.entry(None))
    for bits in (200, 300, 400):
        state = policy.learn(SeenVerdict(4, 4, bits, 0.0, away_s(bits)), state)
    fast = policy.learn(SeenVerdict(4, 4, 400, 0.0, away_s(400)), state)
    slow = policy.learn(SeenVerdict(4, 4, 400, 0.0, 2 * away_s(400)), state)
    both = policy.learn(SeenVerdict(4, 1, 400, 0.0, 2 * away_s(400)), state)
    assert policy.next(view(rungs=3), fast)[0] == DraftRound(6, 2)
    assert policy.next(view(rungs=3), slow)[0] == DraftRound(4, 0)
    assert policy.next(view(rungs=3), both)[0] == DraftRound(2, 0)


def test_lengths_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="short = 5: must be at most long = 4"):
        QsHeuristic(short=5, long=4)
