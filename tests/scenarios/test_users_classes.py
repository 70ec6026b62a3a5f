"""What a class of a user's own does wrong is reported with its file, its line and the rule, on one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

SCHEME = """from typing import Literal

import numpy as np

from simulator.schemes import DraftScheme, LatticeScheme, Policy, Quantizer, Sparsifier
from simulator.schemes.policy import DRAFT, SEND, DraftOne, Wait


class Mine(LatticeScheme):
    kind: Literal["mine"] = "mine"
    max_drafts: int = 2

    def support(self, q, state):
        return {answer}
"""
PART = """from typing import Literal

import numpy as np

from simulator.schemes import Acceptance, Draw, Policy, Quantizer, Sparsifier
from simulator.schemes.policy import DRAFT, SEND, DraftOne, Wait
from simulator.schemes.quantizer import LatticeQuantizer
from models.verification import Verdict; from simulator.schemes.reply import TokenReply


class Mine({family}):
    kind: Literal["mine"] = "mine"

    def {method}:
        return {answer}
"""
LINK = """from typing import Literal

from channels.link.delays import Delay
from channels.link.losses import Loss
from channels.link.rates import ConstantCurve, Curve, Position, Rate
from models.latency.latency import Latency


class Mine({family}):
    kind: Literal["mine"] = "mine"

    def {method}:
        return {answer}
"""
SUPPORTS = [
    ("np.argsort(-q)[:3]", "Mine.support must be ascending, each id once, got ["),
    ("np.array([1, 1, 2])", "Mine.support must be ascending"),
    ("np.array([5, q.size])", "Mine.support must return ids in 0..63, got [5, 64]"),
    ("np.array([-1, 5])", "Mine.support must return ids in 0..63"),
    ("np.array([], dtype=int)", "Mine.support must keep at least one id, got none"),
    ("q > 0.01", "Mine.support must return an array [K] of token ids (whole numbers), got a mask"),
    ("[1, 2]", "Mine.support must return an array [K] of token ids"),
    ("None", "Mine.support must return an array [K] of token ids (whole numbers), got None"),
    ("q[:3]", "Mine.support must return an array"),
    ("np.arange(3)[9]", "IndexError: index 9 is out of bounds"),
    ("undefined", "NameError: name 'undefined' is not defined"),
]
PARTS = [
    ("Sparsifier", "support(self, q, state)", "np.array([2, 1])", "sparsifier", "Mine.support must be ascending"),
    ("Sparsifier", "support(self, q)", "np.array([1])", "sparsifier", "TypeError: Mine.support() takes 2 positional"),
    ("LatticeQuantizer", "quantize(self, mass)", "np.rint(-9 * mass).astype(int)", "quantizer", "counts of 0 or more"),
    ("LatticeQuantizer", "quantize(self, mass)", "9 * mass", "quantizer", "an array [8] of whole numbers, got [0."),
    ("Policy", "next(self, view, state)", "'send'", "policy", "must return an action and a state"),
    (
        "Policy",
        "next(self, view, state)",
        "(DraftOne, state)",
        "policy",
        "DRAFT, SEND, Wait(until_s), DraftRound or CloudDecodes, got <class",
    ),
    ("Policy", "next(self, view, state)", "(SEND, state)", "policy", "sends a round without a draft"),
    ("Policy", "next(self, view, state)", "(Wait(view.now_s), state)", "policy", "must be later than now, "),
    ("Policy", "next(self, view, state)", "(DRAFT, [1.0])", "policy", "must return an action and a state"),
    ("Policy", "plan(self, most_drafts)", "most_drafts + 1", "policy", "must return 1..2 drafts, or None"),
    ("Draw", "weights(self, proposal, q)", "-q[proposal.ids]", "draw", "must return weights of 0 or more"),
    ("Acceptance", "judge(self, law_after, received, *others)", "Verdict(9, 0)", "acceptance", "accepted in 0..2"),
    (
        "TokenReply",
        "encode(self, verdict, p, *others)",
        "'yes'",
        "reply",
        "Mine.encode must return bytes, at least one",
    ),
    ("TokenReply", "decode(self, reply, *others)", "Verdict(0, -1)", "reply", "accepted in 0..2 and token in 0..63"),
]
LINKS = [
    ("Loss", "process(self, uniforms)", "None", "uplink.loss", "Mine.process must return an object with a method lost"),
    ("Delay", "process(self, uniforms)", "3", "uplink.delay", "must return an object with a method delay_s, got 3"),
    ("Rate", "curve(self, uniforms)", "1e4", "uplink.rate", "Mine.curve must return a Curve"),
    ("Latency", "pass_s(self, work)", "-0.1", "cloud.latency", "Mine.pass_s must return seconds, 0 or more, got -0.1"),
    ("Latency", "pass_s(self, work)", "'1 s'", "edge.latency", "Mine.pass_s must return seconds, 0 or more, got '1 s'"),
    ("Latency", "pass_s(self, work)", "work[0][5]", "edge.latency", "IndexError: tuple index out of range"),
]
PROCESSES = [
    ("Loss", "lost", "1", "uplink.loss", "Process.lost must return True or False, got 1"),
    ("Loss", "lost", "'no'", "uplink.loss", "Process.lost must return True or False, got 'no'"),
    ("Loss", "lost", "arguments[9]", "uplink.loss", "IndexError: tuple index out of range"),
    ("Delay", "delay_s", "-0.1", "uplink.delay", "Process.delay_s must return seconds, 0 or more, got -0.1"),
    ("Delay", "delay_s", "float('inf')", "uplink.delay", "Process.delay_s must return seconds, 0 or more, got inf"),
]
OWN_PROCESS = """class Process:
    def {method}(self, *arguments):
        return {answer}


