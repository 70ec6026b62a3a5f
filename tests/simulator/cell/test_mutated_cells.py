"""A configuration with mistakes in it is refused in one line that names the field, or runs: never anything else."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from mutated_cells import Mutated, bases, mutated

from simulator import Cell, ConfigError, simulate
from simulator.decoding.memory import Memory

FAST = range(60)
SLOW = range(60, 560)
LONGEST_S = 20.0
"""The longest time that one cell may take, s; it takes some hundredths, and what is not refused must end."""
TOKENS = 500
"""The most that are decoded here: a cell may say how long it is."""
LONGEST_LINE = 600
PLAIN_PAIRS = ("synthetic", "acceptance", "published")
"""Those that load no weights."""


class Endless(BaseException):
    """Not an Exception, so that nothing on the way takes it for a mistake."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Endless where what is inside takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(given: Mutated, path: Path, memory: Memory) -> str:
    """What becomes of a file. Lets everything through but a ConfigError."""
    path.write_text(given.text, encoding="utf-8")
    with within(LONGEST_S):
        try:
            cell = Cell.from_yaml(path)
            long = cell.workload.total * sum(cell.workload.longest) > TOKENS
            if long or cell.models.pair.kind not in PLAIN_PAIRS:
                return "not run"
            simulate(cell, memory=memory)
            return "ran"
        except ConfigError as error:
            told = str(error)
    ours = re.sub(r"\w+_in_tests(, )?", "", told)  # kinds of other tests are open in this process
    assert len(ours) <= LONGEST_LINE and told.isprintable(), told
    named = re.match(r"[\w.]+", told.removeprefix("import = ")) or re.match(".*", told)
    assert named is not None
    known = named[0].split(".")[0] in {*Cell.model_fields, "config", "cell"}
    known = known or ("config" in given.touched and f"{named[0]}:" in given.text)  # a letter of a name is another
    assert known or any(name and name in told for name in given.touched), (told, given.touched)
    return "refused"


def outcomes(seeds: range, path: Path) -> Counter[str]:
    made, memory, found = bases(), Memory(), Counter[str]()
    for seed in seeds:
        given = mutated(made[seed % len(made)], np.random.default_rng(seed))
        try:
            found[outcome(given, path, memory)] += 1
        except (Exception, Endless) as error:
            raise AssertionError(f"seed {seed}, {sorted(given.touched)}") from error
    return found


def test_a_mutated_cell_is_refused_by_name_or_runs(tmp_path: Path) -> None:
    found = outcomes(FAST, tmp_path / "cell.yaml")
    assert found["refused"] > 30 and found["ran"] > 3


@pytest.mark.slow
def test_five_hundred_mutated_cells_are_refused_by_name_or_run(tmp_path: Path) -> None:
    found = outcomes(SLOW, tmp_path / "cell.yaml")
    assert found["refused"] > 250 and found["ran"] > 50 and found["not run"] < 50


def test_each_base_runs_as_it_is() -> None:
    for fields in bases():
        assert simulate(Cell.from_fields(fields), memory=Memory()).summary["answered"] > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed: 2020-13-45", "line 1: is no timestamp that can be read"),
        ("scheme: k_sqs\nseed: !!int x", "line 2: is no int that can be read"),
        (f"seed: {'9' * 5_000}", "line 1: is no number of at most 1,000 characters"),
        ("seed: !!timestamp x", "line 1: is no timestamp that can be read"),
        (f"seed: {'[' * 1_000}{']' * 1_000}", "is nested too deeply"),
        ("seed: &a [*a]", "line 1: an alias may not stand within what it repeats"),
        ("uplink.rate.bps: 1e999999999", "uplink.rate.bps = '1e999999999': must be a number that a float can hold"),
        (
            "uplink.rate.bps: 1e-99999999 kbit/s",
            "uplink.rate.bps = '1e-99999999 kbit/s': must be a number that a float can hold",
        ),
        ("workload.requests: 1e15", "workload.requests = 1000000000000000: should be less than or equal to 1000000"),
        ("imports: [3]", "imports.0 = 3: should be a valid string"),
        ('imports: ["a\\0b"]', "import = 'a\\x00b': must be a Python file"),
        ('workload: {kind: closed, "a\\nb": 3}', "workload.a\\nb = 3: no such field"),
        ("uplink: {'': 3}", "uplink.'' = 3: no such field"),
    ],
)
def test_what_only_a_parser_or_python_itself_refuses_is_told_in_a_line_too(
    text: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "cell.yaml").write_text(text)
    with within(LONGEST_S), pytest.raises(ConfigError) as caught:
        Cell.from_yaml(tmp_path / "cell.yaml")
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_long_value_is_shown_by_its_ends() -> None:
    with pytest.raises(ConfigError) as caught:
        Cell.from_fields({"seed": "x" * 5_000})
    assert len(str(caught.value)) < 400 and "xxx...xxx" in str(caught.value)
