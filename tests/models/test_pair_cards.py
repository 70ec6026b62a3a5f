"""A pair's card: what a load told, kept; it stands for weights that are away, and for nothing that it is not of."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinds import ConfigError
from models import pair_cards
from models.interface import LoadedPair, Pair
from models.pair_cards import card_of, load
from models.synthetic import Synthetic
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.decoding.round_store import RoundStore
from tests.models import tiny


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a process that has loaded nothing yet."""
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path / "cache"))
    forget_this_process()
    return tmp_path / "cache" / "pairs"


QUICK = Synthetic(size=16, contexts=2, prompts=3, entropy_bits=2.0)


def forget_this_process() -> None:
    pair_cards._card_of.cache_clear()
    pair_cards._loaded.cache_clear()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often QUICK was loaded, which passes for a pair of networks."""
    made: list[str] = []
    plain = Synthetic.load

    def counted(pair: Synthetic) -> LoadedPair:
        made.append(pair.kind)
        return plain(pair)

    monkeypatch.setattr(Synthetic, "load", counted)
    monkeypatch.setattr(Synthetic, "has_networks", True)
    return made


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """The fields of a pair that is saved on this machine."""
    (tmp_path / "p.jsonl").write_text(json.dumps({"name": "a", "kind": "news", "text": "HELLO"}) + "\n")
    tiny.save(tmp_path / "d", "gpt2")
    tiny.save(tmp_path / "v", "llama", seed=1)
    return {
        "kind": "huggingface",
        "drafter": str(tmp_path / "d"),
        "verifier": str(tmp_path / "v"),
        "prompts": str(tmp_path / "p.jsonl"),
    }


def away(folders: dict[str, str]) -> None:
    """Moves both models to where nobody finds them, as before this process began."""
    forget_this_process()
    for role in ("drafter", "verifier"):
        Path(folders[role]).rename(folders[role] + ".elsewhere")


def test_the_card_is_what_a_load_tells_and_later_processes_load_nothing(loads: list[str], cache: Path) -> None:
    first, loaded = card_of(QUICK), load(QUICK)
    assert first.prompts == loaded.prompts and first.end_tokens == loaded.end_tokens
    assert (first.vocabulary, first.context_tokens) == (loaded.vocabulary, QUICK.context_tokens)
    forget_this_process()
    assert card_of(Synthetic(**QUICK.model_dump())) == first and len(loads) == 1
    assert [path.name for path in cache.iterdir()] == [first.file_name]
    assert card_of(Synthetic(**{**QUICK.model_dump(), "seed": 1})) != first and len(loads) == 2


def test_a_cell_that_is_remembered_whole_loads_nothing(loads: list[str], tmp_path: Path) -> None:
    one = Cell().with_({"models.pair": QUICK, "scheme.k": 4, "workload.requests": 2, "workload.output_tokens": 8})
    store = RoundStore(tmp_path / "rounds.sqlite", 10**8)
    live = simulate(one, memory=Memory(store))
    forget_this_process()
    remembered = simulate(one, memory=Memory(store))
    assert remembered.rounds.equals(live.rounds) and remembered.requests.equals(live.requests)
    assert len(loads) == 1
    simulate(one.with_({"seed": 1}), memory=Memory(store))
    assert len(loads) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"end_tokens":[]', '"end_tokens":"none"'),
        lambda text: text.replace('"vocabulary":16', '"vocabulary":2'),
        lambda text: text.replace(pair_cards.code(), "0" * 64),
        lambda text: text.replace(QUICK.fingerprint, "0" * 64),
        lambda text: text.replace('"distance":0.2', '"distance":0.3'),
    ],
    ids=["cut", "empty", "another-type", "token-outside", "other-code", "other-fingerprint", "other-pair"],
)
def test_a_card_that_is_damaged_or_anothers_is_made_anew(
    damage: Callable[[str], str], loads: list[str], cache: Path
) -> None:
    card = card_of(QUICK)
    before = (cache / card.file_name).read_text()
    assert damage(before) != before
    (cache / card.file_name).write_text(damage(before))
    forget_this_process()
    assert card_of(QUICK) == card and len(loads) == 2
    assert (cache / card.file_name).read_text() == before


def test_a_cache_that_takes_no_files_costs_a_load_and_nothing_else(cache: Path, loads: list[str]) -> None:
    cache.parent.write_text("a file where the folder would be")
    assert card_of(QUICK).prompts == load(QUICK).prompts and len(loads) == 1


def test_threads_that_ask_at_once_load_once(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Synthetic.load

    def slowly(pair: Synthetic) -> LoadedPair:
        time.sleep(0.05)
        return counted(pair)

    monkeypatch.setattr(Synthetic, "load", slowly)
    with ThreadPoolExecutor(4) as threads:
        assert len({id(loaded) for loaded in threads.map(lambda _: load(QUICK), range(4))}) == 1
    assert len(loads) == 1


def test_a_pair_that_is_quick_to_load_keeps_no_card(cache: Path) -> None:
    assert card_of(QUICK).prompts == load(QUICK).prompts
    assert not cache.exists()


def test_a_card_stands_for_folders_that_are_away_but_not_for_their_passes(folders: dict[str, str]) -> None:
    here = Pair.of(folders)
    card = card_of(here)
    away(folders)
    pair = Pair.of(folders)
    assert pair.at_hand and card_of(pair) == card
    assert (pair.vocabulary, pair.context_tokens, pair.fingerprint) == (
        here.vocabulary,
        here.context_tokens,
        here.fingerprint,
    )
    pair.prepare()
    with pytest.raises(ConfigError, match=r"pair\.drafter = .*/d: its weights are not here, .*sqsim cache import") as e:
        load(pair)
    assert "\n" not in str(e.value)


def test_another_pair_of_folders_that_are_not_here_is_not_at_hand(folders: dict[str, str], tmp_path: Path) -> None:
    card_of(Pair.of(folders))
    away(folders)
    (tmp_path / "q.jsonl").write_text('{"name": "a", "kind": "news", "text": "WORLD"}\n')
    for change in ({"drafter": folders["verifier"]}, {"prompts": str(tmp_path / "q.jsonl")}, {"device": "cpu"}):
        pair = Pair.of(folders | change)
        assert not pair.at_hand
        with pytest.raises(ConfigError, match="neither a folder nor downloaded yet"):
            _ = pair.vocabulary


def test_prompts_count_by_content_so_that_the_file_may_lie_elsewhere(folders: dict[str, str], tmp_path: Path) -> None:
    card = card_of(Pair.of(folders))
    away(folders)
    moved = Path(folders["prompts"]).rename(tmp_path / "moved.jsonl")
    assert card_of(Pair.of(folders | {"prompts": str(moved)})) == card


def test_two_recordings_of_one_name_are_told_apart_by_the_user(folders: dict[str, str]) -> None:
    first = card_of(Pair.of(folders))
    tiny.save(Path(folders["drafter"]), "gpt2", seed=7)
    forget_this_process()
    second = card_of(Pair.of(folders))
    away(folders)
    with pytest.raises(ConfigError, match=r"sqsim cache clear --pair") as caught:
        _ = Pair.of(folders).at_hand
    assert first.fingerprint[:12] in str(caught.value) and second.fingerprint[:12] in str(caught.value)
    pair_cards.forget(first.fingerprint)
    assert Pair.of(folders).fingerprint == second.fingerprint


def test_the_fingerprint_tells_the_tokenizer_that_decides_the_prompts(folders: dict[str, str]) -> None:
    before = Pair.of(folders).fingerprint
    tiny.tokenizer([*tiny.WORDS[1:], tiny.WORDS[0]]).save(folders["verifier"] + "/tokenizer.json")
    assert Pair.of(folders).fingerprint != before


def test_a_cell_has_one_name_where_its_weights_are_and_where_they_are_not(
    folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(pair: dict[str, str]) -> str:
        workload = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 6}
        return Cell.from_fields(
            {"models": {"pair": pair}, "scheme": {"kind": "k_sqs", "k": 4}, "workload": workload}
        ).id

    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "d")
    ways = [folders | {"drafter": drafter} for drafter in ("d", "./d", folders["drafter"], "link")]
    recorded = [(card_of(Pair.of(way)), named(way))[1] for way in ways]
    assert len(set(recorded[:3])) == 1 != len(set(recorded))
    away(folders)
    (tmp_path / "link").unlink()
    assert [named(way) for way in ways] == recorded


def test_weights_that_were_trained_on_are_others_within_a_process(folders: dict[str, str], tmp_path: Path) -> None:
    def told(fields: dict[str, str]) -> float:
        workload = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 12}
        cell = Cell.from_fields({"models": {"pair": fields}, "workload": workload, "scheme": "k_sqs"})
        return simulate(cell, memory=Memory()).summary["tv_mismatch"]

    before, old = told(folders), Pair.of(folders)
    assert old.fingerprint
    tiny.save(Path(folders["drafter"]), "gpt2", seed=5)
    after = told(folders)
    tiny.save(tmp_path / "new", "gpt2", seed=5)
    assert after == told({**folders, "drafter": str(tmp_path / "new")}) != before
    forget_this_process()
    with pytest.raises(ConfigError, match=r"^models.pair = huggingface: its files have changed since the cell was"):
        load(old)
