"""`sqsim cache`: the rounds that were decoded and are kept: shown, recorded, to another machine and back, cleared.
Rounds recorded where a pair's weights are can be imported where they are not (`simulator.decoding.recording`)."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from channels.codec.coder.compiled import COMPILED
from kinds import ConfigError
from kinds.files import cache_folder
from kinds.mistakes import global_random_numbers_unused
from models import pair_cards
from models.fixed_batch import BatchFootprint
from scenarios.command.options import RECORDING, ROLES
from scenarios.command.progress_bar import ProgressBar
from scenarios.command.run.run_plan import Changes, plan_around
from scenarios.command.run.typed_settings import parse_settings
from simulator.cell.cell import prepare_pairs
from simulator.decoding.memory import Memory
from simulator.decoding.recording import Recorded, export, take_over
from simulator.decoding.round_store import CAP_VARIABLE, RoundStore, Stored
from simulator.protocols.predecode import record

if TYPE_CHECKING:
    from models.batched_passes import BatchedNetwork

SHOWN = 12
"""Digits of a fingerprint."""
FEWEST = 6
"""Digits of one that may be typed for it."""
NAMELESS = "(no card)"
"""A pair that is quick to load, or whose card is gone."""
COLUMNS = "{:<12}  {:>8}  {:>8}  {:<16}  {}"
"""Fingerprint, entries, MB, last use, names."""


def run(options: argparse.Namespace) -> str | Iterator[str]:
    """What to print. Raises ConfigError, one line."""
    store = RoundStore.here()
    if store is None:
        raise ConfigError(f"{CAP_VARIABLE} = 0: no rounds are kept; set it to a size in GB, or leave it out")
    if options.action == "record":
        return _recorded(options, store)
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


def _recorded(options: argparse.Namespace, store: RoundStore) -> Iterator[str]:
    """Decodes the requests of a cell, and tells what its pair takes: computed, then measured."""
    (cell,) = plan_around(
        options.cell, Changes(parse_settings(options.set), imports=tuple(options.imports), trust=options.trust)
    ).cells
    prepare_pairs([cell])
    pair, footprints = cell.models.pair, cell.models.pair.footprints()
    if not pair.has_networks:
        raise ConfigError(f"models.pair = {pair.kind}: must be a pair of networks; this one needs no recording")
    if footprints:
        yield from _computed(footprints)
    if options.dry_run:
        return
    loaded, memory = pair_cards.load(pair), Memory(store)
    with ProgressBar(options.quiet) as progress, global_random_numbers_unused():
        began_s = time.perf_counter()
        requests = record(cell, memory, lambda done, total: progress(done, total, "requests"))
        taken_s = time.perf_counter() - began_s
    for role in ROLES if footprints else ():
        yield _measured(role, getattr(loaded, role).shared)
    yield f"{requests:,} requests in {taken_s:,.1f} s, {requests / taken_s:.3g} a second (measured)"
    kept = {each.pair: each for each in store.summary()}[pair.fingerprint]
    yield f"{store.path}: {kept.entries:,} entries of {pair.fingerprint[:SHOWN]}, {_mb(kept.bytes)} MB"


def _computed(footprints: Sequence[BatchFootprint]) -> Iterator[str]:
    batch, total = footprints[0].batch, 0
    for role, each in zip(ROLES, footprints, strict=True):
        total += each.weight_bytes + each.cache_bytes
        yield (
            f"{role} {each.size.name}: {each.size.parameters:,} parameters, {each.weight_bytes / 1e9:.3g} GB in "
            f"float32; keys and values {each.kv_bytes_per_token / 1e3:.4g} kB a token, {each.cache_bytes / 1e9:.3g} GB "
            f"of {batch.sequences} x {batch.tokens:,}; {each.flops_per_token / 1e9:.3g} GFLOP a token (computed)"
        )
    passes = max(each.pass_bytes_per_sequence for each in footprints) * batch.sequences
    yield f"weights, keys and values: {total / 1e9:.3g} GB, and {passes / 1e9:.2g} GB in the widest pass (computed)"


def _measured(role: str, network: BatchedNetwork) -> str:
    spent, peak = network.spent, network.peak_bytes
    if not spent.passes:
        return f"{role}: no pass, all was recorded before"
    memory = "" if peak is None else f", at most {peak / 1e9:.3g} GB of the GPU held so far"
    return (
        f"{role}: {spent.passes:,} passes of {network.batch.sequences} sequences, {spent.sequences / spent.passes:.3g} "
        f"in use; {spent.tokens:,} tokens in {spent.seconds:.3g} s, {spent.tokens / spent.seconds:.3g} tokens/s on "
        f"{network.module.device.type}{memory} (measured)"
    )


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
    rows = [_row(each, names.get(each.pair, [NAMELESS])) for each in stored]
    return "\n".join([heading, "", COLUMNS.format("fingerprint", "entries", "MB", "last use", "pair"), *rows])


def _row(stored: Stored, names: Sequence[str]) -> str:
    used = datetime.fromtimestamp(stored.used).strftime("%Y-%m-%d %H:%M")
    return COLUMNS.format(stored.pair[:SHOWN], stored.entries, _mb(stored.bytes), used, " or ".join(names))


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
    """Those of the pairs that were typed, all where none was. Raises ConfigError where nothing goes by that name."""
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
