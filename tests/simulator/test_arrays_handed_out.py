"""A user's method may read the arrays that it is handed, and write to none of them: others read them after it."""

from pathlib import Path

import pytest

from kinds import ConfigError
from kinds.mistakes import users_mistakes_told
from simulator import Cell, simulate
from simulator.cell.cell import load_imports
from simulator.checking.checks import check
from simulator.decoding.memory import Memory

BASE = {
    "models": {"pair": {"kind": "synthetic", "size": 16, "entropy_bits": 3.0}},
    "workload": {"kind": "closed", "devices": 1, "requests": 1, "prompt_tokens": 4, "output_tokens": 12},
}
HEAD = """from typing import ClassVar, Literal

from simulator.schemes import KSqs, LatticeCounts
from simulator.schemes.acceptance import Rejection
from simulator.schemes.draw import FromCounts
from simulator.schemes.policies.entropy_exit import EntropyExit
from simulator.schemes.reply import TokenReply
from simulator.schemes.sparsifiers.by_count import KeepTopK


class Mine(BASE):
    kind: Literal["NAME"] = "NAME"
    looks_at_law: ClassVar[bool] = True

    def BODY
"""
WRITERS = {
    "sparsifier, q": ("KeepTopK", "support", "q, state", "q[q < 0.01] = 0"),
    "sparsifier, q after": ("KeepTopK", "advance", "q, state", "q[0] = 0"),
    "quantizer, mass": ("LatticeCounts", "quantize", "mass", "mass.sort()"),
    "draw, q": ("FromCounts", "weights", "proposal, q", "q[0] = 1"),
    "draw, counts": ("FromCounts", "weights", "proposal, q", "proposal.counts[0] = 1"),
    "policy, q": ("EntropyExit", "next", "view, state", "view.distribution is None or view.distribution.sort()"),
    "acceptance, p": ("Rejection", "judge", "after, received, uniforms", "after(())[0] = 0"),
    "acceptance, drafts": ("Rejection", "judge", "after, received, uniforms", "received.drafts[0] = 0"),
    "acceptance, qhat": ("Rejection", "judge", "after, received, uniforms", "received.qhat[0] = 0"),
    "acceptance, rows": ("Rejection", "judge", "after, received, uniforms", "received.distributions[0][:] = 0"),
    "reply, p": ("TokenReply", "encode", "verdict, p, *others", "p[0] = 0"),
    "scheme, q": ("KSqs", "draw_token", "proposal, q, *others", "q.sort()"),
}
"""The family of a class, one of its methods, what that is handed, and what it does to it."""


def written(name: str, folder: Path, prefix: str = "run") -> tuple[Path, str, str]:
    """A file with this class, its kind, and the field of a composed scheme that it is ("scheme" for a whole one)."""
    base, method, arguments, write = WRITERS[name]
    body = f"{method}(self, {arguments}):\n        {write}\n        return super().{method}({arguments})"
    kind = f"{prefix}_{name.replace(' ', '_').replace(',', '')}"
    path = folder / f"{kind}.py"
    path.write_text(HEAD.replace("BASE", base).replace("NAME", kind).replace("BODY", body))
    return path, kind, name.partition(",")[0]


@pytest.mark.parametrize("name", WRITERS)
def test_a_method_that_writes_to_what_it_is_handed_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    path, kind, field = written(name, tmp_path)
    load_imports([path])
    scheme = {"kind": kind} if field == "scheme" else {"kind": "composed", field: kind}
    cell = Cell.from_fields({**BASE, "scheme": {**scheme, "max_drafts": 3}, "imports": [str(path)]})
    with pytest.raises(ConfigError, match=rf"{kind}.py:16: ValueError: .*read-only"), users_mistakes_told():
        simulate(cell, memory=Memory())


@pytest.mark.parametrize("name", ["sparsifier, q", "quantizer, mass", "acceptance, p"])
def test_check_refuses_it_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.checking.checks.answers_elsewhere", lambda _: {})
    path, kind, _ = written(name, tmp_path, "check")
    failed = next(line for line in check(path) if line.outcome == "FAILED")
    assert f"{kind}.py:16: ValueError" in failed.text and "read-only" in failed.text
