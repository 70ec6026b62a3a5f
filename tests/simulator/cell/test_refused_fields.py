"""Every field of cloud, workload and downtime refuses nonsense in one line that names it."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from cells import cell

from simulator import ConfigError

NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("cloud.servers", {"servers": 0}),
    ("cloud.servers", {"servers": 1.5}),
    ("cloud.routing", {"routing": "nearest"}),
    ("cloud.batching", {"batching": "dynamic"}),
    ("cloud.batching.cap", {"batching": {"kind": "waiting", "cap": 0}}),
    ("cloud.batching.cap", {"batching": {"kind": "none", "cap": 2}}),
    ("cloud.batching.window_s", {"batching": {"kind": "window", "window_s": -1}}),
    ("cloud.batching.window_s", {"batching": {"kind": "window", "window_s": inf}}),
    ("cloud.batching.window_s", {"batching": {"kind": "waiting", "window_s": 1}}),
    ("cloud.token_budget", {"token_budget": 0}),
    ("cloud.kv_tokens", {"kv_tokens": 0}),
    ("cloud.kv_tokens", {"kv_tokens": 40}),
    ("cloud.failures", {"failures": "sometimes"}),
    ("cloud.failures.mean_there_s", {"failures": {"kind": "random", "mean_there_s": 0}}),
    ("cloud.failures.mean_away_s", {"failures": {"kind": "random", "mean_away_s": nan}}),
    ("cloud.failures", {"failures": {"kind": "scheduled", "away": [[0, 5, 4]]}}),
    ("cloud.failures", {"failures": {"kind": "scheduled", "away": [[0, 1, 4], [0, 3, 6]]}}),
    ("cloud.failures", {"failures": {"kind": "scheduled", "away": [[0, -1, 4]]}}),
    ("cloud.failures", {"failures": {"kind": "scheduled", "away": [[0, nan, 4]]}}),
    ("cloud.failures.away", {"failures": {"kind": "scheduled", "away": [[0, 1]]}}),
    (
        "cloud: failures.away names server 2; the last one is 1",
        {"failures": {"kind": "scheduled", "away": [[2, 1, 4]]}, "servers": 2},
    ),
    ("cloud.latency", {"latency": "fast"}),
    ("cloud.drafter_latency.per_pass_s", {"drafter_latency": {"kind": "constant", "per_pass_s": -1}}),
    ("cloud.gpus", {"gpus": 4}),
    ("workload", {"kind": "bursty"}),
    ("workload.devices", {"devices": 0}),
    ("workload.devices", {"devices": 100_001}),
    ("workload.requests", {"requests": 0}),
    ("workload.prompt_tokens", {"prompt_tokens": 0}),
    ("workload.output_tokens", {"output_tokens": 0}),
    ("workload.deadline_s", {"deadline_s": 0}),
    ("workload.slo_ttft_s", {"slo_ttft_s": 0}),
    ("workload.slo_tpot_s", {"slo_tpot_s": inf}),
    ("workload.deadline_s", {"deadline_s": inf}),
    ("workload.deadline_s", {"deadline_s": "soon"}),
    ("workload.horizon_s", {"horizon_s": 0}),
    ("workload.horizon_s", {"horizon_s": nan}),
    ("workload.horizon_s", {"horizon_s": inf}),
    ("workload.think_s", {"think_s": -0.1}),
    ("workload.think_s", {"kind": "poisson", "think_s": 1}),
    ("workload.rate_per_s", {"kind": "poisson", "rate_per_s": 0}),
    ("workload.rate_per_s", {"kind": "poisson", "rate_per_s": inf}),
    ("workload.distinct", {"distinct": 0}),
    ("workload: distinct_seed", {"distinct_seed": 0}),
    ("workload.prompt_at_cloud", {"prompt_at_cloud": "where"}),
    ("workload.absences", {"absences": "often"}),
    ("workload.absences.mean_away_s", {"absences": {"kind": "random", "mean_away_s": -1}}),
    (
        "workload: absences.away names device 3; the last one is 2",
        {"absences": {"kind": "scheduled", "away": [[3, 1, 2]]}, "devices": 3},
    ),
    ("workload.path", {"kind": "arrivals"}),
    *[("scheme.budget_bits", {"kind": kind, "budget_bits": 10}) for kind in ("colocated", "edge_only", "cloud_only")],
    ("scheme.max_drafts", {"kind": "colocated", "max_drafts": 0}),
    # Seconds are not milliseconds.
    *[(f"cloud.{field}", {field: 43}) for field in ("step_s", "judge_s", "decode_s_per_draft")],
    ("edge.encode_s_per_draft", {"encode_s_per_draft": 43}),
]


@pytest.mark.parametrize(("field", "given"), NONSENSE)
def test_nonsense_is_refused_in_one_line_that_names_the_field(field: str, given: dict[str, Any]) -> None:
    part = field.replace(":", ".").split(".")[0]
    fields = {"kind": "closed", **given} if part == "workload" else given
    with pytest.raises(ConfigError) as caught:
        cell(**{part: fields})
    message = str(caught.value)
    assert "\n" not in message and (message.startswith(field) or f": {field} = " in message), message


def test_longer_prompts_of_a_pair_than_any_request_has_are_refused() -> None:
    pair, asked = {"kind": "synthetic", "prompt_tokens": 9}, {"kind": "closed", "prompt_tokens": 8}
    said = r"^models\.pair\.prompt_tokens = 9: must be at most workload\.prompt_tokens = 8, which decides$"
    with pytest.raises(ConfigError, match=said):
        cell(models={"pair": pair}, workload=asked)
    assert cell(models={"pair": pair | {"prompt_tokens": 8}}, workload=asked)
    assert cell(models={"pair": "synthetic"}, workload=asked)  # its default of 64 is nobody's wish
