"""Texts in batches of a fixed shape over a static cache: the same bytes for any batch on a processor, and, but for
rounding, the numbers of passes of each text's own shape."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from refusals import refusal

from models import fixed_batch
from models.batched_passes import BatchedNetwork
from models.fixed_batch import WIDEST, BatchFootprint, FixedBatch, require_room
from models.interface import Pair, TokenTree
from models.latency.datasheets import SIZES
from models.pair_cards import PairCard, code, describe, keep
from models.random_weights import SHAPES, RandomWeights
from models.shared_passes import together
from models.transformer import TransformerModel
from tests.models import tiny

TINY = {"drafter": "llama_tiny_drafter", "verifier": "llama_tiny_verifier", "size": 96, "prompts": 4, "context": 256}
TOKENS = 200
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch can use no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=CUDA)]


def pair(sequences: int | None, device: str = "cpu") -> RandomWeights:
    """Tiny networks of the shapes of Llama; None: passes of each text's own shape."""
    batch = None if sequences is None else {"sequences": sequences, "tokens": TOKENS}
    return RandomWeights(**TINY, device=device, batch=batch)


def verifier(sequences: int | None, device: str = "cpu") -> TransformerModel:
    model = pair(sequences, device).load().verifier
    assert isinstance(model, TransformerModel)
    return model


def story(model: TransformerModel, seed: int) -> list[np.ndarray]:
    """A text's distributions; some prompts are longer than a pass is wide."""
    return tiny.story(model, seed, longest=WIDEST + 20, trees=False)


def story_bytes(model: TransformerModel, seed: int) -> bytes:
    return b"".join(each.tobytes() for each in story(model, seed))


def require_alike(model: TransformerModel) -> None:
    """Skips a test of bytes that has nothing to check where a row of a product depends on the others."""
    if not model.shared.packs:
        pytest.skip("this processor rounds a row of a product by the rows beside it")


@pytest.mark.parametrize("role", ["drafter", "verifier"])
def test_a_text_has_the_same_bytes_alone_and_in_any_company_of_any_batch(role):
    seeds = range(5)
    alone = getattr(pair(8).load(), role)
    require_alike(alone)
    expected = [story_bytes(alone, seed) for seed in seeds]
    for sequences, at_a_time, order in ((8, 8, 1), (13, 5, -1)):
        batched = getattr(pair(sequences).load(), role)
        calls = [partial(story_bytes, batched, seed) for seed in seeds]
        assert tiny.at_once(calls[::order], at_a_time) == expected[::order]
        assert batched.shared.packs and batched.shared.spent.sequences > 1.5 * batched.shared.spent.passes


@CUDA
def test_a_gpu_repeats_the_bytes_of_a_batch():
    calls = [partial(story_bytes, verifier(8, "cuda"), seed) for seed in range(10)]
    again = [partial(story_bytes, verifier(8, "cuda"), seed) for seed in range(10)]
    assert tiny.at_once(calls, 8) == tiny.at_once(again, 8)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(2))
def test_the_distributions_are_those_of_passes_of_the_texts_own_shape(seed, device):
    for mine, other in zip(story(verifier(8, device), seed), story(verifier(None, device), seed), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("architecture", ["gpt2", "gpt_neox", "opt", "llama"])
def test_other_architectures_run_in_batches(architecture):
    network = tiny.network(architecture)
    batched = TransformerModel(network, "b", batch=FixedBatch(sequences=8, tokens=tiny.CONTEXT))
    own = TransformerModel(tiny.network(architecture), "o")
    rng = np.random.default_rng(1)
    for _ in range(3):
        tokens = tuple(rng.integers(tiny.VOCABULARY, size=rng.integers(8, tiny.CONTEXT)).tolist())
        mine, other = (each.open(1.0).distributions(tokens, 5) for each in (batched, own))
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5)


def test_more_distributions_than_a_pass_is_wide_come_from_several_passes():
    tokens = tuple(np.random.default_rng(0).integers(96, size=3 * WIDEST - 5).tolist())
    model, own = verifier(8), verifier(None)
    for last in (0, 1, WIDEST - 5, WIDEST + 1, len(tokens)):
        mine = model.open(1.0).distributions(tokens, last)
        assert mine.shape == (last, 96)
        np.testing.assert_allclose(mine, own.open(1.0).distributions(tokens, last), rtol=0, atol=1e-6)


def test_rows_are_freed_with_their_texts_and_a_cache_is_added_where_none_is_free():
    model = verifier(8)
    network = model.shared
    assert isinstance(network, BatchedNetwork)
    texts = [model.open(1.0) for _ in range(17)]
    assert [len(each.free) for each in network._caches] == [0, 0, 7]
    calls = [partial(text.distributions, (place, 1, 2), 1) for place, text in enumerate(texts)]
    unbatched = verifier(None)
    for place, mine in together(calls, 17):
        own = unbatched.open(1.0).distributions((place, 1, 2), 1)
        np.testing.assert_allclose(mine, own, rtol=0, atol=1e-6)
    del texts, calls
    gc.collect()  # of the calls, which their ended greenlets hold in cycles
    assert [each.free for each in network._caches] == [list(range(8))[::-1]] * 3


def test_padding_that_others_leave_behind_is_never_seen():
    """Rows are used again without being cleared: what lay there may be anything that is finite."""
    model = verifier(8)
    first = story(model, 5)
    with torch.inference_mode():
        for each in (one for static in model.shared._caches for tensors in static._held for one in tensors):
            each[:] = 1e6
    np.testing.assert_array_equal(np.concatenate(story(model, 5)), np.concatenate(first))


