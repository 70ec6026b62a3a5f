"""Distributions of a tree from one pass equal those of a pass over each path, on every architecture; what is grafted
stays."""

import numpy as np
import pytest
import transformers
from refusals import refusal

from kinds import ConfigError
from models.bundled.smollm2 import SmolLM2
from models.bundled.sotu import Sotu
from models.interface import TokenTree
from models.transformer import TransformerModel, load_model
from tests.models import tiny

NEAR = 1e-5
"""Float32 passes of other shapes differ by 3e-7 on the tiny models, by 1e-6 on sotu, by 3e-6 on smollm2."""
SHAPE = (-1, -1, -1, 0, 0, 1, 3, 3, 5, 8, 9)
"""Three first drafts, of which one has two children; depth 5."""


KINDS = [(name, kind) for name in sorted(tiny.CONFIGS) for kind in ("eager", "sdpa")]
KINDS.remove(("gpt_neo", "sdpa"))  # it has none


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def model(request, tmp_path_factory):
    """A model saved to disk and loaded, by architecture and attention."""
    architecture, attention = request.param
    loaded = load_model(tiny.save(tmp_path_factory.mktemp(architecture), architecture), "hash", "cpu")
    loaded.network.set_attn_implementation(attention)
    assert loaded.network.config._attn_implementation == attention
    return loaded


def grown(rng, vocabulary=tiny.VOCABULARY, shape=SHAPE):
    """A tree of this shape; siblings differ."""
    return TokenTree(tuple(rng.choice(vocabulary, len(shape), replace=False).tolist()), shape)


def prompt(rng, tokens):
    return tuple(rng.integers(tiny.VOCABULARY, size=tokens).tolist())


def by_paths(model, tokens, tree, temperature):
    """[N + 1, V]: a fresh text and a pass for each."""
    texts = [(*tokens, *tree.along(tree.path_to(node))) for node in range(-1, len(tree.tokens))]
    return np.array([model.open(temperature).distributions(text, 1)[0] for text in texts])


@pytest.mark.parametrize(("held", "temperature"), [(0, 1.0), (6, 0.0), (6, 1.0), (30, 0.5)])
def test_one_pass_over_a_tree_gives_the_distributions_of_a_pass_over_each_path(model, held, temperature):
    """With nothing cached, with a part, with more than is kept; beyond the window of GPT-Neo's local layers."""
    rng = np.random.default_rng(held)
    tokens, tree = prompt(rng, 24), grown(rng)
    text = model.open(temperature)
    text.distributions((*tokens, *prompt(rng, 6))[:held], 0)
    distributions = text.tree_distributions(tokens, tree)
    assert text.cached == tokens
    np.testing.assert_allclose(distributions, by_paths(model, tokens, tree, temperature), atol=NEAR)


def test_a_tree_costs_one_pass_over_the_missing_tokens_and_its_nodes(model, monkeypatch):
    passes = tiny.counted_passes(model, monkeypatch)
    text, tree = model.open(1.0), grown(np.random.default_rng(1))
    text.distributions((1, 2, 3), 1)
    text.tree_distributions((1, 2, 3, 4, 5), tree)
    text.graft((1, 5))
    text.tree_distributions((*text.cached, 7), tree)
    text.tree_distributions((1, 2, 3), TokenTree.line((4, 5)))
    assert passes == [(3, 1), (2 + 11, 12), (1 + 11, 12), (1 + 2, 3)]


def test_a_tree_of_one_branch_has_the_distributions_of_its_line_to_the_last_bit(model):
    tokens, drafts = (1, 2, 3, 4), (5, 6, 7)
    text, other = model.open(1.0), model.open(1.0)
    np.testing.assert_array_equal(
        text.tree_distributions(tokens, TokenTree.line(drafts)), other.distributions(tokens + drafts, 4)
    )
    assert text.cached == tokens
    text.graft((0, 1))
    assert text.cached == (1, 2, 3, 4, 5, 6)
    other.crop(6)
    longer = (1, 2, 3, 4, 5, 6, 9)
    np.testing.assert_array_equal(text.distributions(longer, 1), other.distributions(longer, 1))


def test_rounds_of_trees_leave_the_cache_of_a_fresh_pass(model):
    """Rounds that keep any path, none and a line; then the distributions of a longer text from that cache."""
    rng = np.random.default_rng(3)
    text, tokens = model.open(1.0), prompt(rng, 9)
    for number in range(5):
        tree = grown(rng) if number % 3 else TokenTree.line(prompt(rng, 3))
        text.tree_distributions(tokens, tree)
        path = tree.path_to(int(rng.integers(-1, len(tree.tokens))))
        text.graft(path)
        assert text.cached == (*tokens, *tree.along(path))
        tiny.require_cache_of(text, model.open(1.0))
        tokens = (*text.cached, *prompt(rng, 2))
        distributions = text.distributions(tokens, 2)
        np.testing.assert_allclose(distributions, model.open(1.0).distributions(tokens, 2), atol=NEAR)


