"""Users' mistakes, each reported on one line: a value that a field refuses, and what a class of their own does wrong.

Where a user's class raises, file and line of its own code are reported; where it answers what it must not, the rule
that its family has for the method (`Choice.method_rules`). Methods are pure functions, for what they answer is
remembered: now and then one is called twice, and the arrays that it is handed are read-only. Our own classes are
trusted.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import getsourcelines, isclass, isfunction, unwrap
from math import inf
from numbers import Real
from os.path import realpath, relpath
from typing import TypeGuard

import numpy as np

from kinds.arrays import read_only

OURS = frozenset({"kinds", "channels", "models", "simulator", "scenarios", "plots"})
Rule = Callable[..., object]
"""rule(answer, *arguments) of a method: the answer as it is used from there on. Raises ValueError: what it must be."""
_FOREIGN: dict[str, str] = {}
"""The modules that have registered classes of users, and their files."""
LONGEST_VALUE = 200
"""Characters that a complaint shows of a value."""
PRINTED: set[str] = set()
"""The lines that this process has printed once."""
CALLED_TWICE, TWICE_EVERY = 8, 64
"""Calls of a user's method that are made twice: the first so many, and then one of so many."""


class ConfigError(ValueError):
    """A user's mistake on one line: field, value, what is allowed. What a terminal would not show is escaped."""

    status = 2
    """Exit status of a command."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(text: str, kept: str = "") -> str:
    """A text with what a terminal would not show, or would obey, escaped as Python writes it; but for those `kept`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in kept else repr(each)[1:-1] for each in text)


class Escaped(str):
    """Text for a terminal, which may hold codes of ours: what came from names went through `printable`."""


def print_once(line: str) -> None:
    """Prints a line on stderr, the first time in this process."""
    if line not in PRINTED:
        PRINTED.add(line)
        print(f"sqsim: {line}", file=sys.stderr)


class ImpureError(ConfigError):
    """A user's class does not answer the same each time: nothing that it has decided may be remembered."""


def shown(value: object) -> str:
    """A value as a complaint shows it: as Python would write it, and the middle left out where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no whole number of more than some thousand digits
        text = f"a {type(value).__name__} too large to be shown"
    half = LONGEST_VALUE // 2
    return text if len(text) <= LONGEST_VALUE else f"{text[:half]}...{text[-half:]}"


def is_foreign(module: str) -> bool:
    """True if a module of this name is not of this project."""
    return module.partition(".")[0] not in OURS


def watch(cls: type, rules: Mapping[str, Rule]) -> None:
    """Has a user's class keep to `rules` in its own methods, and its file reported where it raises."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is not None:
        _FOREIGN[cls.__module__] = realpath(file)
    for name, rule in rules.items():
        method = cls.__dict__.get(name)
        if isfunction(method):
            setattr(cls, name, _watched(method, rule))


def broken_rule(method: Callable[..., object], what: object) -> ConfigError:
    """The complaint about an answer of a user's method."""
    function = unwrap(getattr(method, "__func__", method))
    code = getattr(function, "__code__", None)
    place = "" if code is None else f"{_place(code.co_filename, code.co_firstlineno)}: "
    return ConfigError(f"{place}{getattr(function, '__qualname__', function)} {what}")


def not_negative(value: object) -> object:
    """The value, of a field that also takes words. Raises ValueError for a number that is negative or not finite."""
    if is_number(value) and not 0 <= value < inf:
        raise ValueError("must be a finite number from 0")
    return value


def is_number(value: object) -> TypeGuard[float]:
    """True if a user's method has answered a number, Python's or numpy's, and not true or false."""
    return isinstance(value, Real) and not isinstance(value, bool)


@contextmanager
def users_mistakes_told(imports: Sequence[object] = ()) -> Iterator[None]:
    """Raises what goes wrong in a user's class as a ConfigError: one line, from a worker too. With `imports`, files of
    the user's, what is not known to come from elsewhere is theirs."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        found = users_mistake(error)
        if found is None and not imports:
            raise
        if found is None:
            files = ", ".join(_near(str(path)) for path in imports)
            found = ConfigError(f"{files}: a cell with it fails, {_said(error)}")
        raise found from error


def users_mistake(error: BaseException) -> ConfigError | None:
    """The error as a mistake in a user's file, with its line; None where no line of such a file led to it."""
    for cause in _causes(error):
        for frame in reversed(traceback.extract_tb(cause.__traceback__)):
            if realpath(frame.filename) in _FOREIGN.values():
                return ConfigError(f"{_place(frame.filename, frame.lineno or 0)}: {_said(cause)}")
        if isinstance(cause, TypeError) and (place := _place_named(str(cause))) is not None:
            return ConfigError(f"{place}: {_said(cause)}")
    return None


