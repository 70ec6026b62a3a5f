"""Shell completion, by argcomplete: commands, options, scenarios, and after --set and --grid fields and their kinds.
`eval "$(sqsim completion bash)"` in the shell's start-up file turns it on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

import argcomplete
from argcomplete.shell_integration import shellcode

from scenarios.command.registry import LISTS, NAMES


def run(options: argparse.Namespace) -> None:
    """Prints what a shell must read once, as it is, so that it asks `sqsim` for the words that fit."""
    print(shellcode(["sqsim"], shell=options.shell))


def complete(
    parser: argparse.ArgumentParser, answer: TextIO | None = None, end: Callable[[int], object] = os._exit
) -> None:
    """Answers a shell that asks, and ends the process; does nothing where none asks."""
    for option, action in _actions(parser):
        words = COMPLETED.get(option)
        if words is not None:
            action.completer = words  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long", output_stream=answer, exit_method=end)


def _actions(parser: argparse.ArgumentParser, command: str = "") -> Iterable[tuple[str, argparse.Action]]:
    """Yields each argument under its option, or under its command and name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _actions(below, name)
        else:
            yield (action.option_strings[-1] if action.option_strings else f"{command} {action.metavar}", action)


def _pairs(**_: object) -> list[str]:
    from models.pair_cards import cards

    return sorted({word for card in cards() for word in (*card.words, card.fingerprint[:12])})


def _fields(prefix: str, **_: object) -> list[str]:
    """`FIELD=` for each field; behind the `=`, where a field takes one of some words, those words."""
    choices = _choices()
    field, equals, value = prefix.partition("=")
    if not equals:
        return [f"{name}=" for name in choices if name.startswith(prefix)]
    *before, last = value.split(",")
    start = "".join(f"{each}," for each in before)
    return [f"{field}={start}{word}" for word in choices.get(field, ()) if word.startswith(last)]


def _listed_fields(prefix: str, **_: object) -> list[str]:
    """Returns the fields that begin so, none before the first dot: a name may still be typed."""
    return [field.removesuffix("=") for field in _fields(prefix)] if "." in prefix else []


def _choices() -> Mapping[str, list[str]]:
    """Every field of a cell, whatever its kinds, with the words it takes; a part's kinds stand for the part too."""
    from simulator import Cell
    from simulator.cell.descriptions import describe

    found: dict[str, list[str]] = {}
    for line in describe(Cell()):
        words = line.bounds.removeprefix("one of ").split(", ") if line.bounds.startswith("one of ") else []
        words += ["true", "false"] if line.bounds == "true or false" else []
        for name in {line.field, line.field.removesuffix(".kind")}:
            found[name] = sorted({*found.get(name, []), *words})
    return found


COMPLETED = {
    "--set": _fields,
    "--grid": _fields,
    "--pair": _pairs,
    "run NAME": lambda **_: NAMES,
    "list NAME": lambda **_: (*NAMES, *LISTS),
    "list FIELD": _listed_fields,
}
"""Functions that answer a shell, by option, or by command and argument."""
