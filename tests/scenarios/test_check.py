"""`sqsim check`: faults that it must find, each in one line, and classes in which there is none to find."""

from collections.abc import Callable
from pathlib import Path

import pytest

import models
from simulator.checking import calls, checks

EXAMPLES = Path(__file__).parents[2] / "examples"
OWN = ("own_policy", "own_loss", "own_quantizer", "own_sparsifier")
HEAD = """from typing import ClassVar, Literal

import numpy as np

from models.verification import Verdict, inverse_cdf
from simulator.schemes import Acceptance, Code, KSqs, LatticeCounts, Policy, Sparsifier
from simulator.schemes.acceptance import Rejection
from simulator.schemes.code import Recoded
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.policy import DRAFT, SEND, CloudDecodes, Wait


class Mine({family}):
    kind: Literal["checked_in_tests"] = "checked_in_tests"
"""
JUDGE = """
    lossless: ClassVar[bool | None] = {lossless}
    slack: float = {slack}

    def judge(self, law_after, received, uniforms):
        text, numbers = (), uniforms.verdict(len(received.drafts))
        for n, draft in enumerate(received.drafts.tolist()):
            p, qhat = law_after(text), received.qhat[n]
            if numbers[n] * qhat[draft] >= self.slack * p[draft]:
                rest = np.maximum(p - qhat, 0)
                return Verdict(n, int(inverse_cdf(rest, numbers[-1])))
            text = (*text, draft)
        return Verdict(len(text), int(inverse_cdf(law_after(text), numbers[-1])))
"""
FREE_THIRD = JUDGE.replace("if numbers[n]", "if n < 2 and numbers[n]")
LEFT_OUT = """
    def encode_parts(self, drafts, packets, context):
        drafted = drafts[-1]
        dear = drafted.counts[drafted.support == drafted.token][0] < 40
        return super().encode_parts(drafts[:-1] if len(drafts) > 1 and dear else drafts, packets, context)
"""
REDRAWN = """
    def draw_token(self, proposal, q, uniforms, place):
        draft, weights = super().draw_token(proposal, q, uniforms, place)
        if q[draft.token] >= 0.3:
            return draft, weights
        return super().draw_token(proposal, q, uniforms, place._replace(number=place.number + 100))
"""
SAME_NUMBER = """
    def judge(self, law_after, received, uniforms):
        own = uniforms.request
        same = RequestUniforms(own.draft, own.draft, own.shared)
        return super().judge(law_after, received, uniforms._replace(request=same))
"""
GLOBAL = """
    def support(self, q, state):
        return np.sort(np.argsort(-q)[: 1 + np.random.randint(q.size)])
"""
DRAWN_AND_DROPPED = """
    def support(self, q, state):
        np.random.random()
        return np.arange(q.size)
"""
STATE = """
    def entry(self, last):
        return (0.1,)

    def support(self, q, state):
        return np.sort(np.argsort(-q, kind="stable")[: max(1, int(np.sum(q >= state[0])))])

    def advance(self, q, state):
        return (state[0] * (0.5 + q.max()),)
"""
STICKS = (
    STATE
    + """
    def settle(self, chain, accepted):
        return chain[-1]
"""
)
HIDDEN = """
    seen: ClassVar[list] = []

    def support(self, q, state):
        return np.sort(np.argsort(-q, kind="stable")[: 1 + len(self.seen) // 7 % 3])

    def advance(self, q, state):
        self.seen.append(1)
        return state
"""
SHORT = """
    def quantize(self, mass):
        return np.maximum(1, np.floor(self.resolution * mass / mass.sum()).astype(np.int64))
"""
UNSAID = """
    def quantize(self, mass):
        counts = np.zeros(mass.size, dtype=np.int64)
        counts[0] = self.resolution
        return counts
"""
MISSTATED = """
    lossless: ClassVar[bool | None] = False

    def output_distribution(self, p, qhat, drawn, corrected=None):
        return qhat
"""
TELLING = """
    def packets(self, load):
        return Longer(Recoded().packets(load))


class Longer:
    def __init__(self, inner):
        self.inner, self.format = inner, inner.format

    def encode(self, drafts, context):
        return bytes([drafts[-1].token == 0]) + self.inner.encode(drafts, context) + bytes(2 * (drafts[-1].token == 0))

    def decode(self, payload, context):
        return self.inner.decode(payload[1:-2] if payload[0] else payload[1:], context)

    def length_bits(self, drafts, context):
        return 8 * len(self.encode(drafts, context))

    def largest_bits(self, drafts, support, counts, context):
        return self.inner.largest_bits(drafts, support, counts, context) + 32

    def bound_bits(self, sizes):
        return self.inner.bound_bits(sizes) + 40
"""
NOT_EXACT = """
    def packets(self, load):
        return Padded(Recoded().packets(load))


class Padded:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def length_bits(self, drafts, context):
        return self.inner.length_bits(drafts, context) + 8
"""
FAULTS = {
    "a draft that is left out by what it is": ("KSqs", LEFT_OUT, "output", "payloads lack a draft that was drawn"),
    "a draft that is drawn again": ("KSqs", REDRAWN, "output", "the verifier's is 0.3"),
    "a lenient acceptance": ("Acceptance", JUDGE.format(lossless=None, slack=1.2), "output", "TV 0.1"),
    "a lenient acceptance that says lossless": (
        "Acceptance", JUDGE.format(lossless=True, slack=1.2), "output", "the verifier's is"
    ),
    "an acceptance that takes all from the third draft on": (
        "Acceptance", FREE_THIRD.format(lossless=None, slack=1.0), "output", "of 4 tokens over 3 ids"
    ),
    "one number that draws and judges": ("Rejection", SAME_NUMBER, "output", "asks for the number that drew a draft"),
    "an output that is misstated": ("Rejection", MISSTATED, "output_distribution", "and leaves (0.25, 0.25, 0.3, 0.2)"),
    "np.random in support": ("Sparsifier", GLOBAL, "purity", "must be pure: called twice alike"),
    "np.random in support, and not used": ("Sparsifier", DRAWN_AND_DROPPED, "purity", "draws from the global numbers"),
    "a state that does not roll back": ("Sparsifier", STICKS, "rollback", "draft 1 of 3 is rejected: the state is ("),
    "a state that is hidden": ("Sparsifier", HIDDEN, "purity", "asked again in another order"),
    "counts that do not sum": ("LatticeCounts", SHORT, "counts", "counts that sum to resolution = 100, got 101"),
    "counts of a scheme that do not sum": ("KSqs", SHORT, "counts", "not to resolution = 100"),
    "counts that move too far": ("LatticeCounts", UNSAID, "counts", "and covering_bound states"),
    "parts whose length tells their draft": ("Code", TELLING, "output, partial rounds", "the verifier's is"),
    "a length that is not exact": ("Code", NOT_EXACT, "round trip", "length_bits says"),
}  # fmt: skip
LOOKS = """
    looks_at_law: ClassVar[bool] = True

    def next(self, view, state):
        if view.distribution is not None:
            return (DRAFT if view.distribution.max() > 0.35 else SEND), state
        return (Wait(view.now_s + 1) if view.now_s < 2 else DRAFT), state
"""
ON_LINKS = """import itertools
import random
from typing import Literal

import numpy as np

from channels.link.delays import Delay
from channels.link.losses import Loss
from channels.link.rates import ConstantCurve, Rate

TICKS = itertools.count()


class Mine({family}):
    kind: Literal["on_link_in_tests"] = "on_link_in_tests"
    mean_s: float = 0.1

    def {method}(self, uniforms):
        class Process:
            draws = {draws}

            def {question}(self, now_s, *packet):
                return {answer}

        return {made}
"""
LOSS, DELAY = ("Loss", "process", "lost"), ("Delay", "process", "delay_s")
UNREPEATABLE = {
    "a loss by Python's global numbers": (*LOSS, "0", "random.random() < 0.5", "Process()"),
    "a loss by a generator without a seed": (*LOSS, "np.random.default_rng()", "self.draws.random() < .5", "Process()"),
    "a loss that counts across runs": (*LOSS, "0", "next(TICKS) % 7 == 0", "Process()"),
    "a loss by the hash of a text": (*LOSS, "0", "hash(str(packet)) % 2 == 0", "Process()"),
    "a delay by numpy's global numbers": (*DELAY, "0", "float(np.random.random())", "Process()"),
    "a rate without a seed": ("Rate", "curve", "bits", "0", "0", "ConstantCurve(np.random.default_rng().random())"),
}  # fmt: skip
REPEATABLE = {
    "a loss of a local class": (*LOSS, "uniforms", "self.draws.uniform(*packet[-1]) < 0.3", "Process()"),
    "a delay of a local class": (*DELAY, "uniforms", "0.1 + self.draws.uniform(*packet[-1])", "Process()"),
    "a rate": ("Rate", "curve", "bits", "0", "0", "ConstantCurve(1e5 * (1 + uniforms.uniform(0)))"),
}


