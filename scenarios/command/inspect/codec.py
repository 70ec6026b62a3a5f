"""`sqsim codec`: one distribution on the wire, by the schemes and the codec that the simulator runs: `cost`, `encode`,
`decode`. No model is loaded."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from inspect import isabstract
from pathlib import Path
from typing import get_args

import numpy as np

from channels.codec import paper_counts, wire
from channels.codec.draft import Code
from kinds import ConfigError, Part
from kinds.arrays import Floats, Ints
from kinds.files import read_bytes, read_lines, require_file
from models.verification import dense, entropy_bits, total_variation
from scenarios.command.run.typed_settings import parse_part
from scenarios.findings.text_table import TextTable, screen_width
from simulator.cell.descriptions import shown
from simulator.cell.imported_files import load_imports
from simulator.schemes import Composed, Dense, DraftScheme, LatticeScheme, Scheme
from simulator.schemes.code import Packets
from simulator.schemes.draw import Proposal

CODES: tuple[Code, ...] = get_args(Code)
SUM_TOLERANCE = 1e-3
ROWS = 20


@dataclass(frozen=True)
class Wire:
    """Writing of a packet: the scheme, the code in place of the scheme's own, the ids that both ends hold."""

    scheme: DraftScheme
    code: Code | None = None
    context: tuple[int, ...] = ()

    def packets(self, vocabulary: int) -> Packets:
        """Returns the writer and reader of packets. Raises ConfigError if scheme and vocabulary do not fit."""
        try:
            if self.code is None or not isinstance(self.scheme, LatticeScheme):
                return self.scheme.packets(vocabulary)
            return _coded(self.scheme, self.code).packets(vocabulary)
        except ValueError as error:
            raise ConfigError(f"scheme {self.scheme.kind}: {error}") from None


def run(options: argparse.Namespace) -> str:
    """Returns what to print. Raises ConfigError, one line."""
    load_imports(options.imports)
    try:
        context = tuple(int(word) for word in options.context.split(",") if word.strip())
    except ValueError:
        raise ConfigError(f"context = {options.context!r}: whole numbers with commas between them") from None
    if options.action == "cost":
        q = read_distribution(options.distribution)
        schemes = [scheme_of(text) for text in options.scheme] or schemes_for(q.size)
        return cost(q, options.code, context, schemes)
    how = Wire(scheme_of(options.scheme), options.code, context)
    if options.action == "decode":
        return decode(read_payload(options.payload), how, options.vocabulary)
    payload = encode(read_distribution(options.distribution), how, options.token)
    if options.out is not None:
        options.out.write_bytes(payload)
    return payload.hex()


def cost(q: Floats, code: Code | None, context: tuple[int, ...], schemes: Sequence[DraftScheme]) -> str:
    """A row a scheme: what it keeps of q, float64 [V], how far qhat is from it, and bits a draft: the paper's count and
    the codes without the drafted id; a packet of one draft with its id, in whole bytes."""
    header = ["", "kept", "coded", "dropped", "TV(q, qhat)", "paper", *CODES, "packet"]
    body = [_costs(q, Wire(scheme, code, context)) for scheme in schemes]
    heading = f"V = {q.size:,}, entropy {entropy_bits(q):.2f} bit; bits of one draft, the drafted id only in `packet`"
    return TextTable.of(heading, header, body).text(screen_width())


def encode(q: Floats, how: Wire, token: int | None) -> bytes:
    """The payload of a round of one draft of q, float64 [V]; its token is `token`, by default the likeliest."""
    if how.scheme.branches:
        raise ConfigError(
            f"scheme {how.scheme.kind}: a distribution has several drafts, must be a scheme of one draft a distribution"
        )
    proposal = _proposed(q, how.scheme)
    packets = how.packets(q.size)
    likeliest = int(proposal.ids[_drawn_by(how.scheme, proposal, q).argmax()])
    try:
        draft = wire.Draft(likeliest if token is None else token, proposal.ids, proposal.counts)
        return b"".join(how.scheme.encode_parts([draft], packets, how.context))
    except ValueError as error:
        raise ConfigError(f"encode: {error}") from None


def decode(payload: bytes, how: Wire, vocabulary: int) -> str:
    """The drafts of a packet as a table: ids, by falling probability, the drafted one marked."""
    packets = how.packets(vocabulary)
    try:
        found = how.scheme.receive(packets.decode(payload, how.context), packets.format)
    except ValueError as error:
        raise ConfigError(f"decode: {error}") from None
    body: list[list[str]] = []
    for number, (token, sent) in enumerate(zip(found.drafts.tolist(), found.distributions, strict=True), 1):
        distribution = dense(sent)
        ids = np.argsort(-distribution, kind="stable")[: np.count_nonzero(distribution)]
        shown_ids = [*ids[:ROWS].tolist(), *([] if token in ids[:ROWS] else [token])]
        body += [[str(number), f"{i}{'*' if i == token else ' '}", f"{distribution[i]:.6g}"] for i in shown_ids]
        body += [[str(number), f"and {ids.size - ROWS:,} more ", ""]] if ids.size > ROWS else []
    heading = f"{8 * len(payload):,} bits, drafts: {len(found.drafts)}; * the drafted id"
    return TextTable.of(heading, ["draft", "id", "probability"], body).text(screen_width())


def scheme_of(text: str) -> DraftScheme:
    """The scheme typed as `k_sqs` or `{kind: k_sqs, k: 16}`. Raises ConfigError, one line."""
    found: Scheme = parse_part(_One, "scheme", text).scheme
    if not isinstance(found, DraftScheme):
        raise ConfigError(f"scheme = {text!r}: sends no distribution")
    return found


