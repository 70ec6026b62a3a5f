"""A recording: what was exported is what is taken over; of anything else nothing is."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from cells import cell

from kinds import ConfigError
from models import pair_cards
from models.synthetic import Synthetic
from simulator import simulate
from simulator.decoding import recording
from simulator.decoding.memory import Memory
from simulator.decoding.recording import export, take_over
from simulator.decoding.round_store import RoundStore

PAIR = {"kind": "synthetic", "size": 32, "contexts": 4, "prompts": 2}
CAP_BYTES = 10**8


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of what two cells of a pair decoded, and one of another; the pairs' cards; all of it
    exported."""
    folder = tmp_path_factory.mktemp("recorded")
    store = RoundStore(folder / "rounds.sqlite", CAP_BYTES)
    workload = {"kind": "closed", "requests": 3, "prompt_tokens": 4, "output_tokens": 8}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQSIM_CACHE", str(folder))
        patch.setattr(Synthetic, "has_networks", True)  # so that its card is kept, as that of a pair with weights is
        for pair, k in ((PAIR, 4), (PAIR, 8), (PAIR | {"seed": 1}, 4)):
            one = cell({"kind": "k_sqs", "k": k}, models={"pair": pair}, workload=workload)
            simulate(one, memory=Memory(store))
        export(folder / "all.sqr", store, {each.pair for each in store.summary()})
    pair_cards._card_of.cache_clear()
    return folder


@pytest.fixture
def store(recorded_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RoundStore:
    """Where it was recorded."""
    shutil.copytree(recorded_once, tmp_path / "recorded")
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path / "recorded"))
    return RoundStore(tmp_path / "recorded" / "rounds.sqlite", CAP_BYTES)


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RoundStore:
    """The store of another machine: it holds nothing, and no card is there."""
    monkeypatch.setenv("SQSIM_CACHE", str(tmp_path / "other"))
    return RoundStore(tmp_path / "other" / "rounds.sqlite", CAP_BYTES)


@pytest.fixture
def file(recorded_once: Path, tmp_path: Path) -> Path:
    """All of it, exported."""
    return Path(shutil.copy(recorded_once / "all.sqr", tmp_path))


def members_of(file: Path) -> dict[str, bytes]:
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(file: Path, change: Callable[[dict[str, bytes]], object], compression: int = 0) -> None:
    """The recording as somebody might write it by hand, with its members changed and a hash that fits them."""
    told = members_of(file)
    change(told)
    about = json.loads(told.pop("about.json"))
    content = recording.hashlib.sha256()
    for name, data in told.items():
        recording._count(content, name, data)
    with ZipFile(file, "w", compression) as archive:
        for name, data in told.items():
            archive.writestr(name, data)
        archive.writestr("about.json", json.dumps(about | {"content": content.hexdigest()}))


def refused(file: Path, store: RoundStore) -> str:
    """The one line of a refusal, after which nothing is there."""
    with pytest.raises(ConfigError) as caught:
        take_over(file, store)
    assert not list(store.entries()) and not pair_cards.cards()
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{file}: ")
    return str(caught.value)


def test_what_was_exported_is_taken_over_byte_for_byte(file: Path, store: RoundStore, other: RoundStore) -> None:
    before = list(store.entries())
    recorded = take_over(file, other)
    assert list(other.entries()) == before and len(before) == sum(recorded.entries.values()) == 9
    assert {card.fingerprint for card in pair_cards.cards()} == set(recorded.entries)
    export(file.with_name("again.sqr"), other, recorded.entries)
    assert file.with_name("again.sqr").read_bytes() == file.read_bytes()


def test_one_pair_goes_alone_with_its_card(store: RoundStore, tmp_path: Path) -> None:
    pair = Synthetic(**PAIR).fingerprint
    recorded = export(tmp_path / "one.sqr", store, {pair})
    assert recorded.entries == {pair: 6} and [card.fingerprint for card in recorded.cards] == [pair]
    other = RoundStore(tmp_path / "other.sqlite", CAP_BYTES)
    assert take_over(tmp_path / "one.sqr", other).entries == {pair: 6}
    assert [pair for _, pair, _ in other.entries()] == [pair] * 6


def test_what_older_code_has_left_does_not_travel(file: Path, store: RoundStore, tmp_path: Path) -> None:
    (key, pair, blob), *_ = store.entries()
    store.put("0" * len(key), pair, blob)
    export(tmp_path / "again.sqr", store, {each.pair for each in store.summary()})
    assert (tmp_path / "again.sqr").read_bytes() == file.read_bytes()


def test_rounds_that_are_here_stay(file: Path, store: RoundStore) -> None:
    before = list(store.entries())
    take_over(file, store)
    assert list(store.entries()) == before


