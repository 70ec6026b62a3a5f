"""What `sqsim compare` prints."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from scenarios.command.compare.compare import CONTROLS
from scenarios.command.compare.compare_folders import Compared, Told
from scenarios.command.result_folder import ResultFolder
from scenarios.findings.aligned_columns import WIDTH, aligned
from scenarios.findings.sentences import would_show
from simulator.results.units import quantity, title

MOST_LINES = 40
"""Changes beyond these, and settings beyond a quarter of these, are counted, not listed."""


def text(found: Compared, *, everything: bool) -> str:
    """The comparison for a person; `everything`: a line for each change and each setting of one alone."""
    most = len(found.changes) + len(found.only_before) + len(found.only_after) if everything else MOST_LINES
    lines = [_folder("A", found.before), _folder("B", found.after), *_versions(found), "", *_settings(found, most)]
    return "\n".join([*lines, "", *_found(found), *_changes(found, most)])


def _folder(letter: str, folder: ResultFolder) -> str:
    cells, manifest = folder.cells, folder.manifest
    size = f"{_count(cells['cell'].nunique(), 'cell')}, {_count(cells['seed'].nunique(), 'seed')}"
    code = f"sqsim {manifest.get('sqsim')}, commit {str(manifest.get('commit') or 'unknown')[:12]}"
    date = f", {manifest['date']}" if manifest.get("date") else ""
    measured = "; real time, another run has other times" if manifest.get("deterministic") is False else ""
    return f"{letter}: {folder.path}: {folder.note.scenario}, {size}; {code}{date}{measured}"


def _versions(found: Compared) -> list[str]:
    """What is another in the two manifests."""
    one, other = found.before.manifest, found.after.manifest
    names = [name for name in ("sqsim", "commit", "python", "host") if one.get(name) != other.get(name)]
    told = [f"{name} {str(one.get(name))[:40]} -> {str(other.get(name))[:40]}" for name in names]
    mine, theirs = (each.get("libraries") for each in (one, other))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        libraries = dict.fromkeys([*mine, *theirs])
        told += [f"{name} {mine.get(name)} -> {theirs.get(name)}" for name in libraries
                 if mine.get(name) != theirs.get(name)]  # fmt: skip
    return [_wrapped(f"Differs: {', '.join(told)}") if told else "Versions, commit and host are the same."]


def _settings(found: Compared, most: int) -> Iterator[str]:
    counts = f"{found.both} in both, {len(found.only_before)} in A only, {len(found.only_after)} in B only"
    yield f"Settings: {counts}."
    for letter, names in (("A", found.only_before), ("B", found.only_after)):
        if names:
            yield _listed(f"In {letter} only", names, most // 4, "; ")
    for letter, fields in (("A", found.fields_before), ("B", found.fields_after)):
        if fields:
            yield _listed(f"Fields of {letter} only", fields, most, ", ")
    for letter, metrics in (("A", found.metrics_before), ("B", found.metrics_after)):
        if metrics:
            yield _listed(f"Metrics of {letter} only", metrics, most, ", ")
    for letter, lost in (("B", found.gone), ("A", found.came)):
        if lost:
            told = [f"{metric} of {setting}" for setting, metric in lost]
            yield _listed(f"Without a value in {letter}", told, most // 4, "; ")


def _found(found: Compared) -> Iterator[str]:
    """What a search found in both, where it is another number."""
    if found.searched is None:
        return
    if not found.found:
        yield f"Found: the same {title(found.searched)} everywhere."
    else:
        told = [f"{setting} {before:g} -> {after:g}" for setting, before, after in found.found]
        yield _wrapped(f"Found, {title(found.searched)}, to within the search's own precision: {'; '.join(told)}.")
        yield "Metrics are compared where the same number was found."
    yield ""


def _changes(found: Compared, most: int) -> Iterator[str]:
    if not found.both:
        yield "Nothing to compare: no setting is in both."
        return
    changed = [each for each in found.changes if each.beyond_noise]
    alone = [each for each in found.changes if each.change.difference.n > 1 and each.change.difference.separable]
    values = f"Of {found.values:,} values (a metric of a setting in both)"
    if not found.changes:
        yield f"{values}, all are the same."
        return
    yield f"{values}, {found.values - len(found.changes):,} are the same and {_differ(len(found.changes))}."
    if not found.noisy:
        yield "There is one seed to compare, so no interval: whether a difference is more than noise cannot be told."
        yield from _table(found.changes, most)
        return
    paired = all(each.change.paired for each in found.changes)
    how = "paired by seed" if paired else "paired by seed where both have the same seeds, else Welch's"
    yield _wrapped(
        f"{len(alone):,} have a 95% interval of the mean of ln(B/A), {how}, that leaves out 0. Of "
        f"{len(found.changes):,} tests at once some do by chance. {CONTROLS[found.control]}."
    )
    if not changed:
        times = [each.change.difference for each in found.changes if each.change.metric == "latency_per_token_s"]
        limit = would_show(times)
        yield f"Nothing changed beyond noise{limit and f'; of latency per token {limit}, by itself'}."
        return
    yield ""
    yield f"Changed beyond noise: {len(changed):,}, from A to B: B/A - 1 and its 95% interval"
    yield ""
    yield from _table(changed, most)


def _table(changes: Sequence[Told], most: int) -> Iterator[str]:
    ordered = sorted(changes, key=lambda each: each.change.metric != "latency_per_token_s")
    body = [
        [each.setting, title(each.change.metric), *(quantity(value, each.change.metric) for value in _ends(each)),
         _difference(each)]
        for each in ordered[:most]
    ]  # fmt: skip
    yield aligned(["", "metric", "A", "B", "change"], body)
    if len(ordered) > most:
        counts: dict[str, int] = {}
        for each in ordered:
            counts[title(each.change.metric)] = counts.get(title(each.change.metric), 0) + 1
        yield ""
        yield f"... and {len(ordered) - most:,} more; --all shows them."
        yield _wrapped(f"By metric: {', '.join(f'{name} {count}' for name, count in counts.items())}")


def _ends(told: Told) -> tuple[float, float]:
    return told.change.before, told.change.after


def _difference(told: Told) -> str:
    """`-11.2% (-14.1% to -8.2%)`; the difference itself where there is no ratio."""
    found = told.change.difference
    ends = [] if math.isnan(found.low) else [found.low, found.high]
    if not found.relative:
        words = [quantity(each, found.metric) for each in (found.size, *ends)]
    else:
        digits = 0 if abs(found.size) >= 1 else 1 if abs(found.size) >= 0.01 else 2
        words = [f"{100 * each:+,.{digits}f}%" for each in (found.size, *ends)]
    return words[0] + (f" ({words[1]} to {words[2]})" if ends else "")


def _listed(heading: str, names: Sequence[str], most: int, mark: str) -> str:
    """`heading: a; b and 3 more`."""
    more = f"{mark}and {len(names) - most} more" if len(names) > most else ""
    return _wrapped(f"{heading}: {mark.join(names[:most])}{more}")


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="    ")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _differ(number: int) -> str:
    return f"{number:,} differ{'s' if number == 1 else ''}"
