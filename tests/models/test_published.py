"""Pairs of which acceptance is known: it is what their distributions have, exactly, and the distributions are of the
measured shape."""

import numpy as np
import pytest

from kinds import ConfigError
from models.distribution_shapes import ShapedDistributions, ShapeTable
from models.published import PRESETS, KnownAcceptance, Published, PublishedTexts
from models.published_figures import AT_0_AND_1, KEPT, KEPT_LEAST, KEPT_MOST
from models.verification import entropy_bits, total_variation
from simulator import Cell, simulate

TEXTS = [(index, *range(7 * index, 7 * index + 70)) for index in range(6)]


@pytest.mark.parametrize(
    ("name", "temperature", "size", "last"),
    [
        ("llama_1b_70b", 1.0, 3000, 40),
        ("eagle3_qwen3_8b", 0.4, 3000, 40),
        ("vicuna_68m_33b", 1.5, 3000, 40),
        ("qwen3_1_7b_32b", 1.0, None, 2),
    ],
)
def test_distance_is_one_minus_acceptance_in_every_context(name, temperature, size, last):
    pair = Published(name=name, size=size)
    loaded, distributions = pair.load(), PublishedTexts(pair.vocabulary, pair.along, pair.seed)
    drafter, verifier = loaded.drafter.open(temperature), loaded.verifier.open(temperature)
    for text in TEXTS if size else TEXTS[:1]:
        p, q = verifier.distributions(text, last), drafter.distributions(text, last)
        expected = [1 - distributions.acceptance(text, len(text) - last + 1 + n) for n in range(last)]
        np.testing.assert_allclose(total_variation(p, q), expected, atol=1e-12)
        np.testing.assert_allclose([p.sum(axis=1), q.sum(axis=1)], 1, atol=1e-12)
        assert p.min() > 0 and q.min() >= 0


def test_one_hot_distributions_agree_as_often_as_published():
    """At temperature 0: the share of positions along texts is the mean acceptance of the layout."""
    pair = Published(name="vicuna_68m_7b", size=256)
    loaded, distributions = pair.load(), PublishedTexts(256, pair.along, pair.seed)
    agree, told = [], []
    for text in [(index, *range(1, 60)) * 5 for index in range(12)]:
        p, q = (model.open(0.0).distributions(text, 256) for model in (loaded.verifier, loaded.drafter))
        assert set(np.unique(p)) == set(np.unique(q)) == {0.0, 1.0}
        agree += (p * q).sum(axis=1).tolist()
        told += [distributions.acceptance(text, len(text) - 255 + n) for n in range(256)]
    assert abs(np.mean(agree) - np.mean(told)) < 5 * np.sqrt(0.25 / len(told))


def test_a_distribution_is_a_function_of_the_text_whoever_asks_and_when():
    first, again = (KnownAcceptance(size=256).load().drafter for _ in range(2))
    text = TEXTS[2]
    together = first.open(1.0).distributions(text, 30)
    opened = again.open(1.0)
    for n in reversed(range(30)):
        np.testing.assert_array_equal(opened.distributions(text[: len(text) - 29 + n], 1)[0], together[n])
    other = KnownAcceptance(size=256, seed=1).load().drafter
    assert total_variation(together, other.open(1.0).distributions(text, 30)).max() > 0.1


def test_an_acceptance_stays_for_a_stretch_and_texts_differ():
    distributions = PublishedTexts(1024, Published().along, 0)
    along = [[distributions.acceptance((text,), end) for end in range(128)] for text in range(128)]
    for row in along:
        assert all(len(set(row[start : start + 64])) == 1 for start in range(0, 128, 64))
    assert len({row[0] for row in along}) > 8
    mean = np.dot(Published().along.shares, Published().along.acceptances)
    assert np.mean(along) == pytest.approx(mean, abs=0.005)  # 128 texts see nearly the whole mix


def test_shapes_have_the_measured_entropy_and_head_and_a_tail_over_any_vocabulary():
    table = ShapeTable.read()
    for shape in range(0, 64, 9):
        distribution = table.by_rank(shape, table.vocabulary, 1.0)
        assert entropy_bits(distribution) == pytest.approx(table.entropy_bits[shape], abs=0.02)
        np.testing.assert_allclose(np.log(distribution[table.ranks - 1]), table.log_probability[shape], atol=0.02)
        for vocabulary in (32_000, 151_936):
            other = table.by_rank(shape, vocabulary, 1.0)
            assert np.all(np.diff(other) <= 0) and other.sum() == pytest.approx(1.0)
            np.testing.assert_allclose(other[:1024] / other[0], distribution[:1024] / distribution[0], rtol=1e-9)
            assert other[-1] / other[0] == pytest.approx(distribution[-1] / distribution[0])
            assert abs(entropy_bits(other) - entropy_bits(distribution)) < 1.2


