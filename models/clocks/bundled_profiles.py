"""The profiles that come along by name; their tables lie in `profiles`, made by `derived_passes`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from models.clocks.cited_passes import CITED, CitedProfile

FOLDER = Path(__file__).parent / "profiles"
ProfileName = Literal[
    "pi5_qwen2_5_0_5b", "oneplus12_llama_1b", "oneplus12_llama_3b", "orin_nano_smollm2_135m", "orin_nano_lfm2_1_2b",
    "laptop_rtx4060_llama_8b", "t4_gemma3_1b", "a100_13b", "h100_1_7b", "h100_32b", "gpu80gbx2_70b", "h100x2_70b_fp8",
    "a100x4_70b", "h100x4_70b",
]  # fmt: skip
RENAMED = {"a100x2_70b": "gpu80gbx2_70b"}
"""Profiles that had another name once: that one said A100, and its source does not."""
PROFILES: dict[ProfileName, CitedProfile] = {name: CITED[name] for name in get_args(ProfileName)}
"""By name: what was measured, its source and licence, and the roofline that fills in the rest."""
