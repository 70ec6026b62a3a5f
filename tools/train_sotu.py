"""Trains and measures the `sotu` ladder: small Llama models on one 1,024-token BPE over the addresses.

    python -m tools.train_sotu train [--operating points 100k 1m]     tokenizer, prompts, weights and card from the seed
    python -m tools.train_sotu evaluate                    acceptance of every pair, put in the card

Needs the `training` extra. One thread, seeded: the same machine and versions give the same weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from typing import TypedDict

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tqdm import trange
from transformers import LlamaConfig, LlamaForCausalLM

from kinds.arrays import Floats
from kinds.files import sha256
from models.bundled.sotu import Sotu
from models.interface import LoadedPair
from models.prompt_files import ADDRESSES
from models.verification import inverse_cdf, total_variation
from tools import addresses

VOCABULARY = 1024
CONTEXT = 1024
WINDOW = 512
WINDOWS = 16
WARMUP = 40
HOME = Sotu.home
TEMPERATURES = (0.0, 0.5, 1.0)  # at which acceptance is measured


@dataclass(frozen=True)
class LadderModel:
    """A model of the ladder: width d, layers, heads, feed-forward width; steps of WINDOWS windows of WINDOW tokens."""

    width: int
    layers: int
    heads: int
    feed_forward: int
    steps: int


LADDER = {
    "10k": LadderModel(width=8, layers=2, heads=2, feed_forward=24, steps=2000),
    "100k": LadderModel(width=48, layers=2, heads=3, feed_forward=128, steps=1000),
    "1m": LadderModel(width=128, layers=4, heads=4, feed_forward=384, steps=900),
    "10m": LadderModel(width=384, layers=5, heads=6, feed_forward=1120, steps=1100),
}


def train(rungs: list[str], seed: int) -> None:
    """Writes tokenizer, prompts, the named operating points' weights and the card."""
    torch.set_num_threads(1)
    HOME.mkdir(parents=True, exist_ok=True)
    tokenizer = addresses.train_tokenizer(VOCABULARY)
    tokenizer.save(str(HOME / "tokenizer.json"))
    addresses.write_prompts(ADDRESSES)
    stream = torch.from_numpy(addresses.tokens(tokenizer, held_out=False).astype("int64"))
    models = {}
    for name in rungs:
        start = time.monotonic()
        model = _train_rung(LADDER[name], stream, seed, name)
        (HOME / name).mkdir(parents=True, exist_ok=True)
        model.config.save_pretrained(HOME / name)
        weights = {key: w.half().contiguous() for key, w in model.state_dict().items() if key != "lm_head.weight"}
        save_file(weights, HOME / name / "model.safetensors", metadata={"format": "pt"})
        models[name] = {
            "recipe": asdict(LADDER[name]),
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "minutes": round((time.monotonic() - start) / 60, 1),
            "held_out": _held_out(model, tokenizer),
        }
    _write_card(tokenizer, len(stream), models, seed)


def _train_rung(rung: LadderModel, stream: torch.Tensor, seed: int, name: str) -> LlamaForCausalLM:
    """Next-token cross entropy; Muon on the blocks' matrices, AdamW elsewhere; warm-up, then linear decay to 0."""
    torch.manual_seed(seed)
    offsets = torch.Generator().manual_seed(seed)
    model = LlamaForCausalLM(_config(rung)).train()
    matrices = [w for key, w in model.named_parameters() if w.ndim == 2 and "embed" not in key]
    others = [w for key, w in model.named_parameters() if w.ndim != 2 or "embed" in key]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.0),
        torch.optim.AdamW(others, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / WARMUP, (rung.steps - step) / rung.steps)
        )
        for optimizer in optimizers
    ]
    window = torch.arange(WINDOW + 1)
    for _ in (progress := trange(rung.steps, desc=name, mininterval=5)):
        starts = torch.randint(len(stream) - WINDOW, (WINDOWS,), generator=offsets)
        loss = _loss(model, stream[starts[:, None] + window])
        torch.autograd.backward(loss)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return model.eval()


def _config(rung: LadderModel) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=rung.width,
        num_hidden_layers=rung.layers,
        num_attention_heads=rung.heads,
        num_key_value_heads=rung.heads,
        intermediate_size=rung.feed_forward,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=None,
    )