def raised_at(file: str, error: BaseException) -> str:
    """Returns the error that a user's file raised while it was imported, behind its line."""
    if isinstance(error, SyntaxError):
        return f"{_near(error.filename or file)}:{error.lineno or 0}: {type(error).__name__}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if realpath(frame.filename) == file]
    return f"{_near(file)}{f':{lines[-1]}' if lines else ''}: {_said(error)}"


@contextmanager
def global_random_numbers_unused() -> Iterator[None]:
    """Raises ImpureError where, with classes of users about, numpy's global random numbers were drawn from meanwhile:
    a run with whoever did so cannot be repeated. Those of `random` other threads draw from too, a cluster's worker's
    among them: that a class does is seen where it is called twice."""
    before = _drawn_so_far()
    yield
    if _FOREIGN and _drawn_so_far() != before:
        files = ", ".join(sorted({_near(file) for file in _FOREIGN.values()}))
        raise ImpureError(
            f"{files}: draws from numpy.random's global numbers, so that no run can be repeated; `uniforms`, where a "
            "method is handed them, are numbers that can"
        )


def _drawn_so_far() -> object:
    state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - it is asked whether others use it
    return state["pos"], state["key"].tobytes()


def _watched(method: Callable[..., object], rule: Rule) -> Callable[..., object]:
    calls, found = 0, list[ImpureError]()

    def answered(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        answer = method(*arguments, **named)
        if calls <= CALLED_TWICE or calls % TWICE_EVERY == 0:
            again = method(*arguments, **named)
            if not _same(answer, again):
                what = f"must be pure: called twice alike, it returned {shown(answer)}, then {shown(again)}"
                found.append(ImpureError(str(broken_rule(method, what))))
        if found:
            raise found[0]
        return answer

    @wraps(method)
    def asked(*given: object, **named: object) -> object:
        arguments = [read_only(each) if isinstance(each, np.ndarray) else each for each in given]
        answer = answered(*arguments, **named)
        try:
            return rule(answer, *arguments[1:], **named)
        except ConfigError:
            raise
        except ValueError as error:
            raise broken_rule(method, error) from None

    return asked


def _same(one: object, other: object) -> bool:
    """True if two answers are equal, as far as they can be compared: objects without a value of their own cannot."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f")
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_same(*each) for each in zip(one, other, strict=True))
    if dataclasses.is_dataclass(one) and _name(type(one)) == _name(type(other)):
        return all(_same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one))
    if isinstance(one, bool | int | float | str | bytes) and isinstance(other, bool | int | float | str | bytes):
        return one == other or (one != one and other != other)
    return _name(type(one)) == _name(type(other))


def _name(cls: type) -> tuple[str, str]:
    """Returns the name of a class. A class that a method defines is another object each time, and has one name."""
    return cls.__module__, cls.__qualname__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the first cause first: an event loop raises a process's error as a copy of it."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return reversed(chain)


def _place_named(message: str) -> str | None:
    """Returns the place in a user's file of the method that was called with wrong arguments, or of the class that
    leaves a method out: the subject of a TypeError of the interpreter."""
    named = re.match(r"([A-Za-z_][\w.]*)\(\)|Can't instantiate abstract class (\w+)", message)
    for module in reversed(_FOREIGN) if named else ():
        found: object = sys.modules.get(module)
        for name in (named[1] or named[2]).split(".") if named else ():
            found = getattr(found, name, None)
        if isfunction(found):
            code = unwrap(found).__code__
            return _place(code.co_filename, code.co_firstlineno)
        if isclass(found):
            return _place(_FOREIGN[module], getsourcelines(found)[1])
    return None


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(file: str, line: int) -> str:
    return f"{_near(file)}:{line}"


def _near(file: str) -> str:
    near = relpath(realpath(file), realpath(os.curdir))
    return file if near.startswith(os.pardir) else near