def on_link(family: str, method: str, question: str, draws: str, answer: str, made: str) -> str:
    return ON_LINKS.format(family=family, method=method, question=question, draws=draws, answer=answer, made=made)


SOUND = {
    "an acceptance of its own": ("Acceptance", JUDGE.format(lossless=None, slack=1.0)),
    "a state that rolls back": ("Sparsifier", STATE),
    "a policy that looks, waits": ("Policy", LOOKS),
}


@pytest.fixture
def alone(monkeypatch):
    """The other process is this one: starting it takes a second."""

    monkeypatch.setattr(checks, "answers_elsewhere", calls.answers_of)


Checked = Callable[[str, str], tuple[int, list[str], str]]


@pytest.fixture
def checked(typed, tmp_path, alone):
    """Checks a class with this base and body: exit status, lines, stderr."""

    def check(family, body):
        (tmp_path / "mine.py").write_text(HEAD.format(family=family) + body)
        status, out, err = typed("check", "mine.py")
        return status, out.splitlines(), err

    return check


FAST = {
    "a draft that is left out by what it is", "a lenient acceptance", "np.random in support", "counts that do not sum",
    "an acceptance that takes all from the third draft on",
    "a state that does not roll back",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in FAULTS]
)
def test_a_fault_is_one_line_that_says_it_in_words(name, tmp_path, alone, monkeypatch):
    family, body, where, words = FAULTS[name]
    if not where.startswith("output"):  # the enumeration before it passes, and takes most of the time
        monkeypatch.setattr(checks, "_outputs", lambda *_: iter(()))
    (tmp_path / "mine.py").write_text(HEAD.format(family=family) + body)
    failed = next(line for line in checks.check(tmp_path / "mine.py") if line.outcome == "FAILED")
    assert failed.check == where and words in failed.text and "\n" not in failed.text


