"""Nonsense in a field, and fields that do not go together, are refused in one line that names the field."""

from math import inf, nan
from typing import Any

import pytest
from cells import cell, link

from simulator import Cell, ConfigError

NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("cloud.servers", {"servers": 0}),
    ("cloud.servers", {"servers": 1.5}),
    ("cloud.batching", {"batching": "dynamic"}),
    ("cloud.batching.cap", {"batching": {"kind": "waiting", "cap": 0}}),
    ("cloud.batching.cap", {"batching": {"kind": "none", "cap": 2}}),
    ("cloud.batching.window_s", {"batching": {"kind": "window", "window_s": -1}}),
    ("cloud.batching.window_s", {"batching": {"kind": "window", "window_s": inf}}),
    ("cloud.batching.window_s", {"batching": {"kind": "waiting", "window_s": 1}}),
    ("cloud.token_budget", {"token_budget": 0}),
    ("cloud.kv_tokens", {"kv_tokens": 0}),
    ("cloud.kv_tokens", {"kv_tokens": 40}),
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
    ("workload.prompt_at_cloud", {"prompt_at_cloud": "where"}),
    ("workload.absences", {"absences": "often"}),
    ("workload.absences.mean_there_s", {"absences": {"kind": "random", "mean_there_s": 0}}),
    ("workload.absences.mean_away_s", {"absences": {"kind": "random", "mean_away_s": -1}}),
    ("workload.absences.mean_away_s", {"absences": {"kind": "random", "mean_away_s": nan}}),
    ("workload.absences", {"absences": {"kind": "scheduled", "away": [[0, 5, 4]]}}),
    ("workload.absences", {"absences": {"kind": "scheduled", "away": [[0, 1, 4], [0, 3, 6]]}}),
    ("workload.absences", {"absences": {"kind": "scheduled", "away": [[0, -1, 4]]}}),
    ("workload.absences", {"absences": {"kind": "scheduled", "away": [[0, nan, 4]]}}),
    ("workload.absences.away", {"absences": {"kind": "scheduled", "away": [[0, 1]]}}),
    (
        "workload: absences.away names device 3; the last one is 2",
        {"absences": {"kind": "scheduled", "away": [[3, 1, 2]]}, "devices": 3},
    ),
    ("workload.path", {"kind": "arrivals"}),
    *[("scheme.budget_bits", {"kind": kind, "budget_bits": 10}) for kind in ("colocated", "edge_only", "cloud_only")],
    ("scheme.max_drafts", {"kind": "colocated", "max_drafts": 0}),
    *[
        (f"scheme.{field}", {"kind": "k_sqs", field: value})
        for field, value in {"max_drafts": 2000, "resolution": 0, "budget_bits": 0, "k": 1.5}.items()
    ],
    ("models.temperature", {"temperature": -1}),
    # Seconds are not milliseconds.
    *[(f"cloud.{field}", {field: 43}) for field in ("step_s", "judge_s", "decode_s_per_draft")],
    ("edge.encode_s_per_draft", {"encode_s_per_draft": 43}),
]


def ahead(scheme: str, told: str, **fields: object) -> tuple[dict[str, object], str]:
    """What does not go with rounds under way."""
    return {"scheme": {"kind": scheme, "depth": 1, **fields}}, told


REPLIES = {"kind": "token", "token": "coded"}
TAIL: dict[str, object] = {"transmit_w": 1, "receive_w": 1}
TALK: dict[str, object] = {"kind": "conversations", "conversations": 1, "turns": 3, "prompt_tokens": 7,
                           "text_tokens": 4, "output_tokens": 9}  # fmt: skip
