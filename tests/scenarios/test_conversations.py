"""The scenario `conversations` on the command line: one answer for each turn, in one sentence."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios.conversations import FIRST, FORGOTTEN, KEPT, SCENARIO, fourth_turn

TINY = (
    "--quick", "--seeds=2", "--workers=1", "--set=workload.output_tokens=6", "--set=models.pair.size=256",
    "--set=workload.text_tokens=8",
    "--grid=workload.prompt_tokens,models.pair.prompt_tokens=[[8, 8], [64, 64]]",
    "--grid=scheme=[cloud_only, {kind: coupled, max_drafts: 3}]",
)  # fmt: skip


def test_the_answer_has_the_difference_of_each_turn_by_prompt_at_both_ends() -> None:
    """Twice as fast where both ends keep the text, as slow at the first turn, slower by half where neither keeps it."""
    rows, noise = [], np.random.default_rng(2)
    for (turn, keeps, _), ratio in ((KEPT, 0.5), (FIRST, 1.0), (FORGOTTEN, 1.5)):
        for prompt in (1024, 8192):
            for seed in range(8):
                for kind, time_s in (("cloud_only", 0.03), ("coupled", 0.03 * ratio)):
                    noisy_s = time_s * float(np.exp(noise.normal(0, 0.02)))
                    rows.append({
                        "cell": f"{len(rows)}", "seed": seed, "scheme.kind": kind, "workload.prompt_tokens": prompt,
                        "workload.counted_turn": turn, "workload.cloud_keeps_s": keeps, "latency_per_token_s": noisy_s,
                        "curve": kind, "edge.latency.device.name": "jetson_agx_orin_64gb",
                    })  # fmt: skip
    text = fourth_turn.report(pd.DataFrame(rows), SCENARIO.axis)
    assert re.fullmatch(
        r"at turn 4 after 1,024 kept tokens, drafting on Jetson AGX Orin takes (49|50)\.\d% less \(.*\) than "
        r"cloud only; "
        r"after 8,192 -(51|50|49)±\d%",
        text,
    )


@pytest.mark.slow
def test_the_fourth_turn_is_compared_where_the_text_is_kept_and_where_it_is_not(done, undrawn, tmp_path: Path) -> None:
    out = done("run", "conversations", *TINY, "--out=a")
    found = json.loads((tmp_path / "a" / "findings.json").read_text())
    (answer,) = [each for each in found["findings"] if each.get("answer")] or [found["answer"]]
    text = answer if isinstance(answer, str) else answer["text"]
    assert "turn 4 after 8 and 64 tokens" in text.lower() and len(text.split()) <= 40
    assert all(part in text for part in ("kept", "read anew", "turn 1")) and "(± 95%)" in out
    requests = pd.read_parquet(tmp_path / "a" / "requests.parquet")
    assert requests["turn"].max() == 4 and requests["held_in_cloud_tokens"].max() == 64 + 3 * 14 - 8
    summary = pd.read_csv(tmp_path / "a" / "chosen_and_fixed.csv")
    chosen = summary[summary["setting"] == "chosen"]  # beside them the grid's own settings, where others were chosen
    assert sorted(chosen["workload.counted_turn"].unique()) == [1, 4] and len(chosen) == 12
