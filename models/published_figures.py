"""Published acceptance of pairs, with its source. Survival is P(the first j drafts of a round are all accepted); AL is
tokens a verify pass, bonus included.

A figure holds at its own temperature. How much of AL - 1 is left at temperature 1 of what there was at 0 is published
of nine models (`AT_0_AND_1`): between KEPT_LEAST and KEPT_MOST, KEPT in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from models.acceptance_mix import CONCENTRATION

PresetName = Literal[
    "llama_1b_70b", "qwen3_1_7b_32b", "eagle3_llama_8b", "eagle3_qwen3_8b", "eagle3_qwen3_8b_four_tasks",
    "eagle3_qwen3_32b", "eagle3_qwen3_32b_greedy", "eagle3_qwen3_1_7b", "eagle3_qwen3_4b", "eagle3_qwen3_14b",
    "eagle3_qwen3_30b_a3b",
    "vicuna_68m_7b", "vicuna_68m_13b", "vicuna_68m_33b", "qwen2_5_0_5b_72b", "qwen2_5_0_5b_coder_32b_code",
    "qwen2_5_0_5b_coder_32b_prose",
    "dflash_qwen3_4b", "dflash_qwen3_4b_code", "dflash_qwen3_4b_math",
]  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Published figures of a pair: survival by position, or AL alone, around which a Beta distribution is spread."""

    verifier: str
    drafter: str
    vocabulary: int
    drafts: int  # L, of the rounds that were measured
    survival: tuple[float, ...] = ()
    accepted_length: float = 0.0  # where survival is not known
    concentration: float = CONCENTRATION
    task: str = ""
    temperature: float = 0.0
    """The temperature that it was measured at; at a higher one it is refused, or scaled by the share of AL - 1 that is
    said to be kept, at a lower one always refused."""
    weight_bytes: float | None = field(default=2.0, repr=False)
    """A weight of the models that were measured, None where that is not told."""
    source: str = ""
    assumed: str = ""  # what the source leaves open, and stands here by our reading

    @property
    def reads_features(self) -> bool:
        """True if the drafter reads hidden states of the verifier, as those of EAGLE-3 and DFlash do."""
        return any(name in self.drafter.lower() for name in ("eagle3", "dflash"))


def _llama(verifier: str, drafter: str, survival: tuple[float, ...], task: str, source: str) -> Figures:
    return Figures(f"meta-llama/{verifier}", drafter, 128_256, len(survival), survival, task=task, source=source)


def _qwen(verifier: str, drafter: str, survival: tuple[float, ...], task: str, source: str) -> Figures:
    return Figures(f"Qwen/{verifier}", drafter, 151_936, len(survival), survival, task=task, source=source)


AT_0_AND_1: Final[dict[str, tuple[float, float]]] = {
    "Qwen3-1.7B": (2.85, 2.60),
    "Qwen3-4B": (3.03, 2.69),
    "Qwen3-8B": (3.72, 2.94),
    "Qwen3-14B": (3.49, 2.78),
    "Qwen3-32B": (2.76, 2.00),
    "Qwen3-30B-A3B": (3.42, 2.48),
    "Hunyuan-1.8B-Instruct": (3.19, 2.79),
    "Hunyuan-4B-Instruct": (2.92, 2.34),
    "Hunyuan-7B-Instruct": (4.07, 3.73),
}
"""AL with EAGLE-3 drafters at temperature 0 and at 1, mean of MT-Bench, HumanEval, GSM8K and Alpaca: AngelSlim
documentation, performance, speculative decoding benchmarks. The like of two whole models, vLLM's pull request 24322 of
Qwen3-32B with Qwen3-1.7B, could not be read."""
NEXT_CHOICE_LEAST: Final = 0.2
NEXT_CHOICE: Final = 0.3
NEXT_CHOICE_MOST: Final = 0.4
"""Share of the corrections at temperature 0 that are the drafter's next choice after its draft. Nobody publishes it of
a pair: measured on the bundled ones (docs/serving.md), with room on either side."""
KEPT_LEAST: Final = 0.57  # the least share of AL - 1 at temperature 0 that is left at 1: Qwen3-32B
KEPT: Final = 0.72  # the mean of the six Qwen3 models; the median of all nine is 0.71
KEPT_MOST: Final = 0.89  # the most: Hunyuan-7B. Of the six Qwen3 models it is 0.86


def _angelslim(verifier: str, temperature: Literal[0, 1] = 1) -> Figures:
    """Returns figures at a temperature. The depth of the draft trees, 7 as in the EAGLE-3 code, is assumed."""
    return Figures(
        f"Qwen/{verifier}", f"AngelSlim/{verifier}_eagle3", 151_936, 7, (), AT_0_AND_1[verifier][temperature],
        task="MT-Bench, HumanEval, GSM8K, Alpaca", temperature=float(temperature), source="AngelSlim documentation",
        assumed="7 drafts a round; 16-bit weights",
    )  # fmt: skip


