"""What was published of the acceptance of pairs, with its source. Survival is P(the first j drafts of a round all
stand); AL is tokens a verify pass, bonus included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from models.acceptance_mix import CONCENTRATION

PresetName = Literal[
    "llama_1b_70b",
    "qwen3_1_7b_32b",
    "eagle3_llama_8b",
    "eagle3_qwen3_8b",
    "eagle3_qwen3_8b_four_tasks",
    "eagle3_qwen3_32b",
    "vicuna_68m_7b",
    "vicuna_68m_13b",
    "vicuna_68m_33b",
    "qwen2_5_0_5b_72b",
    "qwen2_5_0_5b_coder_32b",
]


@dataclass(frozen=True)
class Figures:
    """What is known of a pair: survival by position, or AL alone, about which a Beta law is spread."""

    verifier: str
    drafter: str
    vocabulary: int
    drafts: int
    """L, of the rounds that were measured."""
    survival: tuple[float, ...] = ()
    accepted_length: float = 0.0
    """Where survival is not known."""
    concentration: float = CONCENTRATION
    task: str = ""
    temperature: float = 0.0
    """That it was measured at, and that it is refused at any other than."""
    source: str = ""
    assumed: str = ""
    """What the source leaves open, and stands here by our reading."""


def _llama(verifier: str, drafter: str, survival: tuple[float, ...], task: str, source: str) -> Figures:
    return Figures(f"meta-llama/{verifier}", drafter, 128_256, len(survival), survival, task=task, source=source)


def _qwen(verifier: str, drafter: str, survival: tuple[float, ...], task: str, source: str) -> Figures:
    return Figures(f"Qwen/{verifier}", drafter, 151_936, len(survival), survival, task=task, source=source)


def _angelslim(verifier: str, length: float) -> Figures:
    """Depth of its draft trees: that of the EAGLE-3 code, 7, is assumed."""
    return Figures(
        f"Qwen/{verifier}",
        f"AngelSlim/{verifier}_eagle3",
        151_936,
        7,
        accepted_length=length,
        task="MT-Bench, HumanEval, GSM8K, Alpaca",
        temperature=1.0,
        source="AngelSlim documentation",
        assumed="7 drafts a round",
    )


def _vicuna(size: str, length: float) -> Figures:
    return Figures(
        f"lmsys/vicuna-{size}-v1.3",
        "double7/vicuna-68m",
        32_000,
        5,
        accepted_length=length,
        task="Spec-Bench",
        source="Spec-Bench leaderboard",
        assumed="5 drafts a round",
    )


def _qwen2_5(verifier: str, share: float, task: str) -> Figures:
    """A mean share of 8 drafts."""
    return Figures(
        f"Qwen/{verifier}",
        "Qwen/Qwen2.5-0.5B",
        151_936,
        8,
        accepted_length=1 + 8 * share,
        task=task,
        source=f"pestopoppa/epyc-inference-research: {share:.0%} of drafts",
        assumed="temperature 0",
    )


_VLLM_SCRIPTS = "tomasruizt/vllm-scripts"
_VLLM_TESTS = "vLLM, test_acceptance_length"
_EAGLE3 = "RedHatAI/{}-speculator.eagle3"

PRESETS: Final[dict[PresetName, Figures]] = {
    "llama_1b_70b": _llama(
        "Llama-3.3-70B-Instruct",
        "meta-llama/Llama-3.2-1B-Instruct",
        (0.83, 0.74, 0.64, 0.58, 0.54, 0.49, 0.47, 0.44),
        "InstructCoder",
        _VLLM_SCRIPTS,
    ),
    "qwen3_1_7b_32b": _qwen(
        "Qwen3-32B",
        "Qwen/Qwen3-1.7B",
        (0.76, 0.56, 0.44, 0.36, 0.28, 0.24, 0.22, 0.18),
        "InstructCoder",
        _VLLM_SCRIPTS,
    ),
    "eagle3_llama_8b": _llama(
        "Llama-3.1-8B-Instruct",
        _EAGLE3.format("Llama-3.1-8B-Instruct"),
        (0.73, 0.52, 0.35),
        "MT-Bench",
        _VLLM_TESTS,
    ),
    "eagle3_qwen3_8b": _qwen("Qwen3-8B", _EAGLE3.format("Qwen3-8B"), (0.65, 0.40, 0.20), "MT-Bench", _VLLM_TESTS),
    "eagle3_qwen3_8b_four_tasks": _angelslim("Qwen3-8B", 2.94),
    "eagle3_qwen3_32b": _angelslim("Qwen3-32B", 2.00),
    "vicuna_68m_7b": _vicuna("7b", 2.28),
    "vicuna_68m_13b": _vicuna("13b", 2.19),
    "vicuna_68m_33b": _vicuna("33b", 2.01),
    "qwen2_5_0_5b_72b": _qwen2_5("Qwen2.5-72B", 0.47, "not told"),
    "qwen2_5_0_5b_coder_32b": _qwen2_5("Qwen2.5-Coder-32B", 0.87, "code (prose: 32%)"),
}
"""EAGLE-3 drafters read the verifier's hidden states, which no link here carries: these two stand for a drafter at the
edge that is as often right. At temperature 0 AngelSlim tells AL 3.72 and 2.76."""
assert set(PRESETS) == set(get_args(PresetName))