def schemes_for(vocabulary: int) -> list[DraftScheme]:
    """Every lossless preset that sends the distribution of one draft, with its defaults, where they fit the vocabulary;
    of those that are made of the same parts, one."""
    kinds = [kind for kind in Scheme.kinds.values() if issubclass(kind, DraftScheme) and kind is not Composed]
    schemes = [
        scheme_of(kind.model_fields["kind"].default)
        for kind in kinds
        if not isabstract(kind) and not any(field.is_required() for field in kind.model_fields.values())
    ]
    found = list[DraftScheme]()
    for scheme in schemes:
        sound = scheme.lossless and not scheme.branches and scheme.sends_qhat
        if sound and _fits(scheme, vocabulary) and all(scheme.families != other.families for other in found):
            found.append(scheme)
    return found


def read_distribution(path: Path) -> Floats:
    """q, float64 [V], from `.npy` or from text with a probability a line. Raises ConfigError, one line."""
    q = _npy(path) if path.suffix == ".npy" else _text(path)
    if q.ndim != 1 or q.size < 2:
        raise ConfigError(f"{path}: holds an array of shape {q.shape}; one probability for each of two or more tokens")
    if not (np.isfinite(q) & (q >= 0)).all():
        raise ConfigError(f"{path}: entry {int(np.argmin(np.isfinite(q) & (q >= 0)))} is not a probability")
    total = float(q.sum())
    if abs(total - 1) > SUM_TOLERANCE:
        raise ConfigError(f"{path}: the probabilities sum to {total:.6g}, must be 1 to {SUM_TOLERANCE:g}")
    return q / total


def read_payload(text: str) -> bytes:
    """The bytes of the file of that name, or of hex digits. Raises ConfigError where it is neither."""
    try:
        return read_bytes(Path(text)) if Path(text).exists() else bytes.fromhex(text)
    except (ValueError, OSError) as error:  # hex digits may be too many for a name
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"payload = {text!r}: no such file, and not hex digits") from None


class _One(Part):
    scheme: Scheme


def _fits(scheme: DraftScheme, vocabulary: int) -> bool:
    try:
        scheme.format(vocabulary)
    except ValueError:
        return False
    return True


def _proposed(q: Floats, scheme: DraftScheme) -> Proposal:
    try:
        return scheme.propose(q, scheme.entry(None))
    except ValueError as error:
        raise ConfigError(f"scheme {scheme.kind}: {error}") from None


def _drawn_by(scheme: DraftScheme, proposal: Proposal, q: Floats) -> Floats | Ints:
    """Returns the weights by which a draft is drawn and verified, [K] over proposal.ids: the counts, or, of a race, q
    itself."""
    draw = scheme.families.draw
    return draw.weights(proposal, q) if draw.races else proposal.counts


def _costs(q: Floats, how: Wire) -> list[str]:
    how.packets(q.size)
    proposal = _proposed(q, how.scheme)
    weights = _drawn_by(how.scheme, proposal, q)
    qhat = np.zeros(q.size)
    qhat[proposal.ids] = weights / weights.sum()
    coded = f"{np.count_nonzero(proposal.counts):,}"
    head = [_named(how.scheme), f"{proposal.ids.size:,}", coded, f"{proposal.dropped_mass:.4f}"]
    packet = f"{8 * len(encode(q, how, None)):,}"
    return [*head, f"{float(total_variation(q, qhat)):.4f}", *_without_id(q.size, how.scheme, proposal, how), packet]


def _without_id(vocabulary: int, scheme: DraftScheme, proposal: Proposal, how: Wire) -> Iterator[str]:
    """The paper's count, then each code's bits; dashes for a scheme whose packets are not of distributions on a
    lattice."""
    if not isinstance(scheme, LatticeScheme) or scheme.format(vocabulary).resolution != scheme.resolution:
        yield from ["-"] * (1 + len(CODES))
        return
    size = int(proposal.ids.size)
    if isinstance(scheme, Dense):
        yield f"{paper_counts.dense_bits(vocabulary, scheme.resolution):,.1f}"
    else:
        varies = _coded(scheme, "enumerative").format(vocabulary).support == "variable"
        yield f"{paper_counts.paper_bits(vocabulary, size, scheme.resolution, varies):,.1f}"
    draft = wire.Draft(wire.UNSENT, proposal.ids, proposal.counts)
    for code in CODES:
        alone = replace(_coded(scheme, code).format(vocabulary), max_drafts=1, token="unsent")
        yield f"{wire.length_bits([draft], alone, how.context):,}"


def _coded(scheme: LatticeScheme, code: wire.Code) -> LatticeScheme:
    return type(scheme).model_validate(scheme.model_dump() | {"code": code})


def _named(scheme: DraftScheme) -> str:
    fields = type(scheme).model_fields
    lines = [name for name in ("k", "initial", "resolution") if name in fields]
    changed = [name for name in lines if name != "resolution" or scheme.model_dump()[name] != fields[name].default]
    return " ".join([scheme.kind, *(f"{name}={shown(getattr(scheme, name))}" for name in changed)])


def _npy(path: Path) -> Floats:
    try:
        # Mapped: a header may promise what is not there.
        return np.asarray(np.load(require_file(path), mmap_mode="r", allow_pickle=False), dtype=np.float64)
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (ValueError, TypeError, EOFError):
        raise ConfigError(f"{path}: not an array of numbers in .npy") from None


def _text(path: Path) -> Floats:
    values = []
    for place, line in read_lines(path):
        try:
            values.append(float(line))
        except ValueError:
            raise ConfigError(f"{place}: one probability a line, got {line!r}") from None
    return np.array(values, dtype=np.float64)
