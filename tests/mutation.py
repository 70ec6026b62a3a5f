"""Do the tests notice a wrong line? One small fault at a time in a copy of the tree, and the tests of its module.

`make mutation` runs the modules that `[tool.mutation]` of pyproject.toml names; with MODULE=models those whose path
begins so. Faults are cosmic-ray's (an operator, a comparison or a constant replaced, a loop that never runs), and
two of bookkeeping: neighbours exchanged in a call or a tuple, and a name mistaken for the one that looks most like it.
Of each module a fixed sample is tried. Faults that the tests do not notice are left as diffs in build/mutation/.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import itertools
import multiprocessing
import os
import random
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cosmic_ray.plugins
import numba
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

for _heavy in ("pandas", "scipy.stats", "torch", "pyarrow.parquet", "simpy", "pydantic", "hypothesis"):
    __import__(_heavy)  # once, for all the processes forked below

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "build" / "mutation"
PACKAGES: Final = ("kinds", "channels", "models", "simulator", "scenarios", "plots", "tools", "tests")
FILES: Final = ("setup.cfg", "pyproject.toml", "README.md")
REPLACED: Final = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul|Pow_Mul|RShift_LShift|"
    r"LShift_RShift|BitOr_BitAnd|BitAnd_BitOr|BitXor_BitAnd)|"
    r"ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|Gt_LtE|LtE_Gt|GtE_Lt|Eq_NotEq|NotEq_Eq|Is_IsNot|"
    r"IsNot_Is)|ReplaceUnaryOperator_Delete_.*|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|"
    r"ReplaceOrWithAnd|AddNot|ReplaceBreakWithContinue|ReplaceContinueWithBreak|NumberReplacer|ZeroIterationForLoop)"
)
"""One or two of each kind, not every operator for every other."""


class ExchangeNeighbours(Operator):
    """Two arguments of a call that stand side by side, or two elements of a tuple or a list."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[object, object]]:
        for left, right in self._pairs(node):
            yield left.start_pos, right.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        left, right = self._pairs(node)[index]
        one, other = left.get_code(include_prefix=False), right.get_code(include_prefix=False)
        return _rewritten(_rewritten(node, left, other), right, one)

    @staticmethod
    def _pairs(node: Any) -> list[tuple[Any, Any]]:
        if node.type not in ("arglist", "testlist_comp", "testlist", "testlist_star_expr"):
            return []
        items = [child for child in node.children if child.type != "operator"]
        values = [(len(item.children) == 3 and item.children[2]) if item.type == "argument" else item for item in items]
        return [(a, b) for a, b in itertools.pairwise(values) if a and b and a.type != "comp_for" != b.type]

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class MistakeNames(Operator):
    """An attribute or a name in quotes is taken for that name of the file which looks most like it."""

    def __init__(self, source: str) -> None:
        self._alike: dict[tuple[str, str], str] = {}
        names = {(leaf.type, leaf.value) for leaf in _leaves_of(get_ast(source)) if _is_name(leaf)}
        for kind, name in names:
            others = sorted(other for type_, other in names if type_ == kind and other != name)
            for close in difflib.get_close_matches(name, others, n=1, cutoff=0.6):
                self._alike[kind, name] = close

    def mutation_positions(self, node: Any) -> Iterator[tuple[object, object]]:
        if _is_name(node) and (node.type, node.value) in self._alike:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = self._alike[node.type, node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def main(wanted: list[str]) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutation"]
    tree = FOLDER / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree / name)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    print(f"{'module':42}" + "".join(f"{name:>11}" for name in ("faults", "tried", "killed", "timed out", "survived")))
    tried, killed = 0, 0
    for group in settings["groups"]:
        group["tests"] = [
            test for test in group["tests"] if test.startswith("-") or (tree / test.split("::")[0]).exists()
        ]
        chosen = [module for module in modules_of(group) if not wanted or module.startswith(tuple(wanted))]
        limit_s = 5.0 + 4.0 * time_without_a_fault(tree, group) if chosen else 0.0
        for module in chosen:
            counts = run_module(tree, module, group, settings["seed"], limit_s)
            tried, killed = tried + sum(counts.values()), killed + sum(counts.values()) - counts["survived"]
            print(f"{killed} of {tried} so far: {killed / max(1, tried):.0%}", file=sys.stderr, flush=True)


def modules_of(group: dict[str, Any]) -> list[str]:
    """The modules that a group's patterns name, but those that only say what is in a folder."""
    found = {path for pattern in group["modules"] for path in ROOT.glob(pattern)}
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted(found)
        if path.stat().st_size and path.name != "__init__.py"
    ]