from typing import Literal

from channels.link.delays import Delay
from channels.link.losses import Loss


class Mine({family}):
    kind: Literal["mine"] = "mine"

    def process(self, uniforms):
        return Process()
"""
BACKWARDS = """from typing import Literal

from channels.link.rates import Curve, Rate


class Backwards(Curve):
    def served_bits(self, t0_s, t1_s):
        return -5 * (t1_s - t0_s)

    def finish(self, position, bits):
        return position._replace(time_s=position.time_s + bits / -5)


class Mine(Rate):
    kind: Literal["mine"] = "mine"

    def curve(self, uniforms):
        return Backwards()
"""
FILES = [
    ("x = 1\nraise KeyError('a')\n", 2, "KeyError: 'a'"),
    ("x = 1\n\nif x\n", 3, "SyntaxError: expected ':'"),
    ("import nowhere_to_be_found\n", 1, "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
]
NEXT = "\n    def next(self, view, state):\n        return DRAFT, state\n"
MEAN = "\n    @property\n    def mean_s(self):\n        return 0.1\n"
"""What a policy, and a delay, has to have besides."""


def faults() -> Iterator[tuple[str, str, int, str]]:
    """A file, the setting that uses its class, the line that is named, what the message names."""
    for answer, message in SUPPORTS:
        yield SCHEME.format(answer=answer), "scheme=mine", 14 if "Error" in message else 13, message
    for family, method, answer, field, message in PARTS:
        beside = NEXT if family == "Policy" and "next" not in method else ""
        text = PART.format(family=family, method=method, answer=answer) + beside
        yield text, f"scheme={{kind: composed, {field}: mine, max_drafts: 2}}", 14, message
    for template, cases, line in ((LINK, LINKS, 12), (OWN_PROCESS, PROCESSES, 2)):
        for family, method, answer, field, message in cases:
            text = template.format(family=family, method=method, answer=answer) + (MEAN if family == "Delay" else "")
            yield text, f"{field}=mine", line + ("Error" in message), message
    yield BACKWARDS, "uplink.rate=mine", 10, "Backwards.finish"
    yield BACKWARDS, "uplink.rate=mine", 10, "no negative rate"
    abstract = "TypeError: Can't instantiate abstract class Mine"
    yield BACKWARDS.replace("def curve", "def curves"), "uplink.rate=mine", 14, abstract
    for text, line, message in FILES:
        yield text, "seed=0", line, message


CELL = """models: {pair: {kind: synthetic, size: 64, contexts: 8}}
workload: {kind: closed, requests: 1, prompt_tokens: 4, output_tokens: 6}
"""


@pytest.mark.parametrize(("text", "setting", "line", "message"), list(faults()))
def test_what_a_users_class_or_file_does_wrong_has_its_line(text, setting, line, message, refused, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "cell.yaml").write_text(CELL)
    run = ("run", "--config=cell.yaml", "--workers=1", "--quiet", "--import=mine.py", f"--set={setting}")
    err = refused(*run)
    assert f"mine.py:{line}: " in err and message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cell.yaml", "mine.py"]


def test_who_looks_into_a_class_of_theirs_gets_the_way_to_its_error(typed, tmp_path, monkeypatch):
    monkeypatch.setenv("SQSIM_TRACEBACK", "1")
    (tmp_path / "mine.py").write_text(SCHEME.format(answer="1 / 0"))
    Path("cell.yaml").write_text(CELL)
    status, _, err = typed("run", "--config=cell.yaml", "--workers=1", "--import=mine.py", "--set=scheme=mine")
    assert status == 2 and "Traceback" in err and err.splitlines()[-1].startswith("sqsim: mine.py:14: ZeroDivision")


TYPICAL = """from typing import Literal