def _vicuna(size: str, length: float) -> Figures:
    return Figures(
        f"lmsys/vicuna-{size}-v1.3", "double7/vicuna-68m", 32_000, 5, accepted_length=length, task="Spec-Bench",
        source="Spec-Bench leaderboard", assumed="5 drafts a round",
    )  # fmt: skip


def _dflash(length: float, task: str) -> Figures:
    """Blocks of 16 in a pass; the paper (arXiv 2602.06036) could not be read."""
    return Figures(
        "Qwen/Qwen3-4B", "z-lab/Qwen3-4B-DFlash-b16", 151_936, 16, accepted_length=length, task=task,
        source="data card seliny2/qwen3-4b-dflash-data, the published drafter in SGLang, without reasoning",
        assumed="16 drafts a round, by the ceiling of 17 tokens that is stated; 16-bit weights; survival by a Beta "
        "distribution; a pass makes them all (edge.drafts_per_pass: 16)",
    )  # fmt: skip


def _qwen2_5(verifier: str, share: float, task: str) -> Figures:
    return Figures(
        f"Qwen/{verifier}", "Qwen/Qwen2.5-0.5B", 151_936, 8, accepted_length=1 + 8 * share, task=task,
        weight_bytes=None, source=f"pestopoppa/epyc-inference-research: {share:.0%} of drafts",
        assumed="temperature 0; at which precision is not told",
    )  # fmt: skip


_VLLM_SCRIPTS = "tomasruizt/vllm-scripts"
_VLLM_TESTS = "vLLM, test_acceptance_length"
_EAGLE3 = "RedHatAI/{}-speculator.eagle3"

PRESETS: Final[dict[PresetName, Figures]] = {
    "llama_1b_70b": _llama("Llama-3.3-70B-Instruct", "meta-llama/Llama-3.2-1B-Instruct",
                           (0.83, 0.74, 0.64, 0.58, 0.54, 0.49, 0.47, 0.44), "InstructCoder", _VLLM_SCRIPTS),
    "qwen3_1_7b_32b": _qwen("Qwen3-32B", "Qwen/Qwen3-1.7B",
                            (0.76, 0.56, 0.44, 0.36, 0.28, 0.24, 0.22, 0.18), "InstructCoder", _VLLM_SCRIPTS),
    "eagle3_llama_8b": _llama("Llama-3.1-8B-Instruct", _EAGLE3.format("Llama-3.1-8B-Instruct"),
                              (0.73, 0.52, 0.35), "MT-Bench", _VLLM_TESTS),
    "eagle3_qwen3_8b": _qwen("Qwen3-8B", _EAGLE3.format("Qwen3-8B"), (0.65, 0.40, 0.20), "MT-Bench", _VLLM_TESTS),
    "eagle3_qwen3_8b_four_tasks": _angelslim("Qwen3-8B"),
    "eagle3_qwen3_32b": _angelslim("Qwen3-32B"),
    "eagle3_qwen3_32b_greedy": _angelslim("Qwen3-32B", 0),
    "eagle3_qwen3_1_7b": _angelslim("Qwen3-1.7B"),
    "eagle3_qwen3_4b": _angelslim("Qwen3-4B"),
    "eagle3_qwen3_14b": _angelslim("Qwen3-14B"),
    "eagle3_qwen3_30b_a3b": _angelslim("Qwen3-30B-A3B"),
    "vicuna_68m_7b": _vicuna("7b", 2.28),
    "vicuna_68m_13b": _vicuna("13b", 2.19),
    "vicuna_68m_33b": _vicuna("33b", 2.01),
    "qwen2_5_0_5b_72b": _qwen2_5("Qwen2.5-72B", 0.47, "not told"),
    "qwen2_5_0_5b_coder_32b_code": _qwen2_5("Qwen2.5-Coder-32B", 132 / 152, "one code prompt, 132 of 152 drafts"),
    "qwen2_5_0_5b_coder_32b_prose": _qwen2_5("Qwen2.5-Coder-32B", 109 / 336, "one prose prompt, 109 of 336 drafts"),
    "dflash_qwen3_4b": _dflash(3.43, "MT-Bench"),
    "dflash_qwen3_4b_code": _dflash(6.72, "HumanEval"),
    "dflash_qwen3_4b_math": _dflash(8.24, "MATH-500"),
}  # fmt: skip
"""EAGLE-3 and DFlash drafters read hidden states, which `scheme.features` sends to the edge: without it they stand for
drafters as good that read none."""
assert set(PRESETS) == set(get_args(PresetName))