@pytest.mark.parametrize("name", UNREPEATABLE)
def test_a_loss_a_rate_or_a_delay_that_cannot_be_repeated_fails(name, tmp_path, alone, monkeypatch):
    (tmp_path / "mine.py").write_text(on_link(*UNREPEATABLE[name]))
    if "hash" in name:  # what the other process, which is this one here, would answer
        answers = checks.answers_elsewhere(tmp_path / "mine.py")
        other = [[[method, "another"] for method, _ in each] for each in answers["loss on_link_in_tests"]]
        monkeypatch.setattr(checks, "answers_elsewhere", lambda _: {"loss on_link_in_tests": other})
    (line,) = checks.check(tmp_path / "mine.py")
    assert (line.check, line.outcome) == ("purity", "FAILED") and "\n" not in line.text
    words = "in another process" if "hash" in name else "global numbers" if "global" in name else "of a link made again"
    assert words in line.text


@pytest.mark.parametrize("name", REPEATABLE)
def test_a_loss_a_rate_or_a_delay_that_goes_by_its_uniforms_passes(name, typed, tmp_path, alone):
    (tmp_path / "mine.py").write_text(on_link(*REPEATABLE[name]))
    status, out, err = typed("check", "mine.py")
    assert (status, err) == (0, "") and "passed     the same answers" in out.splitlines()[1]


