"""Every kind of ours is checked as a user's would be, and nothing fails."""

import pytest

import simulator.cell  # noqa: F401 - all families are open from here on
from kinds import Choice
from kinds.mistakes import is_foreign
from simulator.cell.scheme import Scheme
from simulator.checking.calls import VOCABULARIES, answers
from simulator.checking.checks import Line, lines_of
from simulator.checking.subjects import PARTS, Subject

FAST = {"shared_race"}
LOSSY = {"s_q", "unquantized"}


def shipped() -> list[object]:
    found = [
        Subject(family, part)
        for family in (Scheme, *PARTS)
        for kind, part in family.kinds.items()
        if not is_foreign(part.__module__) and (family.__name__, kind) != ("Code", "halves")
    ]
    return [
        pytest.param(each, id=each.name, marks=() if kind_of(each.part) in FAST else pytest.mark.slow)
        for each in found
        if each.decides_tokens
    ]


def kind_of(part: type[Choice]) -> str:
    return str(part.model_fields["kind"].default)


@pytest.mark.parametrize("subject", shipped())
def test_no_check_fails_and_what_is_lossy_says_so(subject: Subject) -> None:
    known = [answers(subject.scheme(size), size) for size in VOCABULARIES]
    lines: list[Line] = list(lines_of(subject, known))
    assert not [line for line in lines if line.outcome == "FAILED"]
    output = next(line for line in lines if line.check == "output")
    assert output.outcome == ("lossy" if kind_of(subject.part) in LOSSY else "passed")
