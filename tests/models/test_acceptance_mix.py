"""Acceptance along a text: survival is what rounds over it meet, edges and hard text's further rounds included."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from models.acceptance_mix import (
    CONCENTRATION,
    Pattern,
    RoundCounts,
    Stretches,
    accepted_length,
    fit_accepted_length,
    fit_survival,
    keep,
    missed,
)
from models.published import PRESETS, Published, PublishedTexts

TEXTS, TOKENS = 256, 960


def survival_of_rounds(acceptances, drafts, seed=0):
    """Rounds over texts of these acceptances [texts, tokens], drafts verified one by one: survival [L], and how
    many."""
    rng = np.random.default_rng(seed)
    texts = np.arange(len(acceptances))
    position, alive = np.zeros(len(texts), dtype=int), np.zeros(drafts + 1)
    reach = np.arange(drafts)
    while texts.size:
        stands = rng.random((texts.size, drafts)) < acceptances[texts[:, None], position[:, None] + reach]
        accepted = np.logical_and.accumulate(stands, axis=1).sum(axis=1)
        alive += np.bincount(accepted, minlength=drafts + 1)[::-1].cumsum()[::-1]
        position += accepted + 1
        going = position < acceptances.shape[1] - drafts
        texts, position = texts[going], position[going]
    return alive[1:] / alive[0], alive[0]


def acceptances_of(pair):
    """Those that the shipped models have along the texts of many prompts."""
    distributions = PublishedTexts(pair.vocabulary, pair.along, pair.seed)
    period = len(pair.along.acceptances) if isinstance(pair.along, Pattern) else pair.stretch_tokens
    if isinstance(pair.along, Pattern):
        rows = [
            [distributions.acceptance((text,), end) for end in range(period)] * (TOKENS // period)
            for text in range(TEXTS)
        ]
        return np.array(rows)
    rows = [[distributions.acceptance((text,), end) for end in range(0, TOKENS, period)] for text in range(TEXTS)]
    return np.repeat(rows, period, axis=1)


@pytest.mark.parametrize("name", PRESETS)
def test_rounds_over_a_presets_texts_survive_and_commit_as_published(name):
    """By Monte Carlo, whose sd is that of independent rounds at most; figures of 5,000 rounds differ by chance."""
    pair, figures = Published(name=name, size=4096), PRESETS[name]
    found, rounds = survival_of_rounds(acceptances_of(pair), figures.drafts)
    exact = pair.along.survival(figures.drafts)
    assert np.all(np.abs(found - exact) < 5 * np.sqrt(exact * (1 - exact) / rounds))
    length = 1 + sum(figures.survival) if figures.survival else figures.accepted_length
    assert accepted_length(pair.along, figures.drafts) == pytest.approx(length, rel=0.005)
    assert 1 + found.sum() == pytest.approx(length, rel=0.02)
    if figures.survival:
        told = np.array(figures.survival)
        assert np.all(np.abs(found - told) < 4 * np.sqrt(told * (1 - told) / 5000))
        assert missed(pair.along, told) < 0.015


@pytest.mark.parametrize(
    ("name", "published"), [("llama_1b_70b", (3.38, 4.52, 5.74)), ("qwen3_1_7b_32b", (2.87, 3.53, 4.04))]
)
def test_a_layout_fitted_at_eight_drafts_tells_the_published_length_at_three_and_five(name, published):
    """Fewer drafts a round see relatively more of the easy text: 1 + S_1 + S_2 + S_3 would be 3.21 and 2.76."""
    along = Published(name=name).along
    assert [accepted_length(along, drafts) for drafts in (3, 5, 8)] == pytest.approx(published, rel=0.01)


def test_edges_and_further_rounds_of_hard_text_are_counted():
    """Two acceptances by turns for stretches hardly longer than a round."""
    along = Stretches((0.3, 0.9), (0.4, 0.6), 12)
    starts = np.arange(TEXTS) / TEXTS
    found = [[along.acceptance(start, end) for end in range(0, TOKENS, 12)] for start in starts]
    assert np.mean(found) == pytest.approx(0.66, abs=1e-3)
    survived, rounds = survival_of_rounds(np.repeat(found, 12, axis=1), 8)
    exact = along.survival(8)
    assert np.all(np.abs(survived - exact) < 5 * np.sqrt(exact * (1 - exact) / rounds))
    mixed = 0.4 * 0.3 ** np.arange(1, 9) + 0.6 * 0.9 ** np.arange(1, 9)
    assert exact[0] < mixed[0] - 0.05 and exact[7] < mixed[7] - 0.05


def test_survival_of_a_beta_mix_is_fitted_by_it():
    """Moments of Beta(2, 1): j-th is 2 / (j + 2)."""
    told = tuple(2 / (j + 2) for j in range(1, 7))
    along = fit_survival(told, 64)
    assert isinstance(along, Stretches) and len(along.shares) == 16
    assert missed(along, np.array(told)) < 1e-3


def test_survival_that_falls_ever_faster_is_met_by_a_pattern():
    told = Pattern((0.9, 0.6, 0.4)).survival(3)
    assert told[1] / told[0] < told[0] and told[2] / told[1] < told[1] / told[0]
    along = fit_survival(tuple(told.tolist()), 64)
    assert isinstance(along, Pattern)
    assert missed(along, told) < 1e-3


def test_a_mean_length_is_met_at_any_spread():
    for concentration in (0.5, CONCENTRATION, 200.0):
        along = fit_accepted_length(3.0, 5, concentration, 32)
        assert accepted_length(along, 5) == pytest.approx(3.0, abs=1e-5)


def test_a_round_spans_two_stretches_at_most():
    with pytest.raises(ValueError, match="8 tokens is too short for rounds of 8 drafts"):
        RoundCounts.of((0.5,), 8, 8)


KEPT = st.floats(0.05, 1)


@given(kept=KEPT, name=st.sampled_from(list(PRESETS)))
@example(kept=1 - 2**-53, name="dflash_qwen3_4b")
def test_what_is_kept_of_a_round_is_kept_of_its_accepted_drafts_alone(kept, name):
    """The bonus or correction token is never lost: 1 + kept (AL - 1)."""
    along, drafts = Published(name=name).along, PRESETS[name].drafts
    expected = 1 + kept * (accepted_length(along, drafts) - 1)
    assert accepted_length(keep(along, drafts, kept), drafts) == pytest.approx(expected, abs=1e-6)


def test_survival_of_what_is_kept_falls_by_one_factor_a_draft():
    """E[(c a)^j] = c^j E[a^j] over the same rounds, c the root of sum_j c^j S_j = kept sum_j S_j; rounds that cross the
    edge of a stretch, the more the longer they are, miss it by less than the figures' digits."""
    fitted = {name: Published(name=name).along for name in PRESETS}
    stretches = {name: along for name, along in fitted.items() if isinstance(along, Stretches)}
    assert stretches
    for name, along in stretches.items():
        drafts = PRESETS[name].drafts
        survival, places = along.survival(drafts), np.arange(1, drafts + 1)
        factor = brentq(lambda c, s=survival, n=places: (c**n * s).sum() - 0.72 * s.sum(), 0, 1)
        kept = keep(along, drafts, 0.72).survival(drafts)
        np.testing.assert_allclose(kept, factor**places * survival, atol=1.25e-4 * max(8, drafts), err_msg=name)
