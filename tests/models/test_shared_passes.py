"""Texts that share passes: the same text alone, in other company and in another order has the same distributions, to
the bit."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from greenlet import GreenletExit
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import require_packing

from models import packed_passes
from models.bundled.smollm2 import SmolLM2
from models.packed_passes import ForwardPass, SharedNetwork, packs
from models.shared_passes import together
from models.transformer import TransformerModel
from tests.models import tiny
from tests.models.tiny import at_once

PACKING = ["gpt2", "gpt_neox", "llama", "opt"]
MODELS = {name: TransformerModel(tiny.network(name), name) for name in tiny.CONFIGS}


def story(model: TransformerModel, seed: int, rounds: int = 4) -> list[bytes]:
    """A text's distributions, round by round."""
    return [each.tobytes() for each in tiny.story(model, seed, rounds)]


@pytest.fixture
def packed_texts(monkeypatch) -> list[int]:
    """How many texts each packed pass was over."""
    counted, packed = [], packed_passes.packed

    def noted(passes):
        if passes[0].network._packs is not None:  # beyond the trial whether it packs
            counted.append(len(passes))
        return packed(passes)

    monkeypatch.setattr(packed_passes, "packed", noted)
    return counted


@pytest.mark.parametrize("architecture", PACKING)
def test_a_text_has_the_same_bits_alone_and_in_any_company(architecture, packed_texts):
    model = MODELS[architecture]

    @settings(max_examples=2, deadline=None)
    @given(st.lists(st.integers(0, 10**6), min_size=3, max_size=9), st.integers(2, 9))
    def in_company(seeds, at_a_time):
        alone = [story(model, seed) for seed in seeds]
        assert at_once([partial(story, model, seed) for seed in seeds], at_a_time) == alone
        assert at_once([partial(story, model, seed) for seed in reversed(seeds)]) == alone[::-1]

    in_company()
    require_packing()
    assert max(packed_texts) > 2


def test_texts_of_two_models_share_with_their_own_kind(packed_texts):
    calls = [(MODELS[name], seed) for seed in range(4) for name in ("llama", "opt")]
    assert at_once([partial(story, *call) for call in calls]) == [story(*call) for call in calls]
    require_packing()
    assert max(packed_texts) == 4


def test_more_new_tokens_than_a_pass_takes_are_several_passes(packed_texts, monkeypatch):
    monkeypatch.setattr(packed_passes, "MOST_TOKENS", 40)
    calls = [partial(story, MODELS["llama"], seed) for seed in range(12)]
    assert at_once(calls) == [call() for call in calls]
    require_packing()
    assert packed_texts


def test_attention_that_cannot_be_taken_apart_stays_alone_and_is_told_once(packed_texts, capsys):
    model = TransformerModel(tiny.network("gpt_neo"), "neo")
    calls = [partial(story, model, seed) for seed in range(3)]
    assert at_once(calls) == [call() for call in calls]
    assert not packed_texts
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "GPTNeo" in told and "one by one" in told


class OfItsRow(torch.nn.Module):
    """A linear layer whose last bit depends on how many tokens stand in its row, as that of another library may."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        out = self.linear(states)
        return torch.nextafter(out, torch.tensor(torch.inf)) if states.shape[1] >= 16 else out


@pytest.mark.parametrize("planted", ["up_proj", "k_proj"])
def test_a_dependence_on_the_row_is_found_and_keeps_passes_alone(planted, packed_texts, capsys):
    network = tiny.network("llama")
    layer = network.model.layers[0]
    part = layer.mlp if planted == "up_proj" else layer.self_attn
    setattr(part, planted, OfItsRow(getattr(part, planted)))
    model = TransformerModel(network, "planted")
    calls = [partial(story, model, seed) for seed in range(6)]
    assert at_once(calls) == [call() for call in calls]
    assert not packed_texts and not model.shared.packs
    assert "last bits depend" in capsys.readouterr().err


@pytest.mark.skipif(not packed_passes._Linear.available(), reason="no oneDNN here")
@pytest.mark.parametrize(("width", "out"), [(32, 48), (384, 128), (1536, 576), (4096, 64)])
def test_a_linear_layer_rounds_a_row_alike_alone_and_in_any_company(width, out):
    torch.manual_seed(0)
    layer = torch.nn.Linear(width, out)
    rows, of_onednn = torch.randn(1, 40, width), packed_passes._Linear.of(layer)
    whole = of_onednn(rows)
    torch.testing.assert_close(whole, layer(rows))
    for size in (1, 2, 3, 5, 16, 39):
        parts = torch.cat([of_onednn(part) for part in rows.split(size, 1)], 1)
        assert torch.equal(parts, whole), f"rows round otherwise {size} at a time"


@pytest.mark.skipif(not packed_passes._Linear.available(), reason="no oneDNN here")
def test_a_network_with_such_layers_can_be_copied_and_cut():
    """As where a drafter is made of a model without some of its layers."""
    layer = packed_passes._Linear.of(torch.nn.Linear(1536, 576))
    network = torch.nn.Sequential(layer, torch.nn.LayerNorm(576))
    copied, rows = copy.deepcopy(network), torch.randn(1, 3, 1536)
    assert torch.equal(copied(rows), network(rows))
    del copied[1]
    assert len(network) == 2


def test_a_network_whose_passes_were_packed_can_be_copied_and_is_none_of_the_copys():
    shared = SharedNetwork(tiny.network("llama"))
    shared.take_apart()
    parts = [{type(part) for part in network.modules()} for network in (shared.module, copy.deepcopy(shared.module))]
    assert packed_passes._TextByText in parts[0] and packed_passes._TextByText not in parts[1]


def test_an_activation_is_not_shared_though_its_rows_are_odd():
    """48 wide, no multiple of its vector loop: without its own call a text's distributions would have other bits."""
    shared = SharedNetwork(tiny.network("llama"))
    shared.take_apart = lambda: None
    assert not packs(shared)