@pytest.mark.parametrize("then", ["distributions", "crop", "tree_distributions"])
def test_whatever_else_is_asked_forgets_the_tree(model, then):
    rng = np.random.default_rng(5)
    tokens, text = prompt(rng, 12), model.open(1.0)
    text.tree_distributions(tokens, grown(rng))
    if then == "distributions":
        text.distributions((*tokens, 1), 1)
    elif then == "crop":
        text.crop(40)
    else:
        text.tree_distributions(tokens[:5], grown(rng))
        text.graft(())
    assert text.cached == {"distributions": (*tokens, 1), "crop": tokens, "tree_distributions": tokens[:5]}[then]
    tiny.require_cache_of(text, model.open(1.0))
    with pytest.raises(ValueError, match="right after tree_distributions"):
        text.graft(())


def test_a_path_that_is_none_of_the_tree_is_refused_and_changes_nothing(model):
    text, tree = model.open(1.0), grown(np.random.default_rng(6))
    text.tree_distributions((1, 2, 3), tree)
    with pytest.raises(ValueError, match="path = "):
        text.graft((0, 5))
    text.graft((0, 3))
    tiny.require_cache_of(text, model.open(1.0))


def test_what_the_context_holds_is_the_longest_path(model):
    """Nodes beside it take no position: text and tree may be more tokens than the context."""
    rng = np.random.default_rng(7)
    tokens, tree = prompt(rng, tiny.CONTEXT - 5), grown(rng)
    assert len(tokens) + len(tree.tokens) > tiny.CONTEXT
    distributions = model.open(1.0).tree_distributions(tokens, tree)
    np.testing.assert_allclose(distributions, by_paths(model, tokens, tree, 1.0), atol=NEAR)
    with pytest.raises(ValueError, match=f"text of 92 tokens and a path of 5: at most {tiny.CONTEXT}"):
        model.open(1.0).tree_distributions((*tokens, 1), tree)
    with pytest.raises(ValueError, match="last = 1"):
        model.open(1.0).tree_distributions((), tree)


def test_a_tree_leaves_the_network_as_it_was(model):
    """GPT-Neo's masks are others while a tree is verified."""
    tokens = prompt(np.random.default_rng(8), 20)
    before = model.open(1.0).distributions(tokens, 20)
    model.open(1.0).tree_distributions(tokens, grown(np.random.default_rng(9)))
    np.testing.assert_array_equal(model.open(1.0).distributions(tokens, 20), before)


def small(config, **changes):
    return config(vocab_size=31, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, **changes)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (lambda: transformers.BloomForCausalLM(small(transformers.BloomConfig)), "takes no position_ids"),
        (lambda: transformers.FalconForCausalLM(small(transformers.FalconConfig, alibi=True)), "with alibi = True"),
    ],
)
def test_a_network_without_positions_of_its_own_is_refused_on_one_line(network, said):
    made = network()
    made.config.max_position_embeddings = 32
    text = TransformerModel(made, "small").open(1.0)
    line = refusal(text.tree_distributions, (1, 2), grown(np.random.default_rng(0), 31))
    assert said in line and "cannot judge a tree" in line
    assert text.tree_distributions((1, 2), TokenTree.line((3, 4))).shape == (3, 31)


def test_attention_that_takes_no_mask_is_refused():
    model = TransformerModel(tiny.network("llama"), "tiny")
    model.network.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigError, match="'flash_attention_2' takes no mask of a tree: eager or sdpa allowed"):
        model.open(1.0).tree_distributions((1, 2), grown(np.random.default_rng(0)))


def require_trees_on_text(model, tokens, rounds, near, seed):
    """Trees over real text, a path of each grafted and the model's own likeliest token after it, round after round."""
    rng = np.random.default_rng(seed)
    for temperature in (0.0, 1.0):
        text, here = model.open(temperature), tokens
        for _ in range(rounds):
            tree = grown(rng, model.vocabulary)
            distributions = text.tree_distributions(here, tree)
            expected = by_paths(model, here, tree, temperature)
            np.testing.assert_allclose(distributions, expected, atol=near)
            path = tree.path_to(int(rng.integers(-1, len(tree.tokens))))
            text.graft(path)
            here = (*text.cached, int(np.argmax(distributions[path[-1] + 1 if path else 0])))
            np.testing.assert_allclose(
                text.distributions(here, 1), model.open(temperature).distributions(here, 1), atol=near
            )


def test_trees_on_presidents_words():
    pair = Sotu().load()
    for model in (pair.drafter, pair.verifier):
        require_trees_on_text(model, pair.prompts[0].first(32).tokens, 2, NEAR, 12)


@pytest.mark.slow
def test_trees_on_a_real_vocabulary():
    if reason := SmolLM2.available():
        pytest.skip(reason)
    pair = SmolLM2().load()
    for model in (pair.drafter, pair.verifier):
        require_trees_on_text(model, pair.prompts[0].first(60).tokens, 2, 1e-4, 13)
