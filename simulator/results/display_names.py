"""Display names for figures, tables and sentences, in one table, and a curve's name in these words: `k_sqs k=16
loss=bernoulli` of the tables is `K-SQS, K = 16, loss independent`."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from simulator.results.units import quantity, title

SERVING: Final = ("scheme.depth", "scheme.cloud_first", "scheme.partial", "scheme.prepared", "scheme.prepared_at")
"""The columns that say how a request is served."""

NAMES: Final[dict[str, str]] = {
    # schemes, by the papers that brought them
    "k_sqs": "K-SQS",
    "c_sqs": "C-SQS",
    "dense": "dense lattice (Q-S)",
    "s_q": "S-Q",
    "dssd": "DSSD",
    "half_dense": "dense fp16",
    "remote_drafter": "remote drafter (ids only)",
    "half_top_k": "top-K fp16 (TK-SLT)",
    "truncated_fp16": "top-K fp16 (TK-SLT)",
    "coupled": "coupled (ids only)",
    "coupled_tree": "coupled tree (ids only)",
    "ids_only_greedy": "greedy (ids only)",
    "cloud_only": "cloud only",
    "edge_only": "edge only",
    "colocated": "co-located speculation",
    "prompt_lookup": "prompt lookup (ids only)",
    "colocated_lookup": "co-located prompt lookup",
    "composed": "composed",
    "rungs": "rungs",
    # sparsifiers, quantizers, codes
    "all": "all of V",
    "top_k": "top-K",
    "top_p": "top-p",
    "min_p": "min-p",
    "threshold": "fixed threshold",
    "conformal": "conformal threshold",
    "entropy_k": "K by entropy",
    "running_quantile": "running quantile",
    "halves": "fp16",
    "dual": "dual lattice",
    "cubic": "cubic lattice",
    "logarithmic": "logarithms",
    # links
    "bernoulli": "independent",
    "gilbert_elliott": "in bursts",
    "bit_errors": "by bit errors, of a full packet",
    "trace": "as recorded",
    "none": "none",
    # policies
    "ucb_specstop": "UCB-SpecStop",
    # models and machines of the clock
    "sotu": "sotu",
    "smollm2": "SmolLM2",
    "gpt2": "GPT-2",
    "gpt_neo": "GPT-Neo",
    "opt": "OPT",
    "pythia": "Pythia",
    **{f"opt_{size}": f"OPT-{size.upper()}" for size in ("125m", "1.3b", "2.7b", "6.7b", "13b")},
    **{f"gpt_neo_{size}": f"GPT-Neo-{size.upper()}" for size in ("125m", "1.3b", "2.7b")},
    **{f"pythia_{size}": f"Pythia-{size.upper()}" for size in ("160m", "410m", "1.4b", "2.8b", "6.9b")},
    **{f"smollm2_{size}": f"SmolLM2-{size.upper()}" for size in ("135m", "360m", "1.7b")},
    **{f"llama_2_{size}": f"Llama-2-{size.upper()}" for size in ("7b", "13b", "70b")},
    **{f"llama_3.2_{size}": f"Llama-3.2-{size.upper()}" for size in ("1b", "3b")},
    **{f"llama_3.1_{size}": f"Llama-3.1-{size.upper()}" for size in ("8b", "70b")},
    **{f"qwen2.5_{size}": f"Qwen2.5-{size.upper()}" for size in ("0.5b", "1.5b", "7b")},
    "tinyllama_1.1b": "TinyLlama-1.1B",
    "mistral_7b": "Mistral-7B",
    "jetson_orin_nano_8gb": "Jetson Orin Nano",
    "jetson_orin_nano_super_8gb": "Jetson Orin Nano Super",
    "jetson_agx_orin_32gb": "Jetson AGX Orin",
    "jetson_agx_orin_64gb": "Jetson AGX Orin",
    "raspberry_pi_5": "Raspberry Pi 5",
    "apple_m2": "Apple M2",
    "rtx_3090": "RTX 3090",
    "rtx_4090": "RTX 4090",
    "t4": "T4",
    "l4": "L4",
    "a10": "A10",
    "l40s": "L40S",
    "a100_40gb_sxm": "A100",
    "a100_80gb_sxm": "A100",
    "h100_80gb_sxm": "H100",
    "h200_141gb_sxm": "H200",
    "b200_sxm": "B200",
    "mi300x": "MI300X",
    # measured passes: the model on its machine
    "oneplus12_llama_1b": "Llama-3.2-1B on OnePlus 12",
    "oneplus12_llama_3b": "Llama-3.2-3B on OnePlus 12",
    "pi5_qwen2_5_0_5b": "Qwen2.5-0.5B on Raspberry Pi 5",
    "orin_nano_smollm2_135m": "SmolLM2-135M on Jetson Orin Nano Super",
    "orin_nano_lfm2_1_2b": "LFM2-1.2B on Jetson Orin Nano Super",
    "laptop_rtx4060_llama_8b": "Llama-3.1-8B on a laptop's RTX 4060",
    "t4_gemma3_1b": "Gemma-3-1B on T4",
    "a100_13b": "13B on A100",
    "h100_1_7b": "Qwen3-1.7B on H100",
    "h100_32b": "Qwen3-32B on H100",
    "gpu80gbx2_70b": "70B on two 80 GB GPUs",
    "h100x2_70b_fp8": "70B in FP8 on two H100s",
    "a100x4_70b": "70B on four A100s",
    "h100x4_70b": "70B on four H100s",
    # pairs of published acceptance: drafter / verifier
    "llama_1b_70b": "Llama-3.2-1B / Llama-3.3-70B",
    "qwen3_1_7b_32b": "Qwen3-1.7B / Qwen3-32B",
    "qwen2_5_0_5b_72b": "Qwen2.5-0.5B / Qwen2.5-72B",
    "qwen2_5_0_5b_coder_32b_code": "Qwen2.5-0.5B / Qwen2.5-Coder-32B, a code prompt",
    "qwen2_5_0_5b_coder_32b_prose": "Qwen2.5-0.5B / Qwen2.5-Coder-32B, a prose prompt",
    "eagle3_llama_8b": "EAGLE-3 / Llama-3.1-8B",
    "eagle3_qwen3_8b": "EAGLE-3 / Qwen3-8B",
    "eagle3_qwen3_8b_four_tasks": "EAGLE-3 / Qwen3-8B, four tasks",
    **{f"eagle3_qwen3_{size}": f"EAGLE-3 / Qwen3-{size.upper()}" for size in ("32b", "4b", "14b")},
    "eagle3_qwen3_32b_greedy": "EAGLE-3 / Qwen3-32B, T = 0",
    "eagle3_qwen3_1_7b": "EAGLE-3 / Qwen3-1.7B",
    "eagle3_qwen3_30b_a3b": "EAGLE-3 / Qwen3-30B-A3B",
    "dflash_qwen3_4b": "DFlash / Qwen3-4B",
    **{f"dflash_qwen3_4b_{task}": f"DFlash / Qwen3-4B, {task}" for task in ("code", "math")},
    **{f"vicuna_68m_{size}": f"Vicuna-68M / Vicuna-{size.upper()}" for size in ("7b", "13b", "33b")},
}
"""Kinds and names as figures write them; any other loses its underscores."""
FIELDS: Final[dict[str, str]] = {
    "k": "K",
    "K": "K",
    "max_drafts": "L",
    "L": "L",
    "resolution": r"$\ell$",
    "ell": r"$\ell$",
    "initial": r"$\beta_1$",
    "beta_1": r"$\beta_1$",
    "beta": r"$\beta$",
    "step": r"$\eta$",
    "eta": r"$\eta$",
    "target": r"$\alpha$",
    "alpha": r"$\alpha$",
    "budget_bits": "B",
}
"""Fields that the papers write as a symbol, in the markup of figures."""
_IN_TEXT: Final = {r"$\ell$": "ℓ", r"$\beta_1$": "β₁", r"$\beta$": "β", r"$\eta$": "η", r"$\alpha$": "α"}
_WORDS = re.compile(r" (?=[A-Za-z_][A-Za-z_0-9]*=)")


def words_of(curve: str) -> tuple[str, dict[str, str]]:
    """Scheme and {field: value} of a curve's name; a value may hold blanks."""
    scheme, *fields = _WORDS.split(curve)
    return scheme, {name: value for name, _, value in (word.partition("=") for word in fields)}


