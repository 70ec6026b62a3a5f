"""`sqsim cache`: the rounds that were decoded and are kept: shown, to another machine and back, cleared.
Rounds decoded where a pair's weights are can be imported where they are not (`simulator.decoding.recording`)."""

from __future__ import annotations

import argparse
import os
import shutil
from datetime import datetime
from pathlib import Path

from channels.codec.coder.compiled import COMPILED
from kinds import ConfigError
from kinds.files import cache_folder
from models import pair_cards
from scenarios.command.options import RECORDING
from simulator.decoding.recording import Recorded, export, take_over
from simulator.decoding.round_store import CAP_VARIABLE, RoundStore

SHOWN = 12
"""Digits of a fingerprint."""
FEWEST = 6
"""Digits of one that may be typed for it."""
NAMELESS = "(no card)"
"""A pair that is quick to load, or whose card is gone."""
COLUMNS = "{:<12}  {:>8}  {:>8}  {:<16}  {}"
"""Fingerprint, entries, MB, last use, names."""


def run(options: argparse.Namespace) -> str:
    """Returns the text to print. Raises ConfigError, one line."""
    store = RoundStore.here()
    if store is None:
        raise ConfigError(f"{CAP_VARIABLE} = 0: no rounds are kept; set it to a size in GB, or leave it out")
    if options.action == "export":
        file: Path = options.file
        if file.suffix != RECORDING:
            raise ConfigError(f"file = {file}: must end in {RECORDING}")
        if not file.parent.is_dir():
            raise ConfigError(f"file = {file}: {file.parent} is no folder")
        return "\n".join([str(file), *_counts(export(file, store, _fingerprints(store, options.pair)))])
    if options.action == "import":
        return "\n".join([str(store.path), *_counts(take_over(options.file, store))])
    if options.action == "clear":
        return _clear(store, options.pair)
    return _shown(store)


def _clear(store: RoundStore, pair: str | None) -> str:
    if pair is None:
        removed = store.clear()
        pair_cards.forget()
        shutil.rmtree(cache_folder() / COMPILED, ignore_errors=True)
    else:
        chosen = sorted(_fingerprints(store, pair))
        removed = sum(store.clear(each) for each in chosen)
        for each in chosen:
            pair_cards.forget(each)
    return f"{store.path}: {removed} entries removed"


def _shown(store: RoundStore) -> str:
    stored, names = store.summary(), _names()
    total = sum(each.bytes for each in stored)
    heading = f"{store.path.parent}: {_mb(total)} MB of at most {store.cap_bytes / 1e9:g} GB"
    if not stored:
        return f"{heading}\nNo rounds recorded yet."
    rows = [
        (each.pair[:SHOWN], each.entries, _mb(each.bytes), f"{datetime.fromtimestamp(each.used):%Y-%m-%d %H:%M}",
         " or ".join(names.get(each.pair, [NAMELESS])))
        for each in stored
    ]  # fmt: skip
    heads = ("fingerprint", "entries", "MB", "last use", "pair")
    return "\n".join([heading, "", *(COLUMNS.format(*row) for row in (heads, *rows))])


def _names() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for card in pair_cards.cards():
        found.setdefault(card.fingerprint, []).append(card.names + ("" if card.current else " (other code)"))
    return found


def _counts(recorded: Recorded) -> list[str]:
    names = {card.fingerprint: card.names for card in recorded.cards}
    lines = [
        f"{pair[:SHOWN]}  {names.get(pair, NAMELESS)}: {count} entries" for pair, count in recorded.entries.items()
    ]
    return [f"  {line}" for line in (*lines, f"{_mb(recorded.bytes)} MB")]


def _fingerprints(store: RoundStore, typed: str | None) -> set[str]:
    """Returns the fingerprints of the typed pairs, all if none was typed. Raises ConfigError if no pair goes by that
    name."""
    cards = pair_cards.cards()
    there = {each.pair for each in store.summary()} | {card.fingerprint for card in cards}
    if typed is None:
        return there
    found = {pair for pair in there if len(typed) >= FEWEST and pair.startswith(typed)}
    found |= {card.fingerprint for card in cards if card.words & {typed, os.path.abspath(typed)}}
    if not found:
        names = _names()
        known = sorted({name for pair in there for name in names.get(pair, [pair[:SHOWN]])})
        raise ConfigError(f"pair = {typed!r}: nothing is recorded of it; there is {', '.join(known) or 'nothing'}")
    return found


def _mb(size: int) -> str:
    return f"{size / 1e6:,.2f}"