def time_without_a_fault(tree: Path, group: dict[str, Any]) -> float:
    """Seconds that the tests of a group take. They must pass."""
    begun = time.monotonic()
    end = outcome(tree, group["tests"], group["compiled"], 600.0)
    if end != "survived":
        raise SystemExit(f"without a fault, {group['tests']} end as {end}: see {FOLDER / 'last.log'}")
    return time.monotonic() - begun


def run_module(tree: Path, module: str, group: dict[str, Any], seed: int, limit_s: float) -> dict[str, int]:
    """Tries the sample of one module and counts how they ended; the file is whole again afterwards."""
    path = tree / module
    whole = path.read_text()
    own = Path("tests", module).with_name(f"test_{path.name}")
    stages = [[str(own)]] * (tree / own).exists() + [group["tests"]]  # its own tests first: most faults end there
    counts = dict.fromkeys(("killed", "timed out", "survived"), 0)
    report = FOLDER / (module.replace("/", ".") + ".txt")
    with report.open("w") as out:
        for operator, faulty in itertools.islice(faults_of(whole, f"{seed} {module}"), group["sample"]):
            path.write_text(faulty)
            ends = (outcome(tree, each, group["compiled"], limit_s) for each in stages)
            result = next((end for end in ends if end != "survived"), "survived")
            path.write_text(whole)
            counts[result] += 1
            if result == "survived":
                diff = difflib.unified_diff(whole.split("\n"), faulty.split("\n"), n=1, lineterm="")
                out.write("\n".join([f"== {operator}", *list(diff)[2:], ""]) + "\n")
                out.flush()
    killed = counts["killed"] + counts["timed out"]
    row = len(places_of(whole)), sum(counts.values()), killed, counts["timed out"], counts["survived"]
    print(f"{module:42}" + "".join(f"{number:>11}" for number in row), flush=True)
    return counts


def places_of(source: str) -> list[tuple[Operator, int]]:
    """Every operator with each number at which it has something to change."""
    names = filter(REPLACED.fullmatch, sorted(cosmic_ray.plugins.operator_names()))
    operators = [cosmic_ray.plugins.get_operator(name)() for name in names]
    nodes = list(ast_nodes(get_ast(source)))
    return [
        (operator, occurrence)
        for operator in (*operators, ExchangeNeighbours(), MistakeNames(source))
        for occurrence, _ in enumerate(place for node in nodes for place in operator.mutation_positions(node))
    ]


def faults_of(source: str, seed: str) -> Iterator[tuple[str, str]]:
    """Operator and faulty source, in random order, of each fault that changes what runs: annotations and messages are
    no part of that."""
    meaning, places = _meaning(source), places_of(source)
    random.Random(seed).shuffle(places)
    for operator, occurrence in places:
        faulty = mutate_code(source, operator, occurrence)
        with contextlib.suppress(SyntaxError):
            if _meaning(faulty) != meaning:
                yield type(operator).__name__, faulty


def outcome(tree: Path, tests: list[str], compiled: bool, limit_s: float) -> str:
    """The outcome of the tests in a process of their own: survived, killed or timed out."""
    process = multiprocessing.get_context("fork").Process(target=_tests, args=(tree, tests, compiled))
    process.start()
    process.join(limit_s)
    if process.is_alive():
        process.kill()
        process.join()
        return "timed out"
    return "survived" if process.exitcode == 0 else "killed"


def _tests(tree: Path, tests: list[str], compiled: bool) -> None:
    log = os.open(FOLDER / "last.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(tree)
    sys.path[0] = str(tree)
    sys.dont_write_bytecode = True
    if not compiled:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
        numba.config.reload_config()
    options = ["-x", "-m", "not slow", "-p", "no:xdist", "--hypothesis-seed=0"]
    os._exit(pytest.main([*options, *tests]))  # not waiting for what a test has left behind


class _Bare(ast.NodeTransformer):
    """Without annotations and messages."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args = []
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None


def _meaning(source: str) -> str:
    return ast.dump(_Bare().visit(ast.parse(source)))


def _is_name(node: Any) -> bool:
    if node.type == "string":
        return re.fullmatch(r'"[a-z][a-z_.0-9]*"', node.value) is not None
    return node.type == "name" and node.get_previous_leaf() is not None and node.get_previous_leaf().value == "."


def _rewritten(node: Any, part: Any, code: str) -> Any:
    """The part becomes one leaf with this code."""
    first = part.get_first_leaf()
    for leaf in list(_leaves_of(part)):
        leaf.value, leaf.prefix = "", "" if leaf is not first else leaf.prefix
    first.value = code
    return node


def _leaves_of(part: Any) -> Iterator[Any]:
    leaf, last = part.get_first_leaf(), part.get_last_leaf()
    while leaf is not last:
        yield leaf
        leaf = leaf.get_next_leaf()
    yield last


if __name__ == "__main__":
    main(sys.argv[1:])
