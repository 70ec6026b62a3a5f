"""A recording: rounds that were decoded, and the cards of the pairs that decoded them, as one file that travels.

An uncompressed zip archive: `cards/FILE`, `rounds/PAIR/KEY`, the bytes of the store as they are, and `about.json`. It
may come from a stranger: all of it is read and checked before anything is taken over. One made by other code or
libraries is refused. Whether its rounds are what the weights give, no check can tell.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from struct import error as struct_error
from typing import IO, Final, Literal, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from pydantic import ConfigDict

from kinds import ConfigError, Part, first_line
from kinds.files import atomically, require_file
from models import pair_cards
from models.pair_cards import PairCard
from simulator.decoding.round_keys import LIBRARIES, made_by, of_this_code
from simulator.decoding.round_store import KEPT_SHARE, Grown, RoundStore
from simulator.decoding.tree_bytes import from_bytes

ABOUT: Final = "about.json"
FORMAT: Final = 1
BATCH_BYTES: Final = 1 << 25
"""Put into the store as one."""
_MEMBER: Final = re.compile(r"cards/[0-9a-f]{16}\.[0-9a-f]{16}\.json|rounds/([0-9a-f]{64})/([0-9a-f]{64})")
_DAMAGE: Final = (BadZipFile, struct_error, EOFError, ValueError, LookupError, RuntimeError, OverflowError, OSError)
"""Errors that are raised if bytes of an archive are wrong: for an unknown compression, a RuntimeError; of a place
before the file's beginning, an OSError that names no file."""


