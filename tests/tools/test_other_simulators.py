"""Requests are served here when BLIS and Vidur serve them, where the latency model is the same; where memory is short,
when a plain loop says that follows vLLM's rule."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from tools.other_simulators import BLOCK, LOADS, SERVED, SMALL, Against, Answers, scheduled, short_of_memory

TICK_S = 1e-6
"""The clock of BLIS; what Vidur said is rounded to it."""


def apart_s(ours: Answers, its: Answers) -> float:
    """The most that a first or last token of any request is off."""
    return float(max(np.abs(ours.first_s - its.first_s).max(), np.abs(ours.last_s - its.last_s).max()))


def farthest_s(run: Against) -> float:
    """How far the run here is off the other simulator's."""
    ours, theirs = run.ours(), run.theirs()
    assert (ours.tokens == theirs.tokens).all() and np.abs(ours.arrival_s - theirs.arrival_s).max() < 1e-9
    return apart_s(ours, theirs)


@pytest.mark.parametrize("run", scheduled("tight", **SMALL), ids=lambda run: run.simulator)
def test_each_token_of_a_full_server_comes_when_another_simulator_says(run: Against) -> None:
    assert farthest_s(run) <= TICK_S


@pytest.mark.parametrize(
    "changed", [{"token_budget": 63}, {"batching": {"kind": "continuous", "cap": 9}}, {"batching": {"kind": "waiting"}}]
)
def test_another_budget_cap_or_batching_would_be_seen(changed: Mapping[str, object]) -> None:
    blis, _ = scheduled("tight", **SMALL | changed)
    assert farthest_s(blis) > 1e4 * TICK_S


@pytest.mark.slow
@pytest.mark.parametrize("load", LOADS)
def test_each_token_comes_when_other_simulators_say(load: str) -> None:
    for run in scheduled(load):
        assert farthest_s(run) <= TICK_S


def served_by_the_rule(load: str, blocks: int, cap: int = 64, budget: int = 512, whole_text: bool = True) -> Answers:
    """When vLLM's rule gives each request its first and its last token.

    A pass takes the requests that are in, those that decode first. Each gets the tokens that its text lacks in memory,
    or what is left of the budget. If a request finds no block, the latest to come leaves and must read its text again.
    Then requests come in, in order of arrival, while there is room for their whole text (with `whole_text` false: for
    their first chunk). None comes in during a pass for which somebody left.
    """
    table = pd.read_csv(SERVED / f"{load}.csv")
    arrival_s, answer = table["arrival_time_us"].to_numpy(float) / 1e6, table["output_tokens"].tolist()
    text, first_s, last_s = table["input_tokens"].tolist(), np.zeros(len(table)), np.zeros(len(table))
    held, said, now_s = dict[int, int](), [0] * len(table), 0.0
    coming, waiting = list(range(len(table))), list[int]()

    def needs(tokens: int) -> int:
        return -(-tokens // BLOCK)

    while coming or waiting or held:
        if not waiting and not held:
            now_s = max(now_s, arrival_s[coming[0]])
        while coming and arrival_s[coming[0]] <= now_s:
            waiting.append(coming.pop(0))
        ran, left, free = dict[int, int](), budget, blocks - sum(map(needs, held.values()))
        somebody_left = False
        for each in sorted(held, key=lambda each: (text[each] - held[each] > 1, each)):
            if each not in held or not left or len(ran) == cap:
                continue
            new = min(text[each] - held[each], left)
            while (more := needs(held[each] + new) - needs(held[each])) > free:
                latest = max((one for one in held if one > each and one not in ran), default=each)
                free += needs(held.pop(latest))
                waiting.append(latest)
                somebody_left = True
                if latest == each:
                    break
            else:
                free, left, ran[each] = free - more, left - new, new
                held[each] += new
        for each in sorted(waiting):
            new = min(text[each], left)
            if somebody_left or not new or len(ran) == cap or needs(text[each] if whole_text else new) > free:
                break
            waiting.remove(each)
            free, left, ran[each], held[each] = free - needs(new), left - new, new, new
        now_s += 0.02 + 5e-5 * sum(ran.values()) if ran else 0.0
        for each in ran:
            if held[each] == text[each]:
                first_s[each] = first_s[each] or now_s
                text[each], said[each], last_s[each] = text[each] + 1, said[each] + 1, now_s
                if said[each] == answer[each]:
                    del held[each]
    return Answers(first_s - arrival_s, last_s - arrival_s, arrival_s, np.array(answer, float))


def test_requests_of_a_full_memory_are_served_as_vllms_rule_says_and_not_with_room_for_a_chunk_alone() -> None:
    for blocks in (26, 40):
        cloud = {**SMALL, "kv_tokens": blocks * BLOCK, "kv_block_tokens": BLOCK, "admission": "preempt"}
        ours = Against("the rule", "tight", "", "", cloud).ours()
        assert apart_s(ours, served_by_the_rule("tight", blocks, cap=8, budget=64)) < 1e-9
        assert apart_s(ours, served_by_the_rule("tight", blocks, cap=8, budget=64, whole_text=False)) > 0.01


@pytest.mark.parametrize(
    ("blocks", "whole_text", "figures"),
    [
        (1600, True, [76.0, 180.6, 651.6, 28.05, 30.40, 32.60]),
        (1600, False, [76.8, 199.5, 995.7, 28.23, 31.53, 36.01]),
        (1200, True, [1033.8, 2016.9, 3036.3, 28.21, 29.78, 33.92]),
        (1200, False, [1873.8, 3835.7, 4913.5, 30.33, 32.93, 37.12]),
    ],
)
def test_what_the_admission_rule_alone_moves(blocks: int, whole_text: bool, figures: list[float]) -> None:
    """Milliseconds to the first token and per token, p50, p90, p99."""
    found = list(served_by_the_rule("busy", blocks, whole_text=whole_text).figures.values())[1:]
    assert found[:3] == pytest.approx(figures[:3], abs=0.06)
    assert found[3:] == pytest.approx(figures[3:], abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [1600, 1200])
def test_preempt_serves_the_busy_load_as_vllms_rule_says(blocks: int) -> None:
    row = next(row for row in short_of_memory() if row.answers == f"blis{blocks}" and "kv_block_tokens" in row.cloud)
    assert apart_s(row.ours(), served_by_the_rule("busy", blocks)) < 1e-9
