"""Answers of a scheme's parts, or of a link's, to inputs made up here: they must be the same again, in another order,
with other global random numbers, and in another process with another hash seed."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

import kinds
from channels.codec import wire
from kinds.arrays import Floats
from kinds.mistakes import shown
from simulator.checking.link_answers import link_answers
from simulator.checking.subjects import Subject, subjects
from simulator.decoding.cloud_session import along
from simulator.schemes import DraftScheme
from simulator.schemes.draw import Place, Proposal, RequestUniforms, RoundUniforms
from simulator.schemes.policy import EdgeView, Policy, SeenDraft, SeenLink, SeenVerdict, Send
from simulator.schemes.sparsifier import State

VOCABULARIES: Final = (4, 300)
ROUNDS: Final = 4  # rounds of inputs at each vocabulary
DRAFTS: Final = 3
LONGEST: Final = 120  # characters that a complaint shows of an answer
SEEN: Final = SeenVerdict(DRAFTS, 1, 80, 0.0, 0.2)  # the round before, as a policy saw it
HASH_SEED: Final = "20260101"
ENDED: Final = "it ends with an error"
INSTEAD: Final = "the `uniforms` that its method is handed are numbers that can be repeated"
_ELSEWHERE: Final = "in another process, under another PYTHONHASHSEED"
ALONE: Final = "import sys; from simulator.checking.calls import print_answers; print_answers(sys.argv[1])"


class Call(NamedTuple):
    """A question to a method."""

    name: str
    ask: Callable[[], object]


class DraftedRound(NamedTuple):
    """A drafted round, however it would be sent."""

    distributions: tuple[Floats, ...]  # q of each draft, [V]
    states: tuple[State, ...]  # before the first draft, and after each
    proposals: tuple[Proposal, ...]
    drafts: tuple[wire.Draft, ...]
    context: tuple[int, ...]
    numbers: RequestUniforms


def drafted_rounds(scheme: DraftScheme, vocabulary: int, count: int, drafts: int = DRAFTS) -> Iterator[DraftedRound]:
    """Rounds over random distributions, from flat to sharp, drawn as the scheme draws. The generator is this function's
    own, so that no global number is touched."""
    random_numbers = np.random.Generator(np.random.Philox(0))
    for number in range(count):
        numbers = RequestUniforms.of(number)
        state = scheme.on_rung(scheme.entry(None), 0)
        distributions, states, proposals, drawn = list[Floats](), [state], list[Proposal](), list[wire.Draft]()
        context = tuple(random_numbers.integers(0, vocabulary, 5).tolist())
        for place in range(drafts):
            q = random_numbers.dirichlet(np.full(vocabulary, (0.05, 0.3, 2.0)[(number + place) % 3]))
            proposal = scheme.propose(q, state)
            draft, _ = scheme.draw_token(proposal, q, numbers, Place(1, place, len(context) + place))
            state = proposal.state
            distributions.append(q)
            states.append(state)
            proposals.append(proposal)
            drawn.append(draft)
        yield DraftedRound(tuple(distributions), tuple(states), tuple(proposals), tuple(drawn), context, numbers)


def calls(scheme: DraftScheme, vocabulary: int) -> list[Call]:
    """Questions to all that the scheme is made of."""
    return [call for made in drafted_rounds(scheme, vocabulary, ROUNDS) for call in calls_about(scheme, made)]


def calls_about(scheme: DraftScheme, made: DraftedRound) -> Iterator[Call]:
    """Questions about one round."""
    yield from _of_the_edge(scheme, made)
    yield from _of_the_ends(scheme, made)
    yield from _of_the_policy(scheme, made)


def _of_the_edge(scheme: DraftScheme, made: DraftedRound) -> Iterator[Call]:
    for place, (q, state, proposal) in enumerate(zip(made.distributions, made.states, made.proposals, strict=False)):
        at = Place(1, place, len(made.context) + place)
        yield Call("support", partial(scheme.support, q, state))
        yield Call("advance", partial(scheme.advance, q, state))
        if scheme.rungs == 1:
            yield Call("quantize", partial(scheme.quantize, q[proposal.ids]))
        yield Call("weights", partial(scheme.families.draw.weights, proposal, q))
        yield Call("draw", partial(scheme.draw_token, proposal, q, made.numbers, at))
        yield Call("settle", partial(scheme.settle, made.states, place))
    yield Call("entry", partial(scheme.entry, None))
    yield Call("entry", partial(scheme.entry, made.states[-1]))


def _of_the_ends(scheme: DraftScheme, made: DraftedRound) -> Iterator[Call]:
    if scheme.branches:
        return
    packets = scheme.packets_sharing(scheme.packets(made.distributions[0].size), made.numbers)
    drafts = made.drafts[: scheme.max_drafts]
    try:
        parts = scheme.encode_parts(drafts, packets, made.context)
        received = scheme.decode_parts(parts, packets, made.context)
    except wire.CodecError:  # the round trip says so
        return
    yield Call("encode", partial(scheme.encode_parts, drafts, packets, made.context))
    yield Call("length_bits", partial(packets.length_bits, drafts, made.context))
    yield Call("decode", partial(packets.decode, parts[0], made.context))
    p = np.stack([*made.distributions[::-1], made.distributions[0]])[: len(received.drafts) + 1]
    line = tuple(received.drafts.tolist())
    judge = scheme.families.acceptance.judge
    uniforms = RoundUniforms(made.numbers, 1, len(made.context))
    yield Call("judge", lambda: judge(along(p, line), received, uniforms))


def _of_the_policy(scheme: DraftScheme, made: DraftedRound) -> Iterator[Call]:
    policy = scheme.families.policy
    yield Call("plan", partial(policy.plan, DRAFTS))
    state = policy.entry(None)
    for count in range(len(made.drafts)):
        yield Call("next", partial(policy.next, view(policy, made, count), state))
    _, state = policy.next(view(policy, made, 0), state)
    yield Call("learn", partial(policy.learn, SEEN, state))


def view(policy: Policy, made: DraftedRound, count: int) -> EdgeView:
    """Returns a policy's view of a round with its first drafts."""
    seen = [
        SeenDraft(draft, float(q[draft.token]), proposal.dropped_mass)
        for draft, q, proposal in zip(made.drafts[:count], made.distributions, made.proposals, strict=False)
    ]
    distribution = made.distributions[count] if policy.looks_at_law and count else None
    return EdgeView(0.4, tuple(seen), len(made.drafts), 16, (SEEN,), SeenLink(160, 0, 0.1, 0), distribution)


