"""What a `laws` call costs beside the bare transformers forward pass it makes: alternated, median CPU time, a ratio.

The bare pass is the network called as transformers documents, on the same tokens with the same cache, and no softmax.
"""

import statistics
import time

import pytest
import torch
from transformers import DynamicCache

import models.zoo  # noqa: F401  registers the pairs
from models.bundled.smollm2 import SmolLM2
from models.interface import Pair

CACHED = 128
REPEATS = {"sotu": 300, "smollm2": 30}


@pytest.fixture(scope="module", params=REPEATS)
def pair(request):
    if request.param == "smollm2" and (reason := SmolLM2.available()):
        pytest.skip(reason)
    return request.param, Pair.of(request.param).load()


def _wrapped_s(text, tokens, new):
    text.crop(CACHED)
    start = time.thread_time()
    text.distributions(tokens, new)
    return time.thread_time() - start


def _bare_s(network, cache, ids):
    if (extra := cache.get_seq_length() - CACHED) > 0:
        cache.crop(-extra)
    with torch.inference_mode():
        start = time.thread_time()
        network(input_ids=ids, cache=cache, use_cache=True)
        return time.thread_time() - start


@pytest.mark.parametrize("new", [1, 9], ids=["decode", "verify 8"])
@pytest.mark.parametrize("role", ["drafter", "verifier"])
def test_a_distributions_call_costs_little_more_than_its_bare_pass(pair, role, new, capsys, ratio):
    kind, loaded = pair
    model = getattr(loaded, role)
    tokens = (loaded.prompts[0].tokens * CACHED)[: CACHED + new]
    text, cache = model.open(1.0), DynamicCache(config=model.network.config)
    text.distributions(tokens[:CACHED], 1)
    ids = torch.tensor([tokens])
    with torch.inference_mode():
        model.network(input_ids=ids[:, :CACHED], cache=cache, use_cache=True)
    pairs = [
        (_wrapped_s(text, tokens, new), _bare_s(model.network, cache, ids[:, CACHED:])) for _ in range(REPEATS[kind])
    ]
    wrapped, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    with capsys.disabled():
        print(f"\n{kind} {role} {new} new: {wrapped * 1e6:.0f} us / bare {bare * 1e6:.0f} us = {wrapped / bare:.3f}")
    ratio(
        f"distributions / bare pass: {kind}, {role}, {new} new",
        wrapped / bare,
        at_most=1.15,
        meaning="CPU time of a call",
    )