SIDE_BY_SIDE: dict[str, object] = {"edge.concurrency": 2, "workload.kind": "poisson"}
TOLD: list[tuple[dict[str, Any], str]] = [
    # what was probably meant
    ({"uplink.rate.bps": "10 s"}, "uplink.rate.bps = '10 s': must be a number of bit/s, such as 10k or 10 kbit/s"),
    ({"fleet": [{"uplink": {"access_s": "1 bit"}}]}, "fleet.0.uplink.access_s = '1 bit': must be a number of s"),
    ({"fleet": {"a": {}, "b": {"uplink": {"access_s": "1 bit"}}}}, "fleet.b.uplink.access_s = '1 bit'"),
    ({"fleet": {"a": {}, "b": {"count": 0}}}, "fleet.b.count = 0: should be greater than or equal to 1"),
    ({"seed": -1}, "seed = -1: should be greater than or equal to 0"),
    ({"seed": 1.5}, "seed = 1.5: should be a valid integer"),
    ({"models.pair": {"kind": "sotu", "drafter": "5k"}}, "models.pair.drafter = '5k'"),
    ({"fleet": [{"name": "a"}, {"name": "a", "count": 0}]}, "fleet.1.count = 0: should be"),
    ({"uplink.rate.bsp": 3}, "uplink.rate.bsp: no cell has such a field; did you mean uplink.rate.bps"),
    ({"uplink": {"rate.bsp": 3}}, "uplink.rate.bsp: no cell has such a field; did you mean uplink.rate.bps"),
    ({"uplinc": {}}, "uplinc: no such field; did you mean uplink?"),
    ({"uplink": {"mtu_bit": 3}}, "uplink.mtu_bit = 3: no such field; did you mean mtu_bits?"),
    ({"scheme": {"kind": "k_sqs", "maxdrafts": 3}}, "scheme.maxdrafts = 3: no such field; did you mean max_drafts?"),
    ({"uplink": {"rate": {"kind": "constnt"}}}, "did you mean constant?"),
    # power and prices
    ({"edge.power": "raspbery_pi_5"}, "did you mean raspberry_pi_5? `sqsim list powers` has them all; or write"),
    ({"edge.power": {"busy_w": -1}}, "edge.power.busy_w = -1"),
    ({"edge.power": {"idle_w": 1}}, "edge.power.busy_w"),
    ({"cloud.power": {"busy_w": inf}}, "cloud.power.busy_w = inf"),
    ({"cloud.usd_per_gpu_hour": -1}, "cloud.usd_per_gpu_hour"),
    ({"cloud.usd_per_gpu_hour": "h100_specialist"}, "'h100_specialist': must be US dollars, or one of a100_specialist"),
    ({"cloud.gpus": 0}, "cloud.gpus = 0"),
    ({"cloud.charged": "all"}, "cloud.charged = 'all'"),
    ({"uplink.power_w": "nb_iott"}, "uplink.power_w = 'nb_iott': must be a number of W, such as 15 W or 500 mW"),
    ({"uplink.power_w": -1}, "uplink.power_w"),
    ({"uplink.power_w": "lte", "downlink.power_w": "wifi"}, "downlink.power_w = wifi: must be that of uplink, lte, si"),
    ({"uplink.radio": "lte_dxr"}, "did you mean lte_drx"),
    ({"uplink.radio": "lte", "uplink.power_w": 1}, "power_w = 1.0: must be null where radio states what it draws"),
    ({"uplink.radio": TAIL | {"idle_w": 0.1}}, "tail: must be given where idle_w"),
    ({"uplink.radio": TAIL | {"tail": [[1, 2], [1, 2]]}}, "each later than the last"),
    ({"uplink.radio": "lte", "downlink.radio": "wifi"}, "downlink.radio = wifi: must be that of uplink, lte"),
    # classes of devices
    ({"fleet": [{"count": 2}], "workload.devices": 3}, "workload.devices = 3: must be the fleet's total, 2"),
    ({"fleet": [{"count": 0}]}, "fleet.0.count = 0: "),
    ({"fleet": [{"name": ""}]}, "fleet.0.name = '': "),
    ({"fleet": [{}, {"scheme": "nonsense"}], "workload.devices": 2}, "fleet.1.scheme.kind = 'nonsense': "),
    ({"fleet": [{"scheme": {"kind": "k_sqs", "k": 65}}]}, "fleet.0.scheme.k = 65: must be at most the vocabulary, 64"),
    ({"fleet": [{"edge": {"encode_s_per_draft": -1}}]}, "fleet.0.edge.encode_s_per_draft = -1: "),
    ({"fleet": [{"uplink": link(1e5, 0.3)}]}, "fleet.0.uplink.arq.timeout_s = 0.2: must be at least one round trip"),
    ({"fleet": {"a": {"colour": "red"}}}, "fleet.a.colour = 'red': no such field; a class may hold name, count"),
    ({"fleet": {"a": {"workload": {"horizon_s": 3.0}}}}, "fleet.a.workload.horizon_s = 3.0: must be the cell's"),
    ({"fleet": {"a": {"workload": {"colour": 1}}}}, "fleet.a.workload.colour = 1: no such field"),
    ({"fleet": {"all devices": {}}}, "fleet.all devices.name = 'all devices': must be no number, not 'all devices'"),
    ({"fleet": {"a.b": {}}}, "fleet.a.b.name = 'a.b': "),
    ({"fleet": [{"name": "a", "workload": {}}, {"name": "a", "workload": {}}]}, "fleet.0.name = 'a': another class"),
    ({"fleet": {"a": {"prompts": []}}}, "fleet.a.prompts = "),
    ({"fleet": 3}, "fleet = 3: "),
    ({"percentiles": ["ttft_p42_s"]}, "percentiles.0 = 'ttft_p42_s': "),
    # the cloud
    *[({"cloud.kv_tokens": each}, "cloud.kv_tokens = ") for each in (0, -1, 2.5, True, "much", "memroy")],
    *[({"edge.drafts_per_pass": drafts}, "edge.drafts_per_pass = ") for drafts in (0, 1_025, 1.5)],
    # links and prompts
    ({"uplink.half_duplex": "device"}, "uplink.half_duplex = device: must be that of downlink, null, since both ways"),
    ({"models.pair.prompt_tokens": 9, "workload.prompt_tokens": 8},
     "models.pair.prompt_tokens = 9: must be at most workload.prompt_tokens = 8, which decides"),
    # both ways of a link
    ({"uplink.listens": "after_sending"}, "uplink.listens = after_sending: must be always; "),
    *[({"downlink.listens": "after_sending", **fields}, told) for fields, told in (
        ({"uplink.sharing": "processor"}, "uplink.sharing = processor: must send one packet at a time"),
        ({"uplink": link(1e5, 2.5, arq={"kind": "stop_and_wait", "timeout_s": 9})},
         "downlink.listens.delays_s = (1.0, 2.0): must last until a frame is up, 2.5 s"),
        ({"uplink": link(1e5)}, "uplink.arq.timeout_s = 0.2: must be at least one round trip, 1."),
        ({"edge.concurrency": 2, "uplink": link(1e5, arq={"kind": "stop_and_wait", "timeout_s": 9}),
          "workload.kind": "poisson"}, "edge.concurrency = 2: must be 1 where a device hears only after sending"),
    )],
    # requests side by side: the other one, which has the processor when a round has ended, delays parts that wait
    *[({"scheme": {"kind": "k_sqs", "depth": 1, "cloud_first": first}, **SIDE_BY_SIDE},
       "edge.concurrency = 2: must be 1 where rounds are drafted ahead") for first in (False, True)],
    *[({"scheme": {"kind": "k_sqs", "partial": True}, **SIDE_BY_SIDE, "uplink": link(1e5, sharing=sharing)},
       "edge.concurrency = 2: must be 1 where parts of a round leave in turn")
      for sharing in ("round_robin", "processor")],
    ({"edge.concurrency": 2, "edge.gateway": "waiting"}, "edge.concurrency = 2: must be 1 at a gateway, whose users"),
    ({"edge.gateway": "waiting", "edge.power": "raspberry_pi_5"}, "edge.power: must be null with edge.gateway"),
    ({"edge.gateway": {"kind": "waiting", "cap": 0}}, "edge.gateway.cap = 0"),
    # conversations
    *[({"workload": TALK | fields}, told) for fields, told in (
        ({"turns": 0}, "turns = 0: must be at least 1"),
        ({"turns": {"kind": "log_normal", "median": 3}}, "give turns, text_tokens a smaller value or most"),
        ({"counted_turn": 4}, "counted_turn = 4: must be a turn that some conversation has, at most 3"),
        ({"counted_turn": 1, "learning_requests": 2}, "learning_requests = 2: must leave some turn 1 to count"),
        ({"turns": 2000}, "must be at most the pair's context"),
        ({"think_s": {"kind": "log_normal", "median": 9, "most": 3}}, "median = 9: must be at most most = 3"),
        ({"think_s": -1}, "greater than or equal to 0"),
        ({"cloud_keeps_s": -1}, "greater than or equal to 0"),
        ({"learning_requests": 3}, "must leave some to count"),
    )],
    # rounds under way
    ahead("k_sqs", "scheme.depth = 1: must be 0 with partial rounds, ", partial=True),
    ahead("k_sqs", "scheme.depth = 17: ", depth=17),
    ahead("composed", "scheme.depth = 1: must be 0 with policy 'qs_heuristic'", policy="qs_heuristic"),
    ahead("rungs", "scheme.depth = 1: must be 0 with partial rounds, ", partial=True),
    ahead("rungs", "scheme.depth = 1: must be 0 with policy 'goodput'", policy="goodput"),
    ahead("k_sqs", "depth = 1: must be 0 where the token of a reply is coded", reply_token="coded"),
    ahead("composed", "depth = 1: must be 0 where the token of a reply is coded", reply=REPLIES),
    # rounds that are prepared
    ahead("k_sqs", "scheme.prepared = 4: must be 0 where rounds are drafted ahead", prepared=4),
    *[({"scheme": {"prepared": 4, **fields}, **others}, told) for fields, others, told in (
        ({"kind": "tree"}, {}, "scheme.prepared = 4: must be 0 with a tree"),
        ({"kind": "k_sqs", "partial": True}, {}, "scheme.prepared = 4: must be 0 with partial rounds"),
        ({"kind": "dssd"}, {}, "scheme.prepared = 4: must be 0 where the edge draws the corrections"),
        ({"kind": "rungs", "policy": "goodput"}, {}, "scheme.prepared = 4: must be 0 with policy 'goodput'"),
        ({"kind": "k_sqs"}, SIDE_BY_SIDE, "edge.concurrency = 2: must be 1 where rounds are prepared"),
        ({"kind": "k_sqs", "prepared_at": "cloud"}, SIDE_BY_SIDE, "edge.concurrency = 2: must be 1 where rounds are"),
        ({"kind": "tree", "prepared_at": "cloud"}, {}, "scheme.prepared = 4: must be 0 with a tree"),
        ({"kind": "k_sqs", "prepared": 0, "prepared_at": "cloud"}, {}, "prepared_at = cloud: must be edge where no"),
        ({"kind": "k_sqs"}, {"edge.drafts_per_pass": 2}, "edge.drafts_per_pass = 2: must be 1 where rounds are"),
    )],
]  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), TOLD)
def test_what_does_not_go_together_is_told_in_one_line(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Cell.from_fields({"models.pair": {"kind": "synthetic", "size": 64}, **fields})
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_parts_that_are_served_first_come_go_beside_other_requests() -> None:
    scheme, edge = {"kind": "k_sqs", "partial": True}, {"concurrency": 2}
    assert cell(scheme, edge=edge, workload={"kind": "poisson"}, uplink=link(1e5, sharing="fifo"))


@pytest.mark.parametrize(("field", "given"), NONSENSE)
def test_nonsense_is_refused_in_one_line_that_names_the_field(field: str, given: dict[str, Any]) -> None:
    part = field.replace(":", ".").split(".")[0]
    fields = {"kind": "closed", **given} if part == "workload" else given
    with pytest.raises(ConfigError) as caught:
        cell(**{part: fields})
    message = str(caught.value)
    assert "\n" not in message and (message.startswith(field) or f": {field} = " in message), message
