"""`sqsim codec prior`: a prior for any pair, stored by its hash, reported with what it saves, taken by a cell; and the
texts and distributions that it is learned from."""

import re

import numpy as np
import pytest

from channels.codec import prior_files
from channels.codec.context_coded.prior_tables import find
from kinds import ConfigError
from models.synthetic import Synthetic
from scenarios.command.inspect.prior import MOST_KEPT, likeliest, written
from simulator import Cell, simulate

PAIR = "{kind: synthetic, size: 48, contexts: 48, entropy_bits: 3, prompts: 12, prompt_tokens: 6}"
SMALL = {
    "models.pair": {"kind": "synthetic", "size": 48, "contexts": 48},
    "workload.requests": 1,
    "workload.prompt_tokens": 4,
    "workload.output_tokens": 8,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the user's priors lie in a test."""
    monkeypatch.setenv(prior_files.PRIORS, str(tmp_path / "priors"))
    monkeypatch.setattr(prior_files, "FOLDERS", [prior_files.BUNDLED])
    return tmp_path / "priors"


def test_a_prior_is_built_stored_by_its_hash_and_taken_by_a_cell(typed, folder):
    status, out, err = typed("codec", "prior", PAIR, "--quick", "--quiet")
    assert (status, err) == (0, ""), err
    (path,) = folder.iterdir()
    content = path.read_bytes()
    fingerprint = prior_files.fingerprint_of(content)
    assert path.name == f"48-{fingerprint}.prior" and len(content) <= prior_files.LARGEST_BYTES
    rows = re.findall(r"^(.*ell = \S+) +([\d.,]+) +([\d.,]+) +([\d.,]+) +(-?\d+)%$", out, re.MULTILINE)
    assert len(rows) == 4
    for _, _, before, after, saved in rows:
        assert float(after) < float(before) and int(saved) == pytest.approx(
            100 * (1 - float(after) / float(before)), abs=1
        )
    (setting,) = re.findall(r"--set 'scheme\.(.*)'", out)
    assert setting == f'prior="{fingerprint}"' and "export" not in out

    bits = {}
    for prior in (None, "", fingerprint):
        cell = Cell().with_({**SMALL, "scheme.prior": prior})
        bits[prior] = simulate(cell).summary["payload_bits_per_draft"]
    assert bits[None] == bits[""], "nothing is bundled for 48 tokens"
    assert bits[fingerprint] < bits[""]
    assert len({Cell().with_({**SMALL, "scheme.prior": prior}).id for prior in bits}) == 3


def test_a_prior_in_another_folder_is_found_in_the_folder_that_is_named(done, folder, tmp_path, monkeypatch):
    np.save(tmp_path / "texts.npy", np.random.default_rng(0).integers(48, size=(20, 12)))
    own = ["--texts", "texts.npy", "--out", "elsewhere"]
    out = done("codec", "prior", PAIR, "--quick", "--quiet", *own)
    (fingerprint,) = re.findall(r'prior="(\w+)"', out)
    assert f"export SQSIM_PRIORS={tmp_path / 'elsewhere'}" in out and not folder.exists()
    monkeypatch.setattr(prior_files, "FOLDERS", [prior_files.BUNDLED])
    find.cache_clear()
    with pytest.raises(ConfigError, match=f"prior = '{fingerprint}': no such file for 48 tokens in "):
        Cell().with_({**SMALL, "scheme.prior": fingerprint})
    monkeypatch.setenv(prior_files.PRIORS, str(tmp_path / "elsewhere"))
    Cell().with_({**SMALL, "scheme.prior": fingerprint})


def test_where_it_goes_is_looked_at_before_anything_is_read(typed, folder, tmp_path, monkeypatch):
    def read(self):
        raise AssertionError("models are read")

    monkeypatch.setattr(Synthetic, "load", read)
    (tmp_path / "taken").write_text("a file")
    for out in ("taken", "taken/below"):
        status, _, err = typed("codec", "prior", PAIR, "--quick", "--quiet", "--out", out)
        assert status == 2 and f"out = {out}: must be a folder" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ({"kind": "k_sqs", "prior": "0123456789abcdef"}, "no such file for 48 tokens"),
        ({"kind": "k_sqs", "prior": "mine"}, "scheme.prior = .mine.: String should match"),
        ({"kind": "k_sqs", "prior": "0123456789abcdef", "code": "enumerative"}, "only the code recoded reads one"),
        ({"kind": "composed", "code": {"kind": "recoded", "prior": "0123456789abcdef"}}, "no such file for 48 tokens"),
    ],
)
def test_a_cell_whose_prior_cannot_be_is_refused(folder, scheme, message):
    with pytest.raises(ConfigError, match=message):
        Cell().with_({**SMALL, "scheme": scheme})


def quiet(done, total, what):
    assert 0 < done <= total


@pytest.mark.parametrize("size", [16, 400])
def test_distributions_along_texts_are_the_models_largest_first(size):
    pair = Synthetic(size=size, contexts=size, prompts=3, prompt_tokens=8).load()
    texts = np.random.default_rng(0).integers(size, size=(3, 7)).astype(np.int32)
    ids, probabilities = likeliest(pair.drafter, texts, 0.7, quiet)
    assert ids.shape == probabilities.shape == (3, 7, min(size, MOST_KEPT))
    for text, at in np.ndindex(3, 7):
        distribution = pair.drafter.open(0.7).distributions(tuple(texts[text, : at + 1].tolist()), 1)[0]
        assert probabilities[text, at] == pytest.approx(np.sort(distribution)[::-1][:MOST_KEPT], rel=1e-6)
        assert distribution[ids[text, at]] == pytest.approx(probabilities[text, at], rel=1e-6)


def test_texts_go_on_from_prompts_by_the_models_distribution_and_differ_where_prompts_come_again():
    pair = Synthetic(size=8, contexts=8, entropy_bits=1.0, prompts=3, prompt_tokens=8).load()
    texts = written(pair.verifier, pair.prompts, 60, 40, 1.0, 5, quiet)
    for index, text in enumerate(texts):
        assert tuple(text[:8]) == pair.prompts[index % 3].tokens
    assert len({text.tobytes() for text in texts}) == 60
    assert (texts == written(pair.verifier, pair.prompts, 60, 40, 1.0, 5, quiet)).all()
    # 1,860 drawn tokens; expected counts of each successor, chi-square over at most 64 cells: 1e-6 quantile below 140
    statistic = 0.0
    for last in range(8):
        distribution = pair.verifier.open(1.0).distributions((last,), 1)[0]
        after = texts[:, 10:][texts[:, 9:-1] == last]
        seen, expected = np.bincount(after, minlength=8), distribution * after.size
        large = expected > 5
        statistic += float(((seen - expected)[large] ** 2 / expected[large]).sum())
    assert statistic < 140