def test_where_acceptance_is_high_distributions_are_certain():
    """As measured: the mean entropy of contexts falls from acceptance .45 on."""
    table, levels = ShapeTable.read(), (0.45, 0.65, 0.85, 0.97)
    grid = (np.arange(16) + 0.5) / 16
    means = [np.mean([table.entropy_bits[table.shape_at(a, u, v)] for u in grid for v in grid]) for a in levels]
    assert means == sorted(means, reverse=True) and means[0] > 5 and means[-1] < 1


def test_the_drafter_keeps_entropy_and_tail():
    distributions = ShapedDistributions(32_000, 1.0, np.arange(32_000))
    p, q = np.empty(32_000), np.empty(32_000)
    for shape, distance in [(4, 0.1), (20, 0.3), (32, 0.5), (50, 0.8)]:
        distributions.write_verifier(p, shape, 17)
        distributions.write_drafter(q, shape, 17, distance)
        assert -0.1 < entropy_bits(q) - entropy_bits(p) < 1.5
        assert np.sort(q)[:16_000].sum() == pytest.approx(np.sort(p)[:16_000].sum(), rel=0.5)


def test_every_preset_names_its_source_and_its_vocabulary():
    assert len(PRESETS) == 20
    for name, figures in PRESETS.items():
        assert figures.source and figures.task and "/" in figures.verifier and "/" in figures.drafter
        assert Published(name=name).vocabulary == figures.vocabulary in (32_000, 128_256, 151_936)
        assert bool(figures.survival) != bool(figures.accepted_length)
    assert Published(name="vicuna_68m_7b").fingerprint != Published(name="vicuna_68m_13b").fingerprint


def simulated(scheme, requests, output_tokens, name, size):
    """By the figures as one's own: distributions that are not one-hot, at another temperature than was measured."""
    figures = PRESETS[name]
    known = {"survival": figures.survival} if figures.survival else {"accepted_length": figures.accepted_length,
                                                                     "drafts": figures.drafts}  # fmt: skip
    return simulate(
        Cell.from_fields(
            {
                "models": {"pair": {"kind": "acceptance", "size": size, **known}},
                "workload": {
                    "kind": "closed", "requests": requests, "prompt_tokens": 64, "output_tokens": output_tokens,
                },
                "scheme": {"kind": scheme, "max_drafts": 8},
            }
        )
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["colocated", "half_dense"])
def test_lossless_unsparsified_rounds_in_the_simulator_commit_as_published(scheme):
    """Rounds cut at the output limit left out."""
    found = simulated(scheme, 128, 256, name="llama_1b_70b", size=512)
    whole = found.rounds[found.rounds["drafted"] == 8]
    assert found.summary["tv_output"] == 0.0
    assert whole["accepted"].mean() + 1 == pytest.approx(5.73, rel=0.02)
    told = np.array(PRESETS["llama_1b_70b"].survival)
    survived = np.array([(whole["accepted"] >= drafts).mean() for drafts in range(1, 9)])
    assert np.all(np.abs(survived - told) < 4 * np.sqrt(told * (1 - told) / len(whole)) + 0.005)


def models(temperature, **fields):
    return Cell.from_fields({"models": {"pair": {"kind": "published", **fields}, "temperature": temperature}}).models


def test_a_published_acceptance_is_refused_at_another_temperature_than_its_figures_own():
    for name, other in (("llama_1b_70b", 1.0), ("eagle3_qwen3_8b_four_tasks", 0.0)):
        own = PRESETS[name].temperature
        assert models(own, name=name).temperature == own
        told = f"temperature = {other:g}: must be {own:g}, at which the acceptance of {name}"
        with pytest.raises(ConfigError, match=told):
            models(other, name=name)


