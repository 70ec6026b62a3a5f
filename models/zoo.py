"""The pairs a cell can name: bundled ones, `synthetic`, any two models of the hub or on disk, published pairs.
Describing a pair reads small JSON files; `prepare` or `load` fetch what is on the hub, and `load` imports torch."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from kinds import ConfigError, first_line
from kinds.files import GivenPath, placed, read_json, sha256
from kinds.mistakes import shown
from models import published as published  # registers its kinds, as the others do theirs
from models import synthetic as synthetic
from models.bundled import smollm2 as smollm2
from models.bundled import sotu as sotu
from models.cards import device_of, fingerprint
from models.interface import DeviceName, LoadedPair, Pair, Speller
from models.model_folder import FILES, folder_hash, read_config, require_loadable
from models.pair_cards import PairCard, recorded, recorded_folders
from models.prompt_files import ADDRESSES, read_prompts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def _rooted(name: str) -> str:
    """A folder by its absolute path, so that a cell that names it finds it from anywhere; a hub id as it is.

    Links in the path stay, and a folder that was recorded is one though it is not here: so a pair has the same name
    where its weights are and where they are not.
    """
    path = os.path.abspath(placed(Path(name)))
    return path if Path(name).is_absolute() or Path(path).is_dir() or path in recorded_folders() else name


Drafter = Annotated[
    str, Field(min_length=1, description="folder or hub id of the model that drafts"), AfterValidator(_rooted)
]
Verifier = Annotated[
    str, Field(min_length=1, description="folder or hub id of the model that verifies"), AfterValidator(_rooted)
]


class _TwoFolders(Pair):
    """Two causal language models of the transformers library with one vocabulary, saved as safetensors; where they are
    not on this machine, the card that came with their recorded rounds stands for them."""

    has_networks: ClassVar[bool] = True

    drafter: Drafter
    verifier: Verifier
    prompts: GivenPath = Field(default=ADDRESSES, description="JSON-lines file of prompts: name, kind, text")
    device: DeviceName = Field(default="auto", description="where both run; auto takes an NVIDIA GPU when there is one")

    @property
    def at_hand(self) -> bool:
        return self._away is None or self._card is not None

    @cached_property
    def vocabulary(self) -> int:
        if self._card:
            return self._card.vocabulary
        return min(_ids_of_tokenizer(_here(self.verifier)), *self._widths)

    @property
    def remark(self) -> str:
        if self._card:
            return self._card.remark
        if max(self._widths) == self.vocabulary:
            return ""
        drafter, verifier = self._widths
        return (
            f"next-token distributions of {drafter:,} (drafter) and {verifier:,} ids are cut to the tokenizer's "
            f"{self.vocabulary:,} and renormalised"
        )

    @cached_property
    def _widths(self) -> tuple[int, int]:
        """Numbers of ids of the next-token distributions of drafter and verifier, padding included."""
        drafter, verifier = (_integer(name, ("vocab_size",)) for name in (self.drafter, self.verifier))
        return drafter, verifier

    @cached_property
    def context_tokens(self) -> int:
        lengths = ("max_position_embeddings", "n_positions")
        if self._card:
            return self._card.context_tokens
        return min(_integer(name, lengths) for name in (self.drafter, self.verifier))

    @cached_property
    def fingerprint(self) -> str:
        if self._card:
            return self._card.fingerprint
        drafter, verifier = (_here(name) for name in (self.drafter, self.verifier))
        hashes = folder_hash(drafter), folder_hash(verifier), sha256(self.prompts)
        return fingerprint(*hashes, device_of(self.device), f"V={self.vocabulary}")

    @property
    def _away(self) -> str | None:
        gpu = "device" if self.device == "cuda" != device_of("auto") else None
        return next((role for role in ("drafter", "verifier") if _local(getattr(self, role)) is None), gpu)

    @cached_property
    def _card(self) -> PairCard | None:
        return recorded(self) if self._away else None

    def prepare(self) -> None:
        """Downloads what is not on this machine, unless it was recorded: then it may not be needed. Raises ConfigError
        also where a folder would have code of its own run."""
        for name in () if self._card else (self.drafter, self.verifier):
            folder = _fetched(name)
            require_loadable(folder)
            if "auto_map" in read_config(folder):
                from models.transformer import require_known

                require_known(folder)

    def speller(self) -> Speller:
        from models.transformer import load_tokenizer

        tokenizer = load_tokenizer(_fetched(self.verifier))
        return lambda tokens: str(tokenizer.decode(list(tokens)))

    def load(self) -> LoadedPair:
        """Loads the pair as `Pair.load` does. Raises ConfigError also if vocabularies differ or a recorded pair is
        away."""
        if self._card and self._away and self._away != "device":
            name = getattr(self, self._away)
            fetch = "" if Path(name).is_absolute() else f", or fetch the model (hf download {name})"
            raise ConfigError(
                f"models.pair.{self._away} = {name}: its weights are not here, and a step of this cell was not "
                "recorded; run the cell where they are, then `sqsim cache export` there and `sqsim cache import` "
                f"here{fetch}"
            )
        from models.transformer import load_model, load_tokenizer

        folders = [_fetched(name) for name in (self.drafter, self.verifier)]
        tokenizers = [load_tokenizer(folder) for folder in folders]
        _require_one_vocabulary(tokenizers[0], tokenizers[1], *self._widths)
        ends = _end_tokens(folders[1], tokenizers[1].eos_token_id, self.vocabulary)
        drafter, verifier = (
            load_model(folder, folder_hash(folder), self.device, self.vocabulary) for folder in folders
        )
        prompts = read_prompts(self.prompts, lambda text: list(tokenizers[1].encode(text)))
        return LoadedPair(drafter, verifier, prompts, ends)


class HuggingFace(_TwoFolders):
    """Any two causal language models of the transformers library with one vocabulary."""

    summary: ClassVar[str] = "any two causal language models with one vocabulary, by local path or hub id"

    kind: Literal["huggingface"] = "huggingface"


class GptNeo(_TwoFolders):
    """The pair of SQS-SD (arXiv 2510.09942), as far as the paper tells."""

    summary: ClassVar[str] = "GPT-Neo 125M drafts for GPT-Neo 1.3B, from the hub"

    kind: Literal["gpt_neo"] = "gpt_neo"
    drafter: Drafter = "EleutherAI/gpt-neo-125m"
    verifier: Verifier = "EleutherAI/gpt-neo-1.3B"


class Opt(_TwoFolders):
    """The pair of Q-S (arXiv 2507.00605)."""

    summary: ClassVar[str] = "OPT-125M drafts for OPT-13B, from the hub or safetensors of your own"

    kind: Literal["opt"] = "opt"
    drafter: Drafter = "facebook/opt-125m"
    verifier: Verifier = "facebook/opt-13b"


class Pythia(_TwoFolders):
    """Two Pythia models with equally padded vocabularies."""

    summary: ClassVar[str] = "Pythia 160M drafts for Pythia 1.4B, from the hub"

    kind: Literal["pythia"] = "pythia"
    drafter: Drafter = "EleutherAI/pythia-160m"
    verifier: Verifier = "EleutherAI/pythia-1.4b"


def _require_one_vocabulary(
    drafter: PreTrainedTokenizerBase, verifier: PreTrainedTokenizerBase, drafter_size: int, verifier_size: int
) -> None:
    """Compares token by token. The widths of the distributions may differ by padding: by ids that no tokenizer has."""
    ours, theirs = drafter.get_vocab(), verifier.get_vocab()
    sizes = (
        f"drafter has {len(ours)} tokens in distributions of {drafter_size}, verifier {len(theirs)} in {verifier_size}"
    )
    padded = max(theirs.values(), default=-1) < min(drafter_size, verifier_size)
    if len(ours) != len(theirs) or (drafter_size != verifier_size and not padded):
        raise ConfigError(f"vocabularies differ: {sizes}; a pair shares one vocabulary")
    if ours != theirs:
        token = min(token for token, index in ours.items() if theirs.get(token) != index)
        raise ConfigError(f"vocabularies differ at token {token!r}: {sizes}; a pair shares one vocabulary")


def _ids_of_tokenizer(folder: Path) -> int:
    """Returns the number of ids of the tokenizer saved in a folder, one more than its largest: from its JSON files, or
    by loading it if those do not say. Raises ConfigError as `load_tokenizer` does."""
    try:
        saved: Any = read_json(folder / "tokenizer.json")
        words = saved["model"]["vocab"]
        ids = [int(each["id"]) for each in saved.get("added_tokens", ())]
        ids += map(int, words.values()) if isinstance(words, dict) else range(len(words))
        return max(ids) + 1
    except (ValueError, KeyError, TypeError, AttributeError):
        from models.transformer import load_tokenizer

        return max(load_tokenizer(folder).get_vocab().values(), default=0) + 1


def _end_tokens(folder: Path, of_tokenizer: int | None, vocabulary: int) -> tuple[int, ...]:
    """The ids that end a text, by generation_config.json, else the tokenizer. Raises ConfigError for what are none."""
    path, ids = folder / "generation_config.json", None
    if path.is_file():
        config = read_json(path)
        if not isinstance(config, dict):
            raise ConfigError(f"{path}: must be a JSON object")
        ids = config.get("eos_token_id")
    if ids is None:
        return () if of_tokenizer is None else (of_tokenizer,)
    found = ids if isinstance(ids, list) else [ids]
    if not all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < vocabulary for each in found):
        raise ConfigError(f"{path}: eos_token_id = {shown(ids)}: must be an id below {vocabulary}, or a list of such")
    return tuple(dict.fromkeys(found))


def _integer(name: str, keys: tuple[str, ...]) -> int:
    folder = _here(name)
    config = read_config(folder)
    found = next((config[key] for key in keys if key in config), None)
    if type(found) is not int or found < 1:
        expected = " or ".join(keys)
        raise ConfigError(
            f"{folder / 'config.json'}: {expected} expected in a model's configuration, a whole number from 1"
        )
    return found


def _local(name: str) -> Path | None:
    """The folder of a path, or of a hub id that lies whole in the hub's cache here. Never reaches the network."""
    if Path(name).is_dir():
        return Path(name)
    if Path(name).is_absolute():
        return None
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=FILES, local_files_only=True))
    except (OSError, ValueError):
        return None


def _here(name: str) -> Path:
    folder = _local(name)
    if folder is None:
        raise ConfigError(f"{name}: neither a folder nor downloaded yet, and of no pair recorded here (sqsim cache)")
    return folder


def _fetched(name: str) -> Path:
    """The folder of a path or hub id, downloaded when it must be. Raises ConfigError without safetensors."""
    folder = _local(name)
    if folder is None:
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(name, allow_patterns=FILES))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{name}: neither a folder nor a model the hub gives ({first_line(error)})") from error
    if not any(folder.glob("*.safetensors")):
        raise ConfigError(f"{name}: no safetensors in it; save the model as safetensors first")
    return folder
