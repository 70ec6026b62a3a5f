"""A key that remembers names every ingredient of what it remembers: change one, and the key is another.

Two keys: that of a remembered tree, in the process and on disk, and the identity of a result directory.
"""

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest

from models.interface import Prompt
from models.synthetic import Synthetic
from simulator import Cell, simulate
from simulator.cell.workload import Ask
from simulator.decoding import decoder, round_keys
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import Root, Tree
from simulator.decoding.round_keys import Origin
from simulator.schemes.sparsifier import State
from simulator.sweeps import store
from simulator.sweeps.store import LIBRARIES, identity

BASE: Final = Cell.from_fields({
    "models": {"pair": {"kind": "synthetic", "size": 16, "entropy_bits": 3.0, "distance": 0.3, "prompts": 1}},
    "workload": {"kind": "closed", "devices": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 12},
    "scheme": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 3, "partial": True, "carry": True},
    "uplink": {"mtu_bits": 400},
})  # fmt: skip
AHEAD: Final = BASE.with_({"scheme.partial": False, "scheme.depth": 1, "models.pair.kind": "synthetic"})
SCHEME: Final[dict[str, object]] = {
    "initial": 0.06, "target": 0.01, "step": 0.01, "rollback": "none", "k_max": 5, "carry": False, "resolution": 50,
    "max_drafts": 2, "budget_bits": 4000, "partial": False, "code": "enumerative", "token": "flat", "prior": "",
    "reply_token": "coded", "acceptance": "block",
}  # fmt: skip
"""Another value of each field of the scheme, but of `depth`, which goes with whole rounds alone."""
PAIR: Final[dict[str, object]] = {
    "size": 17, "order": 2, "contexts": 9, "entropy_bits": 2.9, "distance": 0.2, "prompts": 3, "context": 300,
    "seed": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What a tree is asked for by."""

    cell: Cell = BASE
    device: int = 0
    number: int = 0
    state: State | None = None
    prompt_tokens: int = 8
    output_tokens: int = 12


class Naming(Memory):
    """Notes under what names trees are asked for, in the process and on disk."""

    names: tuple[Root, str]

    def tree(self, root: Root, stored: Origin | None = None) -> Tree:
        assert stored is not None
        self.names = root, stored.key(root)
        return super().tree(root)


def names(request: Request) -> tuple[Root, str]:
    memory = Naming()
    decoder = Decoder(request.cell, memory)
    prompt = decoder.prompt(0, 0, Ask(request.prompt_tokens, request.output_tokens))
    decoder.decoding(request.device, request.number, prompt, request.state, request.output_tokens)
    return memory.names


def with_(changes: Mapping[str, object], cell: Cell = BASE) -> Request:
    return Request(cell.with_(changes))


def described(request: Request) -> dict[str, object]:
    """What all requests of a class of devices have in common."""
    found: dict[str, object] = json.loads(names(request)[0][0])
    return found


def assert_another(one: Request, other: Request) -> None:
    """Both names differ: nothing that one decodes is found by the other, here or on disk."""
    (root, key), (other_root, other_key) = names(one), names(other)
    assert root != other_root and key != other_key


DESCRIBED: Final[dict[str, Request]] = {
    "temperature": with_({"models.temperature": 0.2}),
    "pair": with_({"models.pair.distance": 0.31}),
    "scheme": with_({"scheme.resolution": 50}),
    "room_bits": with_({"uplink.mtu_bits": 500}),
}
OTHERS: Final[dict[str, Request]] = {
    "seed": with_({"seed": 1}),
    "device": Request(device=1),
    "request": Request(number=1),
    "state at entry": Request(state=(0.3,)),
    "prompt": Request(prompt_tokens=7),
}


CHANGED: Final[dict[str, Request]] = {
    **DESCRIBED,
    **OTHERS,
    **{f"scheme.{field}": with_({f"scheme.{field}": value}) for field, value in SCHEME.items()},
    **{f"models.pair.{field}": with_({f"models.pair.{field}": value}) for field, value in PAIR.items()},
}


@pytest.mark.parametrize("ingredient", CHANGED)
def test_each_ingredient_changes_a_tree_s_key_and_one_part_of_its_root(ingredient: str) -> None:
    assert_another(Request(), CHANGED[ingredient])
    root, other = names(Request())[0], names(CHANGED[ingredient])[0]
    assert sum(mine != theirs for mine, theirs in zip(root, other, strict=True)) == 1 or "." in ingredient
    if ingredient in DESCRIBED:
        one, another = described(Request()), described(CHANGED[ingredient])
        assert {name for name in one if one[name] != another[name]} == {ingredient}


def test_no_ingredient_is_without_a_test() -> None:
    # A label is a name for people: test_labels shows that no key and no id has it.
    assert set(described(Request())) == {*DESCRIBED, "imports", "plane"}  # plane: the number of this description
    assert {*SCHEME, "kind", "depth", "label", "features", "cloud_first", "prepared", "prepared_at", "fan_out"} == set(
        type(BASE.scheme).model_fields
    )
    assert {*PAIR, "kind", "prompt_tokens"} == set(Synthetic.model_fields)


def test_the_confidence_below_which_drafts_are_not_verified_is_in_the_key() -> None:
    one = with_({"scheme.kind": "composed", "scheme.acceptance.least_confidence": 0.1})
    assert_another(one, with_({"scheme.acceptance.least_confidence": 0.2}, one.cell))
    assert_another(one, with_({"scheme.acceptance.least_confidence": 0.0}, one.cell))


def test_rounds_drafted_ahead_go_by_the_end_of_the_answer() -> None:
    request = Request(AHEAD)
    assert_another(request, replace(request, output_tokens=13))
    assert_another(request, with_({"scheme.depth": 2}, AHEAD))


def test_what_decides_no_token_is_in_no_tree_s_key() -> None:
    """So that cells that differ in their network, clock, policy or protocol share what they decode."""
    blocks = {"edge.drafts_per_pass": 3, "cloud.drafts_per_pass": 3}
    as_much_room = {"uplink.header_bits": 48, "uplink.mtu_bits": 400 - 320 + 48, "downlink.header_bits": 24}
    first = {"scheme.cloud_first": True}
    fed = {**first, "scheme.features": {"width": 64, "layers": 1}}
    prepared = {"scheme.partial": False, "scheme.prepared": 3}
    for changes in (
        {"uplink.rate.bps": 1e4},
        {"cloud.servers": 2},
        {"cloud.kv_block_tokens": 16, "cloud.admission": "whole_request"},
        {"workload.devices": 3},
        blocks,
        as_much_room,
        first,
        fed,
        {"percentiles": ["ttft_p99_s"]},
    ):
        assert names(with_(changes)) == names(Request())
    prepares = {**prepared, "scheme.prepared_at": "cloud", "scheme.fan_out": {"kind": "geometric", "power": 0}}
    assert names(with_(prepares)) == names(with_(prepared)) == names(with_(prepared | {"scheme.prepared": 0}))
    assert_another(Request(), with_({"uplink.header_bits": 48}))  # where parts may be longer, more drafts fit


def test_a_turn_s_tree_goes_by_its_whole_text_and_not_by_what_is_held_or_thought() -> None:
    talk = BASE.with_({"workload.kind": "conversations", "workload.prompt_tokens": 8, "workload.text_tokens": 4})
    fields = {
        "cloud_keeps_s": 0.0, "edge_keeps_s": 0.0, "edge_keeps_tokens": 3, "think_s": 9.0, "pause_s": 9.0,
        "counted_turn": 2,
    }  # fmt: skip
    for field, value in fields.items():
        assert names(with_({f"workload.{field}": value}, talk)) == names(Request(talk))
    made, memory = Decoder(talk, Memory()), Naming()
    ask = Ask(4, 12, turn=2)
    prompts = [made.prompt(0, 1, ask, before) for before in ((1, 2, 3), (1, 2, 4))]
    roots = []
    for prompt in prompts:
        Decoder(talk, memory).decoding(0, 1, prompt, None, 12)
        roots.append(memory.names)
    assert len(set(roots)) == 2 and [len(each.tokens) for each in prompts] == [7, 7]


FLEET: Final = BASE.with_({"fleet": {"a": {"count": 2, "workload": {"requests": 1}}}})
DECIDES_TOKENS: Final[dict[str, object]] = {
    "scheme": {**BASE.scheme.to_fields(), "resolution": 50}, "uplink": {"mtu_bits": 500}, "prompts": ["other"],
}  # fmt: skip
"""Fields of a class of devices with values that decide tokens: its uplink only by how much a partial round has room."""
DECIDES_TIME: Final[dict[str, object]] = {
    "name": "b", "count": 1, "edge": {"encode_s_per_draft": 1.0}, "downlink": {"access_s": 1.0},
    "workload": {"kind": "ticks", "requests": 3, "slo_ttft_s": 1.0, "deadline_s": 9.0, "stop_at_eos": False},
}  # fmt: skip


@pytest.mark.parametrize("field", [*DECIDES_TOKENS, *DECIDES_TIME])
def test_of_a_class_what_decides_tokens_is_in_the_keys_and_nothing_else(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = decoder.card_of(BASE.models.pair)
    other = Prompt("second", "other", tuple(reversed(card.prompts[0].tokens)))
    two = card.model_copy(update={"prompts": (*card.prompts, other)})
    monkeypatch.setattr(decoder, "card_of", lambda pair: two)
    value = {**DECIDES_TOKENS, **DECIDES_TIME}[field]
    (mine,) = FLEET.to_fields()["fleet"]
    changed = Cell.from_fields(
        FLEET.to_fields() | {"workload": BASE.workload.to_fields() | {"devices": 1}, "fleet": [{**mine, field: value}]}
    )
    assert (names(Request(changed)) != names(Request(FLEET))) == (field in DECIDES_TOKENS)
    assert {*DECIDES_TOKENS, *DECIDES_TIME} == set(type(FLEET.fleet[0]).model_fields)


def test_the_length_and_the_end_of_a_class_s_answers_are_in_the_keys_of_rounds_drafted_ahead() -> None:
    ahead = AHEAD.with_({"fleet": {"a": {"count": 2}}})
    assert_another(Request(ahead), replace(Request(ahead), output_tokens=13))


def test_weights_change_both_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before, result = names(Request()), identity([BASE])
    monkeypatch.setattr(Synthetic, "fingerprint", property(lambda pair: 64 * "0"))
    after = names(Request())
    assert after[0] != before[0] and after[1] != before[1] and identity([BASE]) != result


def test_the_content_of_imports_changes_both_keys(tmp_path: Path) -> None:
    mine, found = tmp_path / "mine.py", list[tuple[Root, str, str]]()
    for content in ("x = 1\n", "x = 2\n"):
        mine.write_text(content)
        cell = Cell.from_fields(BASE.model_dump() | {"imports": [str(mine)]})
        found.append((*names(Request(cell)), identity([cell])))
    for one, other in zip(*found, strict=True):
        assert one != other


@pytest.mark.parametrize("library", [*round_keys.LIBRARIES, "python"])
def test_versions_change_a_tree_s_key_on_disk(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = round_keys.made_by.__wrapped__()
    monkeypatch.setattr(round_keys, "version", lambda name: "0" if name == library else metadata.version(name))
    if library == "python":
        monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "99", "0"))
    after = round_keys.made_by.__wrapped__()
    root = names(Request())[0]
    assert round_keys.Origin("pair", before).key(root) != round_keys.Origin("pair", after).key(root)


def test_all_of_the_hash_of_the_code_is_in_a_key() -> None:
    root, code = names(Request())[0], "0123456789abcdef"
    keys = {
        round_keys.Origin("pair", made_by).key(root) for made_by in (4 * code, code + 3 * code[::-1], 4 * code[::-1])
    }
    assert len(keys) == 3


def other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_code", lambda: "other")


@pytest.mark.parametrize("library", LIBRARIES)
def test_versions_change_a_result_s_identity(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = identity([BASE]), store.version
    monkeypatch.setattr(store, "version", lambda name: "0" if name == library else version(name))
    assert identity([BASE]) != before


CHANGES: Final[dict[str, Callable[[], str]]] = {
    "question": lambda: identity([BASE], "another study"),
    "number of cells": lambda: identity([BASE, AHEAD]),
    "order of cells": lambda: identity([AHEAD, BASE]),
    **{
        path: lambda path=path, value=value: identity([BASE.with_({path: value})])  # type: ignore[misc]
        for path, value in {
            "models.temperature": 0.2, "workload.devices": 3, "scheme.resolution": 50, "uplink.rate.bps": 1e4,
            "downlink.mtu_bits": 500, "edge.latency": {"kind": "constant", "per_pass_s": 1.0}, "cloud.servers": 2,
            "uplink.header_bits": 24, "edge.drafts_per_pass": 2, "cloud.drafts_per_pass": 2, "seed": 1,
            "cloud.kv_block_tokens": 16, "cloud.admission": "whole_request",
            "percentiles": ["ttft_p95_s"], "fleet": {"a": {"count": 2}},
        }.items()
    },
}  # fmt: skip


def test_each_part_of_a_cell_and_of_what_is_asked_changes_a_result_s_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [identity([BASE]), *(change() for change in CHANGES.values())]
    other_code(monkeypatch)
    found.append(identity([BASE]))
    assert len(set(found)) == len(found)
    assert {path.partition(".")[0] for path in CHANGES} >= set(Cell.model_fields) - {"imports", "sources"}


def test_a_memory_that_holds_another_temperature_gives_the_tokens_of_this_one() -> None:
    memory, cold = Memory(), BASE.with_({"models.temperature": 0.2})
    rates = [simulate(cell, memory=memory).summary["acceptance_rate"] for cell in (BASE, cold)]
    assert rates[0] != rates[1] == simulate(cold, memory=Memory()).summary["acceptance_rate"]