def curve_of(scheme: str, fields: Mapping[str, str]) -> str:
    return " ".join([scheme, *(f"{name}={value}" for name, value in fields.items())])


def serving_mode(row: Mapping[str, object]) -> str:
    """The serving mode of a row of flat columns, in words: `waits`, `the cloud starts, drafts 1 ahead`."""
    depth, starts, parts, prepared, at = (row.get(column) for column in SERVING)
    words = {"the cloud starts": starts, f"drafts {depth} ahead": depth, "sends parts": parts,
             "sends prepared rounds ahead" if at == "cloud" else "prepares rounds": prepared}  # fmt: skip
    return ", ".join(word for word, so in words.items() if so) or "waits"


def serving_mark(row: Mapping[str, object]) -> str:
    """The same as a mark of figures: `2*`, "" where the edge waits. Parts have none."""
    depth, starts, _, prepared, at = (row.get(column) for column in SERVING)
    branches = ("P" if at == "cloud" else "p") if prepared else ""
    return f"{depth or ''}{branches}{'*' if starts else ''}"


_SERVED: Final = {column: column.rpartition(".")[2] for column in SERVING}


def _served(words: Mapping[str, str]) -> str:
    """The serving mode of a curve's name, with the number of rounds that it prepares."""
    row = {column: "" if word in ("0", "False") else word for column, word in words.items()}
    number = row["scheme.prepared"]
    return re.sub("(prepares|sends(?= prepared))", rf"\1 {number}", serving_mode(row))


