"""Two models and prompts of your own: any causal language models of the transformers library that share a vocabulary.

    python examples/own_pair.py

Without arguments it lays two bundled models into results/own_pair as a model of yours would lie there (config.json,
safetensors, tokenizer) and runs them on `my_prompts.jsonl`. With arguments, DRAFTER VERIFIER PROMPTS.jsonl, it runs
those: folders or hub ids. The same from the command line, in any scenario:
`--set 'models.pair={kind: huggingface, drafter: FOLDER, verifier: FOLDER, prompts: my_prompts.jsonl}'`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from models.bundled.sotu import Sotu
from sqsim import Cell, simulate

MY_PROMPTS = Path(__file__).parent / "my_prompts.jsonl"


def saved(rung: str, folder: Path) -> Path:
    """A folder with a bundled model of so many parameters, as the transformers library saves one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(Sotu.home / rung / name, folder)
    PreTrainedTokenizerFast(tokenizer_file=str(Sotu.home / "tokenizer.json")).save_pretrained(folder)
    return folder


def main(drafter: str, verifier: str, prompts: str) -> None:
    """Prints how often the drafts of this pair are accepted, and what a token costs under K-SQS."""
    pair = {"kind": "huggingface", "drafter": drafter, "verifier": verifier, "prompts": prompts, "device": "cpu"}
    workload = {"kind": "closed", "requests": 3, "prompt_tokens": 16, "output_tokens": 24}
    result = simulate(Cell.from_fields({"models": {"pair": pair}, "workload": workload, "scheme": "k_sqs"}))
    for name in ("acceptance_rate", "payload_bits_per_token", "latency_per_token_s"):
        print(f"{name:<24}{result.summary[name]:.4g}")
    print(result.requests[["prompt", "rounds", "latency_s"]].to_string(index=False))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        main(*sys.argv[1:])
    else:
        home = Path("results/own_pair")
        main(str(saved("100k", home / "drafter")), str(saved("1m", home / "verifier")), str(MY_PROMPTS))