class About(Part):
    """Head of a recording."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["sqsim recording"] = "sqsim recording"
    format: int
    made_by: str
    """Hash of code and libraries, which is in the keys."""
    made_with: str
    """The same for a person."""
    content: str
    """Hash of all other members, names and bytes."""


class Recorded(NamedTuple):
    """Contents of a recording."""

    entries: dict[str, int]
    """Number of entries, by the fingerprint of their pair."""
    bytes: int
    """The size of all entries together, bytes."""
    cards: Sequence[PairCard]


def export(path: Path, store: RoundStore, pairs: Collection[str]) -> Recorded:
    """Writes what this code has left of the pairs of these fingerprints: the whole file, or none. Raises ConfigError
    where there is nothing to write, OSError where it cannot be written."""
    cards = [card for card in pair_cards.cards() if card.current and card.fingerprint in pairs]
    entries, sizes, content = dict[str, int](), list[int](), hashlib.sha256()

    def write(unfinished: Path) -> None:
        with ZipFile(unfinished, "w", ZIP_STORED) as archive:
            for name, data in _members_to_write(store, cards, sorted(pairs)):
                archive.writestr(ZipInfo(name), data)
                _count(content, name, data)
                if (pair := _pair_of(name)) is not None:
                    entries[pair] = entries.get(pair, 0) + 1
                    sizes.append(len(data))
            about = About(format=FORMAT, made_by=made_by(), made_with=_made_with(), content=content.hexdigest())
            archive.writestr(ZipInfo(ABOUT), about.model_dump_json(indent=1))
        if not entries:
            raise ConfigError(f"{store.path}: no rounds to export that this code has decoded")

    atomically(path, write)
    return Recorded(entries, sum(sizes), cards)


def take_over(path: Path, store: RoundStore) -> Recorded:
    """Checks a whole recording, then puts what it holds into the store and keeps the cards that are not here yet.
    Raises ConfigError, one line, where it is damaged, made by other code, or too large for the store, OSError where a
    file cannot be read or written: nothing is then taken over."""
    with require_file(path).open("rb") as file:
        archive, recorded = _checked(path, file)
        _require_room(path, recorded.bytes, store)
        batch, size = list[Grown](), 0
        for pair, key, blob in _rounds(archive):
            batch.append(Grown(key, pair, blob))
            size += len(blob)
            if size >= BATCH_BYTES:
                _put(store, batch)
                batch, size = [], 0
        _put(store, batch)
    here = {card.file_name for card in pair_cards.cards() if card.current}
    for card in recorded.cards:
        if card.file_name not in here:
            pair_cards.keep(card)
    return recorded


def _members_to_write(
    store: RoundStore, cards: Sequence[PairCard], pairs: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    for card in cards:
        yield f"cards/{card.file_name}", card.model_dump_json().encode()
    for pair in pairs:
        for key, _, blob in store.entries(pair):
            if of_this_code(key):
                yield f"rounds/{pair}/{key}", blob


def _checked(path: Path, file: IO[bytes]) -> tuple[ZipFile, Recorded]:
    """The archive and what it holds, all of it read. Raises ConfigError."""
    if file.read(4) != b"PK\3\4":
        raise ConfigError(f"{path}: no recording; `sqsim cache export` writes them")
    try:
        archive = ZipFile(file)
        about = _about(path, archive)
        return archive, _read(archive, about)
    except ConfigError:
        raise
    except _DAMAGE as error:
        message = getattr(error, "strerror", None) or first_line(error) or type(error).__name__
        raise ConfigError(f"{path}: cut short or damaged ({message}); nothing is taken over") from None


def _about(path: Path, archive: ZipFile) -> About:
    if ABOUT not in archive.namelist():
        raise ConfigError(f"{path}: no recording, an archive of something else; `sqsim cache export` writes them")
    about = About.model_validate_json(archive.read(_stored(archive.getinfo(ABOUT))))
    if about.format != FORMAT:
        raise ConfigError(f"{path}: a recording of format {about.format}; this version reads format {FORMAT}")
    if about.made_by != made_by():
        here = _made_with()
        differ = f"{about.made_with}; here {here}" if about.made_with != here else "the source differs"
        raise ConfigError(
            f"{path}: recorded by other code ({differ}), so that nothing in it would be found here; "
            "nothing is taken over, record it anew with what is here"
        )
    return about


def _read(archive: ZipFile, about: About) -> Recorded:
    content, entries, size, cards = hashlib.sha256(), dict[str, int](), 0, list[PairCard]()
    if sum(info.file_size for info in archive.infolist()) > archive.start_dir:
        raise BadZipFile("members lie in one another")  # few bytes could be read as many
    for info in archive.infolist():
        if info.filename == ABOUT:
            continue
        data = archive.read(_stored(info))
        _count(content, info.filename, data)
        if (pair := _pair_of(info.filename)) is None:
            cards.append(_card(info.filename, data))
        else:
            from_bytes(data)
            entries[pair], size = entries.get(pair, 0) + 1, size + len(data)
    if content.hexdigest() != about.content:
        raise BadZipFile("its content is not what was written")
    return Recorded(entries, size, cards)


def _stored(info: ZipInfo) -> ZipInfo:
    """The member, if an export may have written it so."""
    if info.compress_type != ZIP_STORED or info.compress_size != info.file_size:
        raise BadZipFile("a member is compressed")
    return info


def _pair_of(name: str) -> str | None:
    """The fingerprint in the name of a member, None of a card's."""
    found = _MEMBER.fullmatch(name)
    if found is None:
        raise BadZipFile("a member of no known name")
    pair: str | None = found[1]
    return pair


def _card(name: str, data: bytes) -> PairCard:
    card = PairCard.model_validate_json(data)
    if name != f"cards/{card.file_name}" or not card.current:
        raise BadZipFile("a card of another pair or code")
    return card


def _rounds(archive: ZipFile) -> Iterator[tuple[str, str, bytes]]:
    for info in archive.infolist():
        if info.filename.startswith("rounds/"):
            _, pair, key = info.filename.split("/")
            yield pair, key, archive.read(info)


def _require_room(path: Path, size: int, store: RoundStore) -> None:
    room = int(KEPT_SHARE * store.cap_bytes)
    if size > room:
        raise ConfigError(
            f"{path}: {size / 1e9:.3g} GB of rounds, of which {room / 1e9:.3g} GB would stay here; "
            "raise SQSIM_ROUNDS_GB; nothing is taken over"
        )


def _put(store: RoundStore, batch: Sequence[Grown]) -> None:
    store.put_all(batch)
    if batch and store.get(batch[-1].key) is None:  # the store has reported why
        raise ConfigError(f"{store.path}: not all was taken over; import it again")


def _count(content: hashlib._Hash, name: str, data: bytes) -> None:
    content.update(f"{name} {len(data)}\n".encode())
    content.update(data)


def _made_with() -> str:
    libraries = [f"{name} {version(name)}" for name in ("sqsim", *LIBRARIES)]
    return ", ".join([*libraries, f"python {'.'.join(python_version().split('.')[:2])}"])