MARKS: Final = (
    "Digit: rounds drafted ahead; p: prepared; P: prepared and sent; *: the cloud starts; none: the edge waits."
)


@dataclass(frozen=True)
class DisplayNames:
    """The names that a person reads; `labels`, a user's own of curves, words, fields and axes, come first."""

    labels: Mapping[str, str] = field(default_factory=dict)

    def curve(self, name: str) -> str:
        if name in self.labels:
            return self.labels[name]
        scheme, fields = words_of(name)
        served = (
            {column: fields.pop(word) for column, word in _SERVED.items()} if {*_SERVED.values()} <= {*fields} else {}
        )
        settings = [self.setting(each, value) for each, value in fields.items()]
        return ", ".join([self.word(scheme), *settings, *([_served(served)] if served else [])])

    def word(self, name: object) -> str:
        """A kind, a model, a machine."""
        word = str(name)
        return self.labels.get(word) or NAMES.get(word) or word.replace("_", " ")

    def symbol(self, name: str) -> str:
        """A field as the papers write it, "" where they do not."""
        symbol = self.labels.get(name, FIELDS.get(name, ""))
        return _IN_TEXT.get(symbol, symbol)

    def setting(self, name: str, value: str) -> str:
        """`k`, `16` -> `K = 16`; `coherence_s`, `0.02` -> `coherence 20 ms`; `loss`, `bernoulli` -> `loss
        independent`."""
        symbol = self.symbol(name)
        if value in ("True", "False"):
            return ("" if value == "True" else "no ") + (symbol or title(name))
        try:
            text = quantity(float(value), name, _digits(value))
        except ValueError:
            text = self.word(value)
        if symbol:
            return f"{symbol} = {text}"
        text = text.removesuffix(f" {title(name).rpartition(' ')[2]}")  # `prompt tokens 8`, whose unit is in its name
        return text if name in ("pair", "drafter", "verifier", "label") else f"{title(name)} {text}"

    def threshold(self, row: Mapping[Hashable, object]) -> str:
        """`η = 0.01, β₁ = 0.1`: the conformal threshold of a row, and what is not the default."""
        words = [self.setting(name, f"{row[f'scheme.{name}']:g}") for name in ("step", "initial")]
        words += [] if row["scheme.rollback"] == "through_rejection" else [self.word(row["scheme.rollback"])]
        return ", ".join([*words, *([] if row["scheme.carry"] else ["without carry"])])

    def axis(self, name: str) -> str:
        counts = name.startswith("fleet.") and name.endswith(".count")  # meters are devices, and no unit
        return self.labels.get(name) or ("number of " if counts else "") + title(name)

    def metric(self, name: str, otherwise: str) -> str:
        return self.labels.get(name, otherwise)


def letter(path: str) -> str:
    """The papers' symbol of a field as text, the last word of its name where they have none: `scheme.resolution` ->
    `ℓ`."""
    word = path.rsplit(".", 1)[-1]
    return DisplayNames().symbol(word) or word


def _digits(value: str) -> int:
    """Returns the number of digits with which a number with a point is shown: all that a curve's name has, so that no
    two look alike."""
    return max(3, len(value.partition("e")[0].strip("-0.").replace(".", ""))) if "." in value else 3
