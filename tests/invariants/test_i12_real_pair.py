"""The output distribution on real language models: greedy text is the verifier's own, sampled text follows its
distribution.

The pair is `sotu`. Distributions are remembered per text, so that a hundred thousand samples need few forward passes;
everything else (proposal, wire, verification result) is the shipped path.
"""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from cells import SPECULATIVE
from decodings import rounds
from plants import ran

from models.bundled.sotu import Sotu
from models.interface import CachedText, Distributions, LanguageModel, LoadedPair, TokenTree
from simulator import Cell
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import CoupledTree, CSqs, Dense, KSqs, TreeDrafts, TruncatedFp16
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.policy import FixedLength

SAMPLED: dict[str, DraftScheme] = {
    "k_sqs": KSqs(k=8, max_drafts=2),
    "c_sqs": CSqs(max_drafts=2, budget_bits=150),
    "dense": Dense(max_drafts=2),
    "half_top_k": TruncatedFp16(policy=FixedLength(), k=4, max_drafts=2),
    "k_sqs, cloud first": KSqs(k=8, max_drafts=2, cloud_first=True),
    "tree": TreeDrafts(k=8, max_drafts=2, widths=(3, 2)),
    "coupled_tree": CoupledTree(max_drafts=2, nodes=6),
}
TOKENS = tuple[int, ...]


class Remembering:
    """A model whose distributions are computed once a text."""

    def __init__(self, model: LanguageModel) -> None:
        self.text = model.open(1.0)
        self.known: dict[TOKENS, Distributions] = {}

    def open(self, temperature: float) -> CachedText:
        return self  # type: ignore[return-value]  # it keeps nothing of any one text

    def distribution(self, tokens: TOKENS) -> Distributions:
        if tokens not in self.known:
            self.known[tokens] = self.text.distributions(tokens, 1)[0]
        return self.known[tokens]

    def distributions(self, tokens: TOKENS, last: int) -> Distributions:
        return np.array([self.distribution(tokens[: len(tokens) - last + 1 + n]) for n in range(last)])

    def tree_distributions(self, tokens: TOKENS, tree: TokenTree) -> Distributions:
        return np.array(
            [self.distribution((*tokens, *tree.along(tree.path_to(node)))) for node in range(-1, len(tree.tokens))]
        )

    def graft(self, path: tuple[int, ...]) -> None:
        return None

    def crop(self, length: int) -> None:
        return None


@cache
def pair() -> LoadedPair:
    loaded = Sotu().load()
    return LoadedPair(Remembering(loaded.drafter), Remembering(loaded.verifier), loaded.prompts)  # type: ignore[arg-type]


def first_two(scheme: DraftScheme, samples: int) -> list[TOKENS]:
    """The first two committed tokens of that many independent requests on one prompt."""
    prompt = pair().prompts[0].first(24).tokens
    setting = DraftSetting(pair, scheme, 1024, 1.0)
    texts = []
    for sample in range(samples):
        request = RequestDecoding(setting, Tree(prompt, scheme.entry(None)), RequestUniforms.of(sample))
        committed: TOKENS = ()
        for _, _, tokens in rounds(request, 2):
            committed = (*committed, *tokens)
            if len(committed) >= 2:
                break
        texts.append(committed[:2])
    return texts


def plain_two(samples: int) -> list[TOKENS]:
    """The same from the verifier alone, by numbers of its own."""
    verifier, prompt = pair().verifier, pair().prompts[0].first(24).tokens
    generator = np.random.default_rng(20251)

    def draw(text: TOKENS) -> int:
        cumulative = np.cumsum(verifier.distribution(text))  # type: ignore[attr-defined]
        return int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))

    return [(first := draw(prompt), draw((*prompt, first))) for _ in range(samples)]


def pooled(counts: Counter[TOKENS], keys: list[TOKENS]) -> np.ndarray:
    """Counts of these keys, and of all others together."""
    kept = np.array([counts[key] for key in keys], dtype=float)
    return np.append(kept, counts.total() - kept.sum())


def check_sampled(name: str, samples: int) -> None:
    """First token against the exact distribution by chi-square; first two against plain sampling, two-sample. Both at 5
    sd of the statistic, whose variance is 2 (degrees of freedom)."""
    texts = first_two(SAMPLED[name], samples)
    distribution = pair().verifier.distribution(pair().prompts[0].first(24).tokens)  # type: ignore[attr-defined]
    ones = Counter((text[0],) for text in texts)
    keys = [(int(token),) for token in np.argsort(-distribution) if distribution[token] * samples >= 20]
    expected = np.append([distribution[key] for key in keys], 0.0) * samples
    expected[-1] = samples - expected.sum()
    chi_square = float(((pooled(ones, keys) - expected) ** 2 / expected).sum())
    assert chi_square < len(keys) + 5 * np.sqrt(2 * len(keys)), name
    plain, pairs = Counter(plain_two(samples)), Counter(texts)
    common = [key for key, count in (plain + pairs).items() if count >= 40]
    ours, theirs = pooled(pairs, common), pooled(plain, common)
    chi_square = float(((ours - theirs) ** 2 / (ours + theirs)).sum())
    assert chi_square < len(common) + 5 * np.sqrt(2 * len(common)), name


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLED)
def test_i12_sampled_text_follows_the_verifiers_distribution_over_100_000_samples(name: str) -> None:
    check_sampled(name, 100_000)


def greedy(scheme: str, requests: int, output_tokens: int, pair_kind: str = "sotu") -> dict[tuple[int, int], TOKENS]:
    """Committed texts at temperature 0."""
    cell = Cell.from_fields(
        {
            "models": {"pair": pair_kind, "temperature": 0},
            "workload": {
                "kind": "closed", "requests": requests, "output_tokens": output_tokens, "prompt_tokens": 24,
            },
            "scheme": scheme,
        }
    )  # fmt: skip
    return ran(cell).texts


def test_greedy_text_is_the_verifiers_own() -> None:
    alone = greedy("cloud_only", 2, 16)
    for scheme in SPECULATIVE:
        assert greedy(scheme, 2, 16) == alone, scheme


@pytest.mark.slow
@pytest.mark.parametrize("pair_kind", ["sotu", "smollm2"])
def test_greedy_text_is_the_verifiers_own_on_twenty_prompts(pair_kind: str) -> None:
    alone = greedy("cloud_only", 20, 32, pair_kind)
    for scheme in SPECULATIVE:
        assert greedy(scheme, 20, 32, pair_kind) == alone, scheme