def test_a_batch_whose_texts_change_each_others_bits_is_told_once(capsys):
    class OfItsBatch(torch.nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.linear = linear

        def forward(self, states):
            return self.linear(states) * (1 + 1e-3 * states.mean().tanh())

    network = tiny.network("llama")
    network.model.layers[0].mlp.up_proj = OfItsBatch(network.model.layers[0].mlp.up_proj)
    model = TransformerModel(network, "planted", batch=FixedBatch(sequences=8, tokens=64))
    model.open(1.0)
    model.open(1.0)
    assert not model.shared.packs
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "last bits depend on the texts in its batch" in told


def test_a_network_without_positions_or_of_other_attention_is_refused():
    line = refusal(TransformerModel, tiny.network("gpt_neo"), "n", batch=FixedBatch())
    assert line.startswith("models.pair.batch = ") and "must be null for GPTNeoForCausalLM" in line


def test_a_tree_of_drafts_is_refused():
    line = refusal(verifier(8).open(1.0).tree_distributions, (1,), TokenTree((3, 5), (-1, -1)))
    assert line.startswith("models.pair.batch = ") and "must be null for a scheme that verifies trees" in line


@pytest.mark.parametrize("name", ["llama_3.2_1b", "llama_3.1_8b"])
def test_shapes_are_those_of_the_released_models(name):
    found = RandomWeights(batch=FixedBatch()).footprints()[name == "llama_3.1_8b"].size
    said = SIZES[name]
    assert (found.parameters, found.layers, found.width, found.kv_width, found.heads, found.kv_heads) == (
        said.parameters, said.layers, said.width, said.kv_width, said.heads, said.kv_heads
    )  # fmt: skip


@pytest.mark.parametrize("sequences", [8, 11])
def test_what_is_computed_is_what_is_allocated(sequences):
    made = pair(sequences)
    loaded = made.load()
    for model, footprint in zip((loaded.drafter, loaded.verifier), made.footprints(), strict=True):
        assert sum(each.numel() for each in model.network.parameters()) * 4 == footprint.weight_bytes
        model.open(1.0).distributions((1, 2), 1)
        (static,) = model.shared._caches
        held = sum(each.numel() * 4 for tensors in static._held for each in tensors)
        assert held * TOKENS == footprint.cache_bytes * static.places


def test_a_pair_that_does_not_fit_is_refused_before_it_is_loaded(monkeypatch):
    for device in ("cpu", "cuda"):
        monkeypatch.setattr(fixed_batch, "memory_bytes", lambda _: int(80e9))
        sizes = RandomWeights(batch={"sequences": 1024, "tokens": 1024}).footprints()
        line = refusal(require_room, sizes, device)
        assert line.startswith("models.pair.batch.sequences = 1024: must be at most ")
        assert "37.1 GB of weights" in line and line.endswith(f"{device} has 80 GB")
    monkeypatch.setattr(fixed_batch, "memory_bytes", lambda _: int(24e9))
    assert "has 37.1 GB of weights in float32, cpu has 24 GB" in refusal(RandomWeights(device="cpu").load)


def test_a_gpu_that_is_full_is_told_on_one_line(monkeypatch):
    model = verifier(8)

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB.")

    text = model.open(1.0)
    monkeypatch.setattr(type(model.network), "forward", full)
    line = refusal(text.distributions, (1, 2), 1)
    assert line.startswith("models.pair.batch = ") and line.endswith(
        "of fewer sequences or tokens (CUDA out of memory.)"
    )


def test_as_many_sequences_as_are_allowed_are_allowed(monkeypatch):
    monkeypatch.setattr(fixed_batch, "memory_bytes", lambda _: int(80e9))

    def sizes(sequences: int) -> Sequence[BatchFootprint]:
        return RandomWeights(batch={"sequences": sequences, "tokens": 512}).footprints()

    most = int(refusal(require_room, sizes(1024), "cpu").split("at most ")[1].split(":")[0])
    require_room(sizes(most), "cpu")
    assert f"at most {most}: " in refusal(require_room, sizes(most + 1), "cpu")


def test_weights_and_prompts_come_from_the_seed_and_the_shape():
    def bits(**fields: object) -> bytes:
        loaded = Pair.of({"kind": "random_weights", **TINY, "device": "cpu", **fields}).load()
        return loaded.verifier.open(1.0).distributions(loaded.prompts[0].tokens, 1).tobytes()

    torch.manual_seed(7)
    first = bits()
    torch.manual_seed(8)
    assert bits() == first != bits(seed=1)


def test_whatever_decides_the_bits_is_in_the_fingerprint():
    changed = [
        {}, {"seed": 1}, {"size": 97}, {"verifier": "llama_tiny_drafter"}, {"prompts": 5}, {"context": 255},
        {"batch": {"sequences": 8}}, {"batch": {"sequences": 9}}, {"batch": {"sequences": 8, "tokens": 64}},
    ]  # fmt: skip
    found = {RandomWeights(**{**TINY, "device": "cpu", **each}).fingerprint for each in changed}
    assert len(found) == len(changed)
    assert set(SHAPES) >= {TINY["drafter"], TINY["verifier"]}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_pair_recorded_on_a_gpu_is_known_by_its_card_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path))
    there = pair(8, "cuda")
    prompts = pair(8).load().prompts
    keep(PairCard(
        pair=describe(there), code=code(), fingerprint="ab" * 32, vocabulary=96, context_tokens=TOKENS,
        prompts=prompts, end_tokens=(),
    ))  # fmt: skip
    assert pair(8, "cuda").fingerprint == "ab" * 32 != there.model_copy(update={"seed": 1}).fingerprint
    line = refusal(pair(8, "cuda").load)
    assert line.startswith("models.pair.device = cuda: ") and "sqsim cache import" in line
