"""`check`: what is shown of each class that a user's file registers, a line for each thing: output distribution,
purity, rollback, round trip of packets, and the cost of a draft, in microseconds here and in softmaxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from timeit import repeat
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy.special import softmax

from channels.codec import wire
from channels.codec.wire import CodecError
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.arrays import Floats, Ints
from kinds.mistakes import ImpureError, shown, users_mistake
from simulator.checking.calls import (
    VOCABULARIES,
    GlobalNumbersDrawnError,
    answers_elsewhere,
    calls_about,
    drafted_rounds,
    impurity,
    sent_length,
    spelled,
)
from simulator.checking.exact import FOUR_TOKENS
from simulator.checking.exactness import Finding, misstated, modes
from simulator.checking.link_answers import PACKETS
from simulator.checking.paths import NumbersAskedWronglyError, ScriptedNumbers
from simulator.checking.subjects import Subject, lacking, subjects
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import EdgeNode, Full, Tokens, Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import DraftScheme, LatticeCounts, Quantizer
from simulator.schemes.code import Packets
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.enumeration import NotEnumerableError

Outcome = Literal["passed", "FAILED", "lossy", "not shown", "measured"]
Answer = str | tuple[Outcome, str]
Found = Callable[[], Answer]  # what a check finds, in words: that it passes, unless an outcome says otherwise
ROUNDS: Final = 40  # round trips at each vocabulary
FOREIGN_PACKETS: Final = 400
DRAWS: Final = (0.1, 0.5, 0.9)  # random numbers by which drafts are drawn that are rolled back


class Line(NamedTuple):
    """Result of one check."""

    subject: str
    check: str
    outcome: Outcome
    text: str


class Failed(Exception):  # noqa: N818 - a counterexample
    """A counterexample, in words."""


def check(file: Path) -> Iterator[Line]:
    """Yields the results of each class that a file registers. Raises ConfigError, one line, if there is none."""
    found = subjects(file)
    elsewhere = answers_elsewhere(file) if any(each.decides_tokens or each.on_link for each in found) else {}
    for subject in found:
        if not (subject.decides_tokens or subject.on_link):
            yield Line(subject.name, "all", "not shown", "decides no token and no packet, so nothing here is about it")
        elif missing := lacking(subject.part):
            message = f"has no default for {', '.join(missing)}: check a class below it that has"
            yield Line(subject.name, "all", "not shown", message)
        elif subject.on_link:
            yield _line(subject, "purity", lambda subject=subject: _pure(subject, elsewhere.get(subject.name, [])))  # type: ignore[misc]
        else:
            yield from lines_of(subject, elsewhere.get(subject.name, []))


def lines_of(subject: Subject, elsewhere: Sequence[Sequence[Sequence[str]]]) -> Iterator[Line]:
    """Yields the results of one class. `elsewhere`: the answers of another process (`calls.answers`) at each
    vocabulary."""
    try:
        scheme = subject.scheme(FOUR_TOKENS.vocabulary)
    except ConfigError as error:
        yield Line(subject.name, "all", "not shown", f"goes into no scheme that can be run: {error}")
        return
    except Exception as error:
        yield Line(subject.name, "all", "FAILED", _breaks(error))
        return
    for name, found in _first(subject, elsewhere):
        line = _line(subject, name, found)
        if line.text:
            yield line
        if line.outcome == "FAILED":
            yield Line(subject.name, "the rest", "not shown", f"means nothing while {name} fails")
            return
    yield from _outputs(subject, scheme)
    if subject.field == "acceptance" and not scheme.families.acceptance.races:
        stated = _line(subject, "output_distribution", lambda: _stated(scheme))
        yield from [stated] if stated.text else []
    if subject.field in (None, "sparsifier") and not scheme.branches:
        yield _line(subject, "rollback", lambda: _rolled_back(subject))
    if subject.field not in ("policy", "acceptance", "reply") and not scheme.branches:
        yield _line(subject, "round trip", lambda: _round_trip(subject))
    yield _line(subject, "cost", lambda: ("measured", cost(subject)))


def _first(subject: Subject, elsewhere: Sequence[Sequence[Sequence[str]]]) -> Iterator[tuple[str, Found]]:
    """Yields the checks that must pass before any other can be made."""
    if subject.field in (None, "quantizer"):
        yield "counts", lambda: _counted(subject)
    yield "purity", lambda: _pure(subject, elsewhere)


def _line(subject: Subject, name: str, found: Found) -> Line:
    outcome: Outcome
    try:
        answer = found()
        outcome, text = ("passed", answer) if isinstance(answer, str) else answer
    except ImpureError as error:
        outcome, text = ("FAILED", str(error)) if name == "purity" else ("passed", "")  # which says so
    except (Failed, NumbersAskedWronglyError, GlobalNumbersDrawnError, ConfigError) as error:
        outcome, text = "FAILED", str(error)
    except NotEnumerableError as error:
        outcome, text = "not shown", str(error) or "asks for random numbers that one round does not decide"
    except CodecError as error:
        outcome, text = "FAILED", f"its packets are refused: {error}"
    except Exception as error:
        outcome, text = "FAILED", _breaks(error)
    return Line(subject.name, name, outcome, " ".join(text.split()))


def _breaks(error: Exception) -> str:
    return str(users_mistake(error) or f"a scheme with it breaks, {type(error).__name__}: {error}")


def _pure(subject: Subject, elsewhere: Sequence[Sequence[Sequence[str]]]) -> str:
    if (message := impurity(subject, elsewhere)) is not None:
        raise Failed(message)
    if subject.on_link:
        return f"the same answers about {PACKETS} packets, of a link made again and in another process"
    return "the same answers again, in another order and in another process; global random numbers untouched"


def _outputs(subject: Subject, scheme: DraftScheme) -> Iterator[Line]:
    """The output distribution, a line for each way to send rounds; none after one that fails."""
    for name, found in modes(subject):
        line = _line(subject, name, lambda found=found: _exact(scheme, found()))  # type: ignore[misc]
        if line.text:
            yield line
        if line.outcome in ("FAILED", "not shown"):
            return


def _exact(scheme: DraftScheme, found: Finding | None) -> Answer:
    if found is None:
        return ""
    if scheme.lossless is False:
        return "lossy", f"lossy, as it states: TV {found.tv:.3g} over {found.over}"
    if not found.holds:
        raise Failed(f"{found.difference} (TV {found.tv:.3g} over {found.over})")
    return f"the verifier's distribution, TV {found.tv:.1g} over {found.over}"


def _stated(scheme: DraftScheme) -> Answer:
    message = misstated(scheme)
    if message:
        raise Failed(message)
    return "" if message is None else "is the distribution that it leaves, by enumeration of a token"


def _rolled_back(subject: Subject) -> Answer:
    """Through the shipped edge and cloud: a rejection with drafts behind it leaves what it leaves without them. The
    rejected draft's own position may count, since its q is that of a committed text."""
    scheme, rounds = subject.scheme(FOUR_TOKENS.vocabulary, max_drafts=3), 0
    for draws in product(DRAWS, repeat=3):
        for accepted in (0, 1):
            whole, cut = (
                _after_rejection(scheme, draws, accepted),
                _after_rejection(scheme, draws[: accepted + 1], accepted),
            )
            if whole is None or cut is None or whole[0] != cut[0]:
                continue  # another text goes on otherwise
            rounds += 1
            if whole[1] != cut[1]:
                message = f"draft {accepted + 1} of 3 is rejected: {whole[1]}; without those behind it {cut[1]}"
                raise Failed(message)
    if not rounds:
        return "not shown", "no draft was rejected with others behind it"
    return f"after {rounds} rejections state and next draft are as if the drafts behind them had never been drawn"