def sent_length(scheme: DraftScheme, made: DraftedRound) -> int:
    """Returns the number of a round's drafts that the scheme would send, as its policy decides from the drafts
    before."""
    policy, most = scheme.families.policy, min(scheme.max_drafts, len(made.drafts))
    if scheme.plans:
        return most
    state = policy.entry(None)
    for count in range(most):
        action, state = policy.next(view(policy, made, count), state)
        if isinstance(action, Send):
            return count
    return most


def spelled(answer: object) -> str:
    """An answer as text, the same for the same value in every process."""
    if isinstance(answer, np.ndarray):
        return f"{answer.dtype}{list(answer.shape)} {answer.tolist()}"  # floats as Python writes them are exact
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return spelled([getattr(answer, field.name) for field in dataclasses.fields(answer)])
    if isinstance(answer, wire.Draft):
        return spelled([answer.token, answer.support, answer.counts])
    if isinstance(answer, tuple | list):
        return "(" + ", ".join(map(spelled, answer)) + ")"
    return repr(answer.item() if isinstance(answer, np.generic) else answer)


def answers(scheme: DraftScheme, vocabulary: int) -> list[tuple[str, str]]:
    """(method, answer) of each call, in order."""
    return [(call.name, spelled(call.ask())) for call in calls(scheme, vocabulary)]


def answers_of(file: Path) -> dict[str, list[list[tuple[str, str]]]]:
    """The answers of all that a file registers and that can be asked, by its name: of a part of a scheme at each of
    VOCABULARIES, of a part of a link once."""
    found = {}
    for subject in subjects(file):
        try:
            if subject.on_link:
                found[subject.name] = [_spelled_packets(subject)]
            elif subject.decides_tokens:
                found[subject.name] = [answers(subject.scheme(size), size) for size in VOCABULARIES]
        except Exception as error:  # reported by the process that asks, in which it is raised too
            found[subject.name] = [[("all", f"{type(error).__name__}: {error}")]]
    return found


