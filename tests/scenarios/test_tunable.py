"""What each field of each part declares worth trying: values that it takes, and no number forgotten."""

from collections.abc import Iterator, Mapping
from typing import Annotated, get_args

import pytest
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from kinds import Choice, Part
from kinds.tunable import Tunable, serving, tunables, worth_trying
from scenarios.command.inspect.listing import page, schemes, source
from scenarios.command.registry import scenario
from simulator import Cell
from simulator.cell.scheme import Scheme
from simulator.schemes.policy import Policy
from simulator.schemes.quantizer import Quantizer
from simulator.schemes.sparsifier import Sparsifier

FAMILIES: tuple[type[Choice], ...] = (Scheme, Sparsifier, Quantizer, Policy)
NOT_TUNED: Mapping[str, str] = {
    "joules_per_token": "a limit of the device or the question",
    "joules_per_bit": "what a debt of joules weighs beside `threshold_bits`, which is tuned",
    "budget_bits": "a limit of the link or the question, which binds all alike",
    "hits": "a prior of the pair, not a setting",
    "k_max": "a cap of what a threshold keeps, which the threshold and its budget settle",
    "initial": "of `running_quantile`: forgotten after a window; `conformal` declares its own",
    "window": "the memory of an estimate, of which `target` is what is aimed at",
    "level": "the quantile of an estimate, of which `target` is what is aimed at",
    "memory_rounds": "the memory of an estimate",
    "learning_rounds": "how long an estimate is learned",
    "trial_every": "how often an estimate is tried again",
    "first_length": "forgotten as soon as lengths are learned",
    "longest": "the longest of the lengths that a bandit tries",
    "shortest": "of a copy: 1 gives most rounds drafts; a longer one withholds them only where a copy may miss",
    "prior_acceptance": "forgotten as soon as acceptance is learned",
}


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """The kinds that come with the project, whatever other tests have registered."""
    for family in FAMILIES:
        ours = {kind: part for kind, part in family.kinds.items() if part.__module__.startswith("simulator.")}
        monkeypatch.setattr(family, "kinds", ours)


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    for family in FAMILIES:
        for kind, part in family.kinds.items():
            for name, field in part.model_fields.items():
                yield kind, name, field


def test_fewer_than_two_values_or_one_twice_are_no_choice():
    assert Tunable(1, 2).values == (1, 2)
    for values in ((), (1,), (1, 1), (1, 2, 1)):
        with pytest.raises(ValueError, match="two values or more are worth trying, each once"):
            Tunable(*values)


class Inner(Part):
    width: Annotated[int, Tunable(1, 2)] = 1


class Outer(Part):
    part: Inner = Inner()
    share: Annotated[float, Tunable(0.1, 0.2)] = 0.1
    waits: Annotated[bool, Tunable(True, False, serving=True)] = True
    kept: int = 3


def test_the_values_of_parts_within_a_part_go_by_dotted_names():
    assert tunables(Outer()) == {"part.width": (1, 2), "share": (0.1, 0.2), "waits": (True, False)}
    assert serving(Outer()) == {"waits"}


def test_every_value_that_is_declared_is_one_that_its_field_takes():
    declared = [(kind, name, field) for kind, name, field in fields() if worth_trying(field)]
    assert len(declared) > 40
    for kind, name, field in declared:
        takes = TypeAdapter(Annotated[field.annotation, *field.metadata])
        assert tuple(map(takes.validate_python, worth_trying(field))) == worth_trying(field), f"{kind}.{name}"


def test_every_number_of_a_scheme_declares_values_or_says_here_why_not():
    silent = {
        name
        for _, name, field in fields()
        if not worth_trying(field) and {int, float} & {field.annotation, *get_args(field.annotation)}
    }
    silent |= {name for _, name, field in fields() if _numbers(field) and not worth_trying(field)}
    assert silent == NOT_TUNED.keys()


def _numbers(field: FieldInfo) -> bool:
    """Literals of numbers, tuples of them."""
    within = [each for one in get_args(field.annotation) for each in (one, *get_args(one))]
    return any(each in (int, float) or type(each) is int for each in within)


def test_schemes_of_one_code_have_the_default_code_of_the_lattice_in_common():
    schemes = [Cell.from_fields({"scheme": {"kind": kind}}).scheme for kind in ("dense", "k_sqs", "c_sqs", "s_q")]
    assert {(scheme.code, scheme.token) for scheme in schemes} == {("recoded", "coded")}


def test_the_lists_show_what_is_tuned_with_which_values():
    text = " ".join(page(scenario("latency_vs_bandwidth"), "scheme").split())
    assert "tuned: 1, 2, 3, 4, 6, 8" in text and "tuned: 3, 5, 10, 20, 50, 100, 400" in text
    listed = " ".join(schemes().split())
    assert "k_sqs K-SQS: " in listed and "Tuned: max_drafts" not in listed
    one = " ".join(source("schemes", "k_sqs").split())
    assert "Tuned: max_drafts 1, 2, 3, 4, 6, 8; partial false, true; depth 0, 1, 2; cloud_first false, true; " in one
    assert "prepared 0, 4; " in one
    assert "resolution 3, 5, 10, 20, 50, 100, 400; acceptance rejection, block; k 1, 2, 4" in one