def _after_rejection(scheme: DraftScheme, draws: Sequence[float], accepted: int) -> tuple[Tokens, str] | None:
    """The state, and what would be drafted next, after a round with these draws of which so many are accepted; None
    where it cannot end so."""
    setting = DraftSetting(lambda: FOUR_TOKENS.loaded, scheme, FOUR_TOKENS.vocabulary, 1.0)
    numbers = [0.0] * accepted + [1 - 2.0**-53] + [0.5] * (len(draws) - accepted)
    uniforms = RequestUniforms(ScriptedNumbers(draws), ScriptedNumbers(numbers), Uniforms.of(0, "shared"))
    decoding = RequestDecoding(setting, Tree((1, 2), scheme.entry(None)), uniforms, remember=False)
    edge, cloud = decoding.edge(), decoding.cloud()
    node = EdgeNode(1, (1, 2), scheme.entry(None))
    for _ in draws:
        node, drafted = edge.draft(node)
        if isinstance(drafted, Full):
            return None
    try:
        parts, view = edge.seal(node).parts, cloud.start((1, 2))
    except CodecError:  # not a round that the scheme sends
        return None
    cloud.receive(view, parts)
    _, verified = cloud.verify(view, parts)
    if verified.accepted != accepted:
        return None
    after, tokens = edge.resolve(node, verified.reply)
    _, following = edge.draft(after)
    offered = "no draft" if isinstance(following, Full) else f"{following.draft}"
    return tokens, f"the state is {spelled(after.state)} and {offered} comes next"