def _spelled_packets(subject: Subject) -> list[tuple[str, str]]:
    return [(method, spelled(answer)) for method, answer in link_answers(subject.part.model_validate({}))]


def print_answers(file: str) -> None:
    """Prints `answers_of` as JSON, for another process."""
    print(json.dumps(answers_of(Path(file))))


def answers_elsewhere(file: Path) -> dict[str, list[list[list[str]]]]:
    """Returns the output of `print_answers` in another process, under another hash seed."""
    path = os.pathsep.join(map(os.path.abspath, [str(Path(kinds.__path__[0]).parent), *sys.path]))  # our packages first
    environment = {**os.environ, "PYTHONHASHSEED": HASH_SEED, "PYTHONPATH": path}
    command = [sys.executable, "-P", "-c", ALONE, str(file)]  # without the folder, whose files may have our names
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    return json.loads(ran.stdout.splitlines()[-1]) if ran.returncode == 0 else {}


def impurity(subject: Subject, elsewhere: Sequence[Sequence[Sequence[str]]]) -> str | None:
    """Returns a description of how the subject's answers are no function of its inputs; None if they are. Raises the
    errors of a user's class."""
    if subject.on_link:
        return _link_impurity(subject, elsewhere)
    for place, size in enumerate(VOCABULARIES):
        other = elsewhere[place] if place < len(elsewhere) else ()
        scheme = subject.scheme(size)
        asked = calls(scheme, size)
        first = [_untouching(call) for call in asked]
        with _other_global_numbers():
            for place in reversed(range(len(asked))):
                again = spelled(asked[place].ask())
                if again != first[place]:
                    return _differs(asked[place].name, size, first[place], again, "asked again in another order")
        if len(other) != len(first):
            return f"another process cannot ask the same: {shown(other[0][1]) if other else ENDED}"
        for call, mine, (_, theirs) in zip(asked, first, other, strict=True):
            if mine != theirs:
                return _differs(call.name, size, mine, theirs, _ELSEWHERE)
    return None


def _link_impurity(subject: Subject, elsewhere: Sequence[Sequence[Sequence[str]]]) -> str | None:
    before = _global_numbers()
    first = _spelled_packets(subject)
    if _global_numbers() != before:
        raise GlobalNumbersDrawnError(f"draws from the global numbers of numpy.random or random; {INSTEAD}")
    with _other_global_numbers():
        again = _spelled_packets(subject)
    for others, where in ((again, "of a link made again"), (elsewhere[0] if elsewhere else (), _ELSEWHERE)):
        if len(others) != len(first) and where != _ELSEWHERE:
            return f"answers {len(first)} questions, and {len(others)} {where}; {INSTEAD}"
        if len(others) != len(first):
            return f"another process cannot ask the same: {shown(others[0][1]) if others else ENDED}"
        for number, (mine, (_, theirs)) in enumerate(zip(first, others, strict=True)):
            if mine[1] != theirs:
                return f"{mine[0]}, answer {number}, is {_cut(mine[1])}, and {_cut(theirs)} {where}; {INSTEAD}"
    return None


class GlobalNumbersDrawnError(Exception):
    """A method draws from global random numbers."""


def _untouching(call: Call) -> str:
    before = _global_numbers()
    answer = spelled(call.ask())
    if _global_numbers() != before:
        raise GlobalNumbersDrawnError(f"{call.name} draws from the global numbers of numpy.random or random")
    return answer


def _global_numbers() -> tuple[object, ...]:
    numpys = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - it is asked whether others use it
    return numpys["pos"], numpys["key"].tobytes(), random.getstate()


@contextmanager
def _other_global_numbers() -> Iterator[None]:
    """Global random numbers are others meanwhile, so that whoever reads them answers otherwise."""
    numpys, pythons = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    try:
        yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)


def _differs(method: str, size: int, one: str, other: str, when: str) -> str:
    return f"{method} over {size} ids answers {_cut(one)}, and {_cut(other)} {when}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"