def test_a_flipped_bit_or_a_cut_is_noticed_before_anything_is_taken_over(file: Path, other: RoundStore) -> None:
    """Bits that say nothing (time stamps, say) may flip: all is then as it was written."""
    whole, rng = file.read_bytes(), random.Random(0)
    expected, noticed = sorted(name for name in ZipFile(file).namelist() if name.startswith("rounds/")), 0
    damaged = [whole[: rng.randrange(len(whole))] for _ in range(15)]
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))
    for place in range(len(whole) - 22, len(whole) - 2):  # where the archive says where its parts are
        damaged.append(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    for data in damaged:
        file.write_bytes(data)
        try:
            take_over(file, other)
        except ConfigError as error:
            noticed += 1
            assert "\n" not in str(error) and str(error).startswith(f"{file}: "), "the file is not named"
            assert not other.summary() and not pair_cards.cards()
        else:
            assert [
                f"rounds/{pair}/{key}" for key, pair, _ in sorted(other.entries(), key=lambda e: e[1::-1])
            ] == expected
            other.clear()
            pair_cards.forget()
    assert noticed >= 60


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda told: told.update({_round(told): b"cos\nsystem\n(S'true'\ntR."}), "damaged"),
        (lambda told: told.update({f"rounds/{'0' * 64}/../../evil": told[_round(told)]}), "no known name"),
        (lambda told: told.update({"evil.py": b"import os"}), "no known name"),
        (lambda told: told.update({_card(told): told[_card(told)].replace(b'"end_tokens":[]', b'"end_tokens":null')}),
         "damaged"),
        (lambda told: told.update({_card(told): told[_card(told)].replace(b'"size":32', b'"size":64')}),
         "another pair"),
        (lambda told: told.update({_card(told): told[_card(told)].replace(pair_cards.code().encode(), b"0" * 64)}),
         "another pair or code"),
        (lambda told: _about(told, format=2), "a recording of format 2; this version reads format 1"),
        (lambda told: _about(told, made_by="0" * 64), "recorded by other code (the source differs)"),
        (lambda told: _about(told, made_by="0" * 64, made_with="numpy 1"), "(numpy 1; here sqsim "),
        (lambda told: _about(told, kind="a recipe"), "damaged"),
    ],
    ids=["pickle", "path", "stranger", "card", "other-card", "other-code", "format", "source", "libraries", "kind"],
)  # fmt: skip
def test_what_no_export_writes_is_refused_though_its_hashes_fit(
    change: Callable[[dict[str, bytes]], object], told: str, file: Path, other: RoundStore
) -> None:
    rewritten(file, change)
    assert told in refused(file, other)


def without_a_round(file: Path) -> None:
    members = members_of(file)
    del members[_round(members)]
    with ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def swelling(file: Path) -> None:
    rewritten(file, lambda told: told.update({_round(told): bytes(10**7)}), ZIP_DEFLATED)


def named_often(file: Path) -> None:
    with ZipFile(file, "a") as archive:
        archive.filelist += 1000 * archive.filelist[:1]
        archive._didModify = True  # type: ignore[attr-defined]  # so that it is written again


def of_something_else(file: Path) -> None:
    with ZipFile(file, "w") as archive:
        archive.writestr("a", "b")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_a_round, "not what was written"),
        (swelling, "compressed"),
        (named_often, "members lie in one another"),
        (of_something_else, "no recording"),
        (lambda file: file.write_text("hello"), "no recording"),
        (lambda file: file.write_text(""), "no recording"),
    ],
)
def test_a_file_that_was_altered_or_is_another_is_refused(
    spoil: Callable[[Path], object], words: str, file: Path, other: RoundStore
) -> None:
    spoil(file)
    assert words in refused(file, other)


def test_more_than_would_stay_is_refused(file: Path, other: RoundStore) -> None:
    assert "raise SQSIM_ROUNDS_GB" in refused(file, RoundStore(other.path, 100))


def test_a_store_that_takes_nothing_is_told_of(file: Path, other: RoundStore) -> None:
    other.path.parent.write_text("a file where its folder would be")
    with pytest.raises(ConfigError, match=r"rounds\.sqlite: not all was taken over"):
        take_over(file, other)


def test_nothing_half_written_is_left(store: RoundStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.sqr").write_text("as it was")
    pairs = {each.pair for each in store.summary()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigError, match="no rounds to export"):
        export(folder / "b.sqr", store, {"0" * 64})
    monkeypatch.setattr(recording, "_count", full)
    with pytest.raises(OSError, match="No space left"):
        export(folder / "a.sqr", store, pairs)
    assert [path.name for path in folder.iterdir()] == ["a.sqr"] and (folder / "a.sqr").read_text() == "as it was"


def _round(told: dict[str, bytes]) -> str:
    return next(name for name in told if name.startswith("rounds/"))


def _card(told: dict[str, bytes]) -> str:
    return next(name for name in told if name.startswith("cards/"))


def _about(told: dict[str, bytes], **changes: object) -> None:
    told["about.json"] = json.dumps(json.loads(told["about.json"]) | changes).encode()