from models.verification import Verdict, inverse_cdf
from simulator.schemes import Acceptance


class Typical(Acceptance):
    kind: Literal["typical"] = "typical"

    def judge(self, law_after, received, uniforms):
        line = tuple(received.drafts.tolist())
        for n, draft in enumerate(line):
            if law_after(line[:n])[draft] < 1e-9:
                return Verdict(n, inverse_cdf(law_after(line[:n]), uniforms.verdict(len(line))[-1]))
        return Verdict(len(line), inverse_cdf(law_after(line), uniforms.verdict(len(line))[-1]))
"""


@pytest.mark.parametrize(
    ("size", "mark"), [pytest.param(8, "(lossy)", marks=pytest.mark.slow), (80, "(not known to be lossless)")]
)
@pytest.mark.usefixtures("undrawn")
def test_an_acceptance_that_states_nothing_is_marked_and_ranked_apart(size, mark, done, tmp_path):
    (tmp_path / "typical.py").write_text(TYPICAL)
    schemes = "--grid=scheme=k_sqs,{kind: composed, acceptance: typical}"
    pair = f"--set=models.pair={{kind: synthetic, size: {size}, entropy_bits: 2, distance: 0.6}}"
    requested = (
        "--set=workload.requests=5",
        "--set=workload.output_tokens=24",
        "--grid=uplink.rate.bps=1e5",
        "--set=scheme.max_drafts=4",
        "--set=scheme.resolution=100",
        "--set=scheme.k=8",
        "--seeds=1",
    )
    out = done(
        "run",
        "latency_vs_bandwidth",
        "--quick",
        "--quiet",
        "--workers=1",
        "--import=typical.py",
        pair,
        schemes,
        *requested,
        "--details",
    )
    screen = out.split("\nResults\n")[0]
    assert f"composed, scheme acceptance typical {mark}" in screen and "not ranked" in screen
    text = " ".join(out.split())
    assert (
        f"ranked apart: composed, scheme acceptance typical {mark}, TV output {'0.' if size == 8 else 'not known'}"
        in text
    )
    assert "Rejections differ from the sum of TV(qhat, p) beyond chance" in text