def test_a_call_that_fails_takes_no_other_along():
    def fails():
        MODELS["llama"].open(1.0).distributions((1, 2), 1)
        raise LookupError("mine")

    calls = [partial(story, MODELS["llama"], 1), fails, partial(story, MODELS["llama"], 2)]
    ended = dict(together(calls, 3))
    assert isinstance(ended.pop(1), LookupError)
    assert ended == {0: calls[0](), 2: calls[2]()}


def test_a_pass_that_fails_fails_those_that_asked_for_it(monkeypatch):
    def no_memory(passes):
        raise MemoryError(len(passes))

    require_packing()
    lines = [partial(story, MODELS["llama"], seed) for seed in (1, 2)]
    others = [partial(story, MODELS["gpt_neo"], 3)]
    monkeypatch.setattr(packed_passes, "packed", no_memory)
    ended = dict(together([*lines, *others], 3))
    assert all(isinstance(ended[place], MemoryError) for place in (0, 1))
    assert ended[2] == others[0]()


def test_so_many_run_at_a_time_and_are_told_as_they_end():
    running, most = set(), []

    def call(number):
        running.add(number)
        most.append(len(running))
        story(MODELS["opt"], 4, rounds=1 + number % 4)
        running.discard(number)
        return number

    ended = list(together([partial(call, number) for number in range(8)], 3))
    assert max(most) == 3
    assert sorted(ended) == [(number, number) for number in range(8)]
    assert [place for place, _ in ended] != list(range(8))


@pytest.mark.parametrize("end", ["interrupt", "close"])
def test_an_interrupt_and_a_listener_who_leaves_end_all_calls(end):
    ends = []

    def call(number):
        try:
            text = MODELS["llama"].open(1.0)
            text.distributions((1,), 1)
            if number == 0 and end == "interrupt":
                raise KeyboardInterrupt
            for length in range(2, 30 if number else 3):
                text.distributions((1,) * length, 1)
        except GreenletExit:
            ends.append(number)
            raise

    calls = together([partial(call, number) for number in range(4)], 4)
    if end == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            next(calls)
    else:
        assert next(calls) == (0, None)
        calls.close()
    assert sorted(ends) == [1, 2, 3]


def test_calls_within_calls_share_with_those_outside(packed_texts):
    def inner(seed):
        return at_once([partial(story, MODELS["llama"], seed + more) for more in range(3)])

    expected = [[story(MODELS["llama"], seed + more) for more in range(3)] for seed in (10, 20)]
    ended = dict(together([partial(inner, 10), partial(inner, 20)], 2))
    assert [ended[0], ended[1]] == expected
    require_packing()
    assert max(packed_texts) > 3


def test_a_pass_alone_leaves_no_trace_of_packing():
    model = TransformerModel(tiny.network("llama"), "fresh")
    before = model.open(1.0).distributions((1, 2, 3), 2)
    at_once([partial(story, model, seed) for seed in range(2)])
    assert model.network.config._attn_implementation == "sdpa"
    np.testing.assert_array_equal(model.open(1.0).distributions((1, 2, 3), 2), before)
    assert isinstance(ForwardPass(model.shared, model.open(1.0)._cache, (1,), 1).alone(), torch.Tensor)


@pytest.mark.slow
@pytest.mark.skipif(SmolLM2.available() is not None, reason="no smollm2 here")
def test_smollm2_has_the_same_bits_alone_and_in_any_company(packed_texts):
    pair = SmolLM2().load()
    for model in (pair.drafter, pair.verifier):
        assert model.shared.packs
        calls = [partial(story, model, seed) for seed in range(10)]
        alone = [call() for call in calls]
        assert at_once(calls) == alone
        assert at_once(calls[::-1], 3) == alone[::-1]
    assert max(packed_texts) > 4