def test_what_is_kept_takes_figures_to_a_higher_temperature_and_nowhere_else():
    assert models(1.0, kept=0.72).pair.scaled_to(1.0) == (
        "acceptance scaled from temperature 0 to 1 by 0.72 of AL - 1 (from 0 to 1 published models keep 0.57 to 0.89)"
    )
    assert models(0.0, kept=1).pair.scaled_to(0.0) == ""
    with pytest.raises(ConfigError, match=r"pair\.kept = 0\.72: must be null at temperature = 0, at which"):
        models(0.0, kept=0.72)
    with pytest.raises(ConfigError, match=r"must be 1, at which .* above it pair\.kept says what is left of it"):
        models(0.5, kept=0.72, name="eagle3_qwen3_32b")
    for kept in (0, 1.01):
        with pytest.raises(ConfigError, match=r"^models\.pair\.kept = "):
            models(1.0, kept=kept)


def test_the_band_is_that_of_the_published_models():
    shares = [(at_1 - 1) / (at_0 - 1) for at_0, at_1 in AT_0_AND_1.values()]
    assert [round(each, 2) for each in (min(shares), max(shares))] == [KEPT_LEAST, KEPT_MOST]
    qwen = [share for name, share in zip(AT_0_AND_1, shares, strict=True) if name.startswith("Qwen3")]
    assert round(np.mean(qwen), 2) == KEPT and len(qwen) == 6
    assert KEPT_LEAST < KEPT < KEPT_MOST


def kept_cell(**fields):
    return Cell.from_fields(
        {
            "models": {"pair": {"kind": "acceptance", "size": 256, "accepted_length": 4.0, "drafts": 4, **fields}},
            "workload": {"kind": "closed", "requests": 6, "prompt_tokens": 64, "output_tokens": 192},
            "scheme": {"kind": "colocated", "max_drafts": 4},
        }
    )


def test_what_is_kept_whole_changes_no_byte_and_what_is_not_kept_is_lost_in_the_simulator():
    plain, whole, less = (simulate(kept_cell(**fields)) for fields in ({}, {"kept": 1.0}, {"kept": 0.57}))
    for table in ("requests", "rounds"):
        one, other = (getattr(each, table).drop(columns="cell").to_csv() for each in (plain, whole))
        assert one == other
    expected = 1 + 0.57 * 3.0
    full = less.rounds[less.rounds["drafted"] == 4]["accepted"] + 1
    assert abs(full.mean() - expected) < 5 * full.std() / np.sqrt(len(full)) + 0.05
    assert full.mean() < plain.rounds[plain.rounds["drafted"] == 4]["accepted"].mean() + 1 - 0.5


def test_a_share_that_is_not_given_is_in_no_cell():
    """So that cells keep the ids and pairs the fingerprints that they had."""
    assert "kept" not in Cell.from_fields({"models": {"pair": "acceptance"}}).model_dump()["models"]["pair"]
    assert kept_cell(kept=0.57).id != kept_cell().id


def test_acceptance_drifts_along_a_text_and_ages_from_prompt_to_prompt() -> None:
    fields = {"size": 512, "prompts": 5, "prompt_tokens": 20, "drift": 0.3, "aging": 0.4}
    pair, still = KnownAcceptance(**fields), KnownAcceptance(**fields | {"drift": 0.0, "aging": 0.0})
    loaded, before = pair.load(), PublishedTexts(512, still.along, 0)
    for prompt, aged in ((0, 1.0), (1, 0.9), (4, 0.6), (300, 0.6)):
        text = (prompt, *range(1, 1040))
        drafter, verifier = loaded.drafter.open(1.0), loaded.verifier.open(1.0)
        for end, drifted in ((10, 1.0), (20, 1.0), (520, 0.7**0.5), (1020, 0.7)):
            p, q = (model.distributions(text[:end], 1) for model in (verifier, drafter))
            expected = before.acceptance(text, end) * aged * drifted
            assert total_variation(p, q) == pytest.approx(1 - expected, abs=1e-12)
    assert still.fingerprint == KnownAcceptance(size=512, prompts=5, prompt_tokens=20).fingerprint != pair.fingerprint
    assert "drift" not in still.model_dump() and still.load().drafter.fingerprint != loaded.drafter.fingerprint


@pytest.mark.parametrize("field", ["drift", "aging"])
def test_a_drift_loses_part_of_an_acceptance_and_never_all_of_it(field: str) -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(ConfigError, match=field):
            Cell.from_fields({"models": {"pair": {"kind": "published", field: share}, "temperature": 0.0}})