def test_a_check_that_fails_is_counted_and_is_the_exit_status(checked):
    status, lines, err = checked("LatticeCounts", SHORT)
    assert status == 1 and err == "sqsim: 1 of 2 checks failed\n"
    assert [line.split()[0] for line in lines] == ["quantizer", "counts", "the"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_passes(name, checked):
    status, lines, err = checked(*SOUND[name])
    assert (status, err) == (0, "") and {line.split("  ")[0] for line in lines[1:]} == {""}
    assert sum("  passed  " in line for line in lines) >= 4
    assert "softmaxes" in lines[-1] and lines[-1].startswith("  cost")


@pytest.mark.slow
def test_a_rule_that_states_its_loss_does_not_fail(checked):
    status, lines, _ = checked("Acceptance", JUDGE.format(lossless=False, slack=1.2))
    assert status == 0
    assert any("  lossy      lossy, as it states: TV 0.1" in line for line in lines)


@pytest.mark.parametrize("body", ["", "    def judge(self, *_):\n        return len(3)\n"], ids=["abstract", "raises"])
def test_a_class_that_cannot_be_run_is_one_line(body, checked):
    status, lines, _ = checked("Acceptance", body)
    assert status == 1 and len(lines) <= 3 and "mine.py:" in lines[1] and "TypeError" in lines[1]


@pytest.mark.parametrize(
    "name",
    [
        "own_policy",
        "own_loss",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("own_quantizer", "own_sparsifier", "pipesd")),
    ],
)
def test_the_examples_pass(name, typed, alone):
    status, out, err = typed("check", str(EXAMPLES / f"{name}.py"))
    assert (status, err) == (0, "")
    assert ("a link made again" in out) == (name == "own_loss")
    assert out.count("  passed  ") >= 1 and (name == "own_loss" or out.splitlines()[-1].startswith("  cost"))


def test_a_part_that_answers_otherwise_elsewhere_is_reported(typed, tmp_path, monkeypatch, alone):
    (tmp_path / "mine.py").write_text(HEAD.format(family="Sparsifier") + STATE)
    requested = checks.answers_elsewhere

    def other(file):
        found = requested(file)
        found["sparsifier checked_in_tests"][0][0] = ("support", "int64[1] [7]")
        return found

    monkeypatch.setattr(checks, "answers_elsewhere", other)
    status, out, _ = typed("check", "mine.py")
    assert status == 1 and "and int64[1] [7] in another process, under another PYTHONHASHSEED" in out


def test_the_other_process_takes_our_packages_whatever_lies_in_the_folder(tmp_path, monkeypatch):
    (tmp_path / "models.py").write_text("")
    monkeypatch.chdir(tmp_path)
    found = "import importlib.util, json; print(json.dumps(importlib.util.find_spec('models').origin))"
    monkeypatch.setattr(calls, "ALONE", found)
    assert calls.answers_elsewhere(tmp_path / "mine.py") == models.__file__


@pytest.mark.slow
def test_a_support_by_hash_is_found_by_another_process(typed, done, tmp_path):
    body = '\n    def support(self, q, state):\n        return np.array([hash(f"{q[0]}") % q.size])\n'
    (tmp_path / "mine.py").write_text(HEAD.format(family="Sparsifier") + body)
    status, out, _ = typed("check", "mine.py")
    assert status == 1 and "in another process, under another PYTHONHASHSEED" in out
    (tmp_path / "mine.py").write_text(HEAD.format(family="Sparsifier") + STATE)
    assert "in another order and in another process" in done("check", "mine.py")
