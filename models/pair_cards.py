"""Facts of a pair that are needed before any of its distributions: vocabulary, context, prompts, end token; and a
pair's one loading.

The first load leaves a card, one JSON file in the cache folder; where all that is decoded is remembered nothing else of
the pair is read. A card that came with recorded rounds stands for a pair whose weights are elsewhere; a damaged one, or
one of other code, is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from kinds import ConfigError, Part
from kinds.files import atomically, by_content, cache_folder
from models.interface import LoadedPair, Pair, Prompt

Described = dict[str, JsonValue]  # A pair's own fields, files by their content
_LOADING = threading.RLock()


class PairCard(Part):
    """Findings of a load about a pair."""

    pair: Described
    code: str  # hash of the source that made it
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    vocabulary: int = Field(ge=1)
    context_tokens: int = Field(ge=1)
    prompts: tuple[Prompt, ...] = Field(min_length=1)
    end_tokens: tuple[Annotated[int, Field(ge=0)], ...]
    remark: str = ""

    @model_validator(mode="after")
    def _tokens_are_of_the_vocabulary(self) -> Self:
        for prompt in self.prompts:
            if not all(0 <= token < self.vocabulary for token in prompt.tokens):
                raise ValueError(f"prompt {prompt.name}: token ids below {self.vocabulary} allowed")
        return self

    @property
    def kind(self) -> str:
        return str(self.pair.get("kind"))

    @property
    def models(self) -> tuple[str, ...]:
        """Verifier and drafter, of a pair with fields of them."""
        return tuple(str(self.pair[role]) for role in ("verifier", "drafter") if role in self.pair)

    @property
    def names(self) -> str:
        return " ".join([self.kind, " / ".join(self.models)]).strip()

    @property
    def words(self) -> frozenset[str]:
        """Names that a person may type for it: its kind, a model, the last part of a model's name."""
        return frozenset({self.kind, *self.models, *(Path(name).name for name in self.models)})

    @property
    def file_name(self) -> str:
        return f"{self.fingerprint[:16]}.{_digest(self.pair)}.json"

    @property
    def current(self) -> bool:
        return self.code == code()


def load(pair: Pair) -> LoadedPair:
    """The pair's models, read once a process while their files stand, by the thread that asks first. Raises ConfigError
    as `Pair.load` does, and where files are not those that the pair's fingerprint is of."""
    with _LOADING:
        return _loaded(pair, pair.fingerprint)


def card_of(pair: Pair) -> PairCard:
    """The pair's card: of networks the kept one, else by loading the pair. Raises ConfigError as `load` does."""
    return _card_of(pair, pair.fingerprint)


def recorded(pair: Pair) -> PairCard | None:
    """The kept card of a pair whose fingerprint is not known without it: by its fields. None where there is none.
    Raises ConfigError where there are several, of other weights or another device."""
    described = describe(pair)
    cards = [card for card in _read(f"*.{_digest(described)}.json") if card.current and card.pair == described]
    if len(cards) > 1:
        text = " and ".join(sorted(card.fingerprint[:12] for card in cards))
        raise ConfigError(
            f"models.pair = {cards[0].names}: recorded here with other weights or on another device, too ({text}); "
            "forget all but one (sqsim cache clear --pair FINGERPRINT)"
        )
    return cards[0] if cards else None


def recorded_folders() -> frozenset[str]:
    """The absolute paths of the models of all kept cards."""
    return frozenset(
        name for card in cards() for name in card.pair.values() if isinstance(name, str) and Path(name).is_absolute()
    )


def cards() -> list[PairCard]:
    """Returns all cards that are kept, by whatever code they were made, except damaged ones."""
    return list(_read("*.json"))


def keep(card: PairCard) -> None:
    """Keeps a card for later processes. Raises OSError where it cannot be written."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    atomically(folder / card.file_name, lambda path: path.write_text(card.model_dump_json(), encoding="utf-8"))


def forget(fingerprint: str = "") -> None:
    """Removes the kept cards of a pair by its fingerprint, or all, damaged ones included."""
    for path in _folder().glob(f"{fingerprint[:16]}*.json"):
        path.unlink(missing_ok=True)


def describe(pair: Pair) -> Described:
    """The pair's own fields, files by the hash of their content. Raises ConfigError where one cannot be read."""
    fields: Described = json.loads(json.dumps(pair.model_dump(), default=by_content))
    return fields


@cache
def code() -> str:
    """Hash of the source that decides what is on a card, which is part of what decides what is decoded."""
    home = Path(__file__).parent
    files = sorted(path for path in home.rglob("*.py") if path.relative_to(home).parts[0] != "latency")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@cache
def _card_of(pair: Pair, fingerprint: str) -> PairCard:
    if not pair.has_networks:
        return _made(pair)
    described = describe(pair)
    for card in _read(f"{fingerprint[:16]}.{_digest(described)}.json"):
        if card.current and (card.fingerprint, card.pair) == (fingerprint, described):
            return card
    card = _made(pair)
    with suppress(OSError):  # a cache that takes no files costs the next process a load, and nothing else
        keep(card)
    return card


@cache
def _loaded(pair: Pair, fingerprint: str) -> LoadedPair:
    loaded = pair.load()
    if type(pair).model_validate(pair.model_dump()).fingerprint != fingerprint:  # what is decoded is kept under it
        raise ConfigError(f"models.pair = {pair.kind}: its files have changed since the cell was made; make it anew")
    return loaded


def _made(pair: Pair) -> PairCard:
    loaded = load(pair)
    return PairCard(
        pair=describe(pair),
        code=code(),
        fingerprint=pair.fingerprint,
        vocabulary=pair.vocabulary,
        context_tokens=pair.context_tokens,
        prompts=loaded.prompts,
        end_tokens=loaded.end_tokens,
        remark=pair.remark,
    )


def _read(pattern: str) -> Iterator[PairCard]:
    paths = list[Path]()
    with suppress(OSError):  # of a folder that may not be read: the store of rounds beside it says so
        paths = sorted(_folder().glob(pattern))
    for path in paths:
        with suppress(OSError, ValidationError):
            yield _card(path, path.stat().st_mtime_ns)


@cache
def _card(path: Path, stamp_ns: int) -> PairCard:
    """Returns the card of a file with this time stamp: each cell of a sweep asks for its pair's."""
    return PairCard.model_validate_json(path.read_bytes())


def _folder() -> Path:
    return cache_folder() / "pairs"


def _digest(described: Described) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
