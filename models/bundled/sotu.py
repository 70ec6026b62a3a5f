"""The pair `sotu`: small models of our own over a small vocabulary, for tests and the smaller scenarios."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from kinds.files import sha256_once
from models.cards import WEIGHTS, Bundled, fingerprint
from models.interface import LoadedPair, Speller
from models.prompt_files import ADDRESSES, read_prompts

END_TOKEN = 0  # what training put between two addresses
Rung = Literal["10k", "100k", "1m", "10m"]


class Sotu(Bundled):
    """Two models of our own ladder, trained on State of the Union addresses; prompts from held-out addresses."""

    summary: ClassVar[str] = "small Llama models on one 1,024-token BPE of State of the Union addresses, bundled"
    home: ClassVar[Path] = WEIGHTS / "sotu"
    texts: ClassVar[Path] = ADDRESSES

    kind: Literal["sotu"] = "sotu"
    drafter: Rung = Field(default="100k", description="rung that drafts, by its number of parameters")
    verifier: Rung = Field(default="1m", description="rung that verifies, by its number of parameters")

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(*(self._card.hash_of(name) for name in self._files), sha256_once(self.prompt_file))

    def speller(self) -> Speller:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.home / "tokenizer.json")).decode

    def load(self) -> LoadedPair:
        from tokenizers import Tokenizer

        from models.transformer import load_model

        self._card.verify(self.home, self._files)
        tokenizer = Tokenizer.from_file(str(self.home / "tokenizer.json"))
        drafter, verifier = (
            load_model(self.home / rung, self._card.hash_of(f"{rung}/model.safetensors"), "cpu")
            for rung in (self.drafter, self.verifier)
        )
        prompts = read_prompts(self.prompt_file, lambda text: list(tokenizer.encode(text).ids))
        return LoadedPair(drafter, verifier, prompts, (END_TOKEN,))

    @property
    def _files(self) -> list[str]:
        return ["tokenizer.json"] + [
            f"{rung}/{name}" for rung in (self.drafter, self.verifier) for name in ("config.json", "model.safetensors")
        ]