def _loss(model: LlamaForCausalLM, windows: torch.Tensor) -> torch.Tensor:
    """Mean nats a token of windows [B, T+1]; bfloat16 forward, float32 loss."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(windows[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def _held_out(model: LlamaForCausalLM, tokenizer: Tokenizer) -> dict[str, float]:
    """Cross entropy on the held-out addresses in windows of WINDOW tokens, a nat each: per token and per byte."""
    stream = torch.from_numpy(addresses.tokens(tokenizer, held_out=True).astype("int64"))
    count = (len(stream) - 1) // WINDOW
    windows = torch.stack([stream[i * WINDOW : (i + 1) * WINDOW + 1] for i in range(count)])
    losses = [_loss(model, batch).item() * len(batch) for batch in torch.split(windows, WINDOWS)]
    nats = sum(losses) / count
    text_bytes = len(tokenizer.decode(stream.tolist()).encode())
    per_byte = nats * len(stream) / text_bytes
    return {
        "nats_per_token": round(nats, 4),
        "nats_per_byte": round(per_byte, 4),
        "bits_per_byte": round(per_byte / math.log(2), 4),
    }


def _write_card(tokenizer: Tokenizer, train_tokens: int, models: dict[str, dict[str, object]], seed: int) -> None:
    path = HOME / "card.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    files = sorted(f for pattern in ("*.json", "*/*") for f in HOME.glob(pattern) if f != path)
    card = {
        "data": addresses.provenance() | {"train_tokens": train_tokens},
        "recipe": "Llama, tied embedding, RoPE; cross entropy; Muon (lr .02, momentum .95) on matrices, AdamW (4e-3) "
        f"elsewhere; {WINDOWS} windows of {WINDOW} tokens a step; bfloat16 autocast; one thread; saved as fp16",
        "seed": seed,
        "vocabulary": tokenizer.get_vocab_size(),
        "context_tokens": CONTEXT,
        "models": known.get("models", {}) | models,
        "sha256": {str(f.relative_to(HOME)): sha256(f) for f in files},
    }
    path.write_text(json.dumps(card, indent=2) + "\n")


def evaluate() -> None:
    """Measures the acceptance of every smaller operating point by every larger one, and puts it in the card."""
    path = HOME / "card.json"
    tables = {}
    for drafter, verifier in itertools.combinations(LADDER, 2):
        pair = Sotu.model_validate({"drafter": drafter, "verifier": verifier}).load()
        table = tables[f"{drafter} for {verifier}"] = acceptance_table(pair)
        text = ", ".join(f"{value:.3f} at {heat}" for heat, value in table["temperatures"].items())
        print(f"{drafter} for {verifier}: acceptance {text}", flush=True)
        card = json.loads(path.read_text()) | {"acceptance": tables}
        path.write_text(json.dumps(card, indent=2) + "\n")


class AcceptanceTable(TypedDict):
    """Acceptance, the mean of sum_x min(p, q) over the verifier's own continuations of prompts, by temperature, over
    all prompts and by their kind. At temperature 0 it is the share of positions where both prefer the same token."""

    prompts: int
    prompt_tokens: int
    new_tokens: int
    seed: int
    temperatures: dict[str, float]
    by_kind: dict[str, dict[str, float]]


def acceptance_table(pair: LoadedPair, new_tokens: int = 64) -> AcceptanceTable:
    """Acceptance at each of TEMPERATURES on `new_tokens` sampled tokens after each prompt's first 64."""
    prompt_tokens, seed = 64, 0
    by_kind: dict[str, dict[str, list[float]]] = {}
    for temperature in TEMPERATURES:
        for index, prompt in enumerate(pair.prompts):
            uniforms = np.random.default_rng([seed, index]).random(new_tokens)
            values = _on_own_text(pair, prompt.tokens[:prompt_tokens], temperature, uniforms)
            by_kind.setdefault(prompt.kind, {}).setdefault(f"{temperature:g}", []).append(values)
    kinds = {kind: {t: round(float(np.mean(v)), 4) for t, v in rows.items()} for kind, rows in by_kind.items()}
    pooled = {
        f"{t:g}": round(float(np.mean([v for rows in by_kind.values() for v in rows[f"{t:g}"]])), 4)
        for t in TEMPERATURES
    }
    return AcceptanceTable(
        prompts=len(pair.prompts),
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        seed=seed,
        temperatures=pooled,
        by_kind=kinds,
    )


def _on_own_text(pair: LoadedPair, prompt: tuple[int, ...], temperature: float, uniforms: Floats) -> float:
    """Mean of 1 - TV(p, q) along one continuation drawn from the verifier."""
    text, distributions = prompt, []
    opened = pair.verifier.open(temperature)
    for u in uniforms:
        distributions.append(opened.distributions(text, 1)[0])
        text += (inverse_cdf(distributions[-1], float(u)),)
    q = pair.drafter.open(temperature).distributions(text[:-1], len(uniforms))
    return float(1 - total_variation(np.array(distributions), q).mean())


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="tools.train_sotu", description="the sotu ladder of small models")
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="tokenizer, prompts, weights and card from the seed")
    training.add_argument("--rungs", nargs="+", choices=list(LADDER), default=list(LADDER))
    training.add_argument("--seed", type=int, default=0)
    commands.add_parser("evaluate", help="acceptance of every pair, printed and put in the card")
    chosen = parser.parse_args(arguments)
    if chosen.command == "train":
        train(chosen.rungs, chosen.seed)
    else:
        evaluate()


if __name__ == "__main__":
    main(sys.argv[1:])
