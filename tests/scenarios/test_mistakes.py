"""What goes wrong is told in one line, with an exit status, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typed_command import Typed

import simulator
from models.bundled.sotu import Sotu
from simulator.decoding.decoder import load

RUN = ("run", "latency_vs_bandwidth", "--quick")
SAME_KIND = """
from typing import Literal
from simulator.schemes import LatticeScheme

class Mine(LatticeScheme):
    kind: Literal["k_sqs"] = "k_sqs"

    def support(self, q, state):
        return q.argsort()[-1:]
"""
MISTAKES = [
    (("run", "latency_vs_bandwith"), "did you mean latency_vs_bandwidth"),
    (("list", "nothing"), "no such scenario"),
    ((*RUN, "--set=scheme.kind=ksqs"), "scheme.kind = 'ksqs': kind must be one of"),
    ((*RUN, "--set=uplink.rate.bsp=1"), "did you mean uplink.rate.bps"),
    ((*RUN, "--set=scheme=ksqs"), "did you mean k_sqs"),
    (
        (*RUN, "--set=scheme={kind: k_sqs, maxdrafts: 4}"),
        "scheme.maxdrafts = 4: no such field; did you mean max_drafts",
    ),
    ((*RUN, "--set=uplink=nbiot.uplink"), "did you mean nb_iot.uplink"),
    ((*RUN, "--set=edge.latency.device=a100"), "did you mean a100_40gb_sxm"),
    ((*RUN, "--set=uplink.rate.bps=-1"), "uplink.rate.bps = -1"),
    ((*RUN, "--set=uplink.rate.bps=10 s"), "uplink.rate.bps = '10 s': must be a number of bit/s, such as 10k"),
    ((*RUN, "--set=uplink.delay.delay_s=10m"), "must be a number of s, such as 50ms or 2 min"),
    ((*RUN, "--set=scheme=dense", "--set=scheme.kind=k_sqs"), "scheme: two --set give it"),
    ((*RUN, "--import=same_kind.py"), "the kind 'k_sqs' is taken by KSqs"),
    ((*RUN, "--set=scheme=k_sqs", "--grid=scheme.k=4,4000000"), "k = 4000000: must be at most the vocabulary"),
    ((*RUN, "--set=scheme.resolution=0"), "scheme.resolution = 0"),
    ((*RUN, "--set=workload.prompt_tokens=100000"), "must be at most the pair's context"),
    ((*RUN, "--set=uplink.rate.bps"), "a.b=v"),
    ((*RUN, "--set=scheme={k: 1"), "cannot read the value"),
    ((*RUN, "--grid=scheme=[]"), "at least one value"),
    ((*RUN, "--set=seed=1.5"), "seed"),
    ((*RUN, "--seeds=0"), "seeds = 0"),
    ((*RUN, "--seeds=many"), "invalid int value"),
    ((*RUN, "--seeds=2", "--grid=seed=1,2"), "both --seeds and --grid"),
    ((*RUN, "--set=scheme=dense", "--grid=scheme=dense"), "both --set and --grid"),
    ((*RUN, "--workers=0"), "workers = 0"),
    ((*RUN, "--set=models.pair=sotu", "--cluster=nowhere"), "cluster = nowhere"),
    (("run", "capacity", "--quick", "--cluster=nowhere"), "cluster = nowhere"),
    ((*RUN, "--import=missing.py"), "missing.py"),
    ((*RUN, "--import=raises.py"), "ZeroDivisionError"),
    ((*RUN, "--out=raises.py/below"), "raises.py/below"),
    ((*RUN, "--nonsense"), "--nonsense"),
    (("run", "capacity", "--set=workload.devices=3"), "this scenario finds it"),
    (("run", "capacity", "--set=objective.speed=3"), "no such metric"),
    (("run",), "give a scenario's name or --config"),
    (("run", "--config=missing.yaml"), "missing.yaml"),
    (("run", "--config=raises.py"), "must be a mapping"),
    (("plot", "missing"), "no summary.csv"),
    (("frobnicate",), "frobnicate"),
    ((), "COMMAND"),
]


@pytest.mark.parametrize(
    ("arguments", "told"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_a_mistake_is_one_line_exit_2_and_leaves_nothing(
    arguments: tuple[str, ...], told: str, typed: Typed, small: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "raises.py").write_text("raise ZeroDivisionError('over\\ntwo lines')\n")
    (tmp_path / "same_kind.py").write_text(SAME_KIND)
    given = any(each.startswith("--set=models.pair") for each in arguments)
    quick = small[:1] if arguments[:1] == ("run",) and "--quick" in arguments and not given else ()
    status, out, err = typed(*arguments, *quick)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err and err.startswith("sqsim: ") and "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} == {"raises.py", "same_kind.py"}


def test_an_interrupt_is_one_line_and_exit_130(
    typed: Typed, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulator, "sweep", interrupted)
    status, out, err = typed(*RUN, *small)
    assert (status, out, err.count("\n")) == (130, "", 1)


@pytest.mark.slow
def test_a_real_interrupt_stops_all_workers_and_the_same_command_goes_on(
    small: tuple[str, ...], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "scenarios.command", "run", "latency_vs_bandwidth", small[1], *small[3:4]]
    options = ["--set=models.pair={kind: synthetic, size: 4000}", "--set=workload.output_tokens=64", "--seeds=3",
               "--workers=2"]  # fmt: skip
    with subprocess.Popen(
        [*command, *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stderr is not None
        while " 0%" in running.stderr.readline():
            pass
        os.killpg(running.pid, signal.SIGINT)
        said = running.stderr.read()
    assert running.returncode == 130 and "Traceback" not in said and said.splitlines()[-1].startswith("sqsim: inter")
    again = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "resumed" in again.stderr


def test_weights_that_are_not_the_recorded_ones_are_refused(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "weights"
    shutil.copytree(Sotu.home, copied)
    file = copied / "100k" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    monkeypatch.setattr(Sotu, "home", copied)
    load.cache_clear()
    status, out, err = typed(*RUN, "--set=models.pair=sotu", "--workers=1", "--quiet", "--out=here")
    assert (status, out, err.count("\n")) == (2, "", 1) and str(file) in err
    assert not (tmp_path / "here").exists()