def _counted(subject: Subject) -> str:
    """Counts that cross a lattice sum to its resolution, and no distribution is moved by more than is stated."""
    count = 0
    for size in VOCABULARIES:
        scheme = subject.scheme(size)
        quantizer = scheme.families.quantizer
        for made in drafted_rounds(scheme, size, ROUNDS):
            for q, proposal in zip(made.distributions, made.proposals, strict=True):
                count += 1
                mass = q[proposal.ids]
                counts = scheme.quantize(mass) if scheme.rungs == 1 else proposal.counts
                _require_as_stated(quantizer, mass / mass.sum(), counts)
    return f"{count:,} distributions become counts as stated, moved by no more than covering_bound"


def _require_as_stated(quantizer: Quantizer, distribution: Floats, counts: Ints) -> None:
    if isinstance(quantizer, LatticeCounts) and (total := int(counts.sum())) != quantizer.resolution:
        message = f"counts {shown(counts.tolist())} sum to {total}"
        raise Failed(f"{message}, not to resolution = {quantizer.resolution}")
    if (moved := quantizer.moved(distribution, counts)) > (
        bound := quantizer.covering_bound(distribution.size)
    ) + 1e-12:
        raise Failed(
            f"{distribution.size} probabilities are moved by TV {moved:.4g}, and covering_bound states {bound:.4g}"
        )


def _round_trip(subject: Subject) -> str:
    rounds = taken = 0
    for size in VOCABULARIES:
        scheme = subject.scheme(size)
        session = scheme.packets(size)
        for made in drafted_rounds(scheme, size, ROUNDS):
            packets = scheme.packets_sharing(session, made.numbers)
            for drafts in (made.drafts[:length] for length in range(1, sent_length(scheme, made) + 1)):
                rounds += 1
                _require_return(packets, drafts, made.context, whole=not scheme.families.code.only_scalars)
        bytes_of = np.random.Generator(np.random.Philox(size))
        for number in range(FOREIGN_PACKETS):
            taken += _takes(scheme.packets_sharing(session, made.numbers), bytes_of.bytes(1 + number % 6), made.context)
    message = f"{rounds} packets over {' and '.join(map(str, VOCABULARIES))} ids come back alike, at their exact length"
    return f"{message}; of {2 * FOREIGN_PACKETS} random byte strings {taken} are packets, and encode back to themselves"


def _require_return(packets: Packets, drafts: Sequence[wire.Draft], context: tuple[int, ...], *, whole: bool) -> None:
    payload = packets.encode(drafts, context)
    found, bits = list(packets.decode(payload, context)), packets.length_bits(drafts, context)
    if whole and found != list(drafts):
        raise Failed(f"{len(drafts)} drafts {shown(list(drafts))} come back as {shown(found)}")
    if (again := packets.encode(found, context)) != payload:
        raise Failed(f"decode, then encode, makes {again.hex()} of {payload.hex()}")
    if len(payload) != -(-bits // 8):
        raise Failed(f"length_bits says {bits} bits of a packet of {len(payload)} bytes")
    last = drafts[-1]
    largest = packets.largest_bits(drafts[:-1], last.support, last.counts, context)
    bound = packets.bound_bits([draft.support.size for draft in drafts])
    if not bits <= largest <= bound:
        raise Failed(f"a packet has {bits} bits, largest_bits says {largest} and bound_bits {bound}: must not be less")


def _takes(packets: Packets, payload: bytes, context: tuple[int, ...]) -> bool:
    try:
        drafts = packets.decode(payload, context)
    except CodecError:
        return False
    if (again := packets.encode(drafts, context)) != payload:
        raise Failed(f"decode takes the bytes {payload.hex()}, whose drafts encode to {again.hex()}")
    return True


COSTED_VOCABULARIES: Final = (1024, 49152)
COSTED: Final = {
    "sparsifier": "support", "quantizer": "quantize", "draw": "draw", "policy": "next", "code": "encode",
    "acceptance": "judge", "reply": "judge",
}  # fmt: skip
"""The method whose cost is a part's; a scheme's is that of its proposal."""
REPEATS: Final = 15  # measurements, of which the median is taken


def cost(subject: Subject) -> str:
    """A draft's share in each of COSTED_VOCABULARIES, in words."""
    found, name = [], COSTED.get(subject.field or "", "support and quantize")
    for size in COSTED_VOCABULARIES:
        scheme = subject.scheme(size)
        (made,) = drafted_rounds(scheme, size, 1, drafts=1)
        asked = {call.name: call.ask for call in calls_about(scheme, made)}
        work = asked.get(name, partial(scheme.propose, made.distributions[0], made.states[0]))
        spent_s, softmax_s = _seconds(work), _seconds(partial(softmax, np.log(made.distributions[0] + 1e-12)))
        softmaxes = f"{spent_s / softmax_s:.2g} softmaxes"
        found.append(f"{name} takes {1e6 * spent_s:,.0f} us a draft at V = {size:,}, {softmaxes}")
    return "; ".join(found)


def _seconds(work: Callable[[], object]) -> float:
    return median(repeat(work, number=1, repeat=REPEATS))
