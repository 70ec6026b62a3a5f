"""Names that sqsim no longer has: who types one is told in one line which versions had it.

A name that is known again, as a user's own kind of that name, is never looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RETIRED: Final = "retired; 0.3 or 0.4 has it"
"""Text of the message."""

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "Admission": frozenset({"evict"}),
    "Amount": frozenset({"exponential"}),
    "Arq": frozenset({"tcp"}),
    "Headers": frozenset({"plain", "rohc", "schc"}),
    "Loss": frozenset({"block_errors"}),
    "Mobility": frozenset({"periodic", "random", "scheduled", "still"}),
    "Oracle": frozenset({"goodput_told"}),
    "Pair": frozenset({"random_weights", "replay"}),
    "Policy": frozenset({"confidence_stop", "dual_threshold"}),
    "Rate": frozenset({"duty_cycle", "markov", "markov_per_message", "scheduled_outages"}),
    "Relocation": frozenset({"kept", "moved", "read_again"}),
    "Reply": frozenset({"candidates", "certified"}),
    "Scheme": frozenset(
        {"asym", "dssd_candidates", "likely_tree", "mirrored", "oracle", "pipesd", "skip_when_confident"}
    ),
    "Sharing": frozenset({"aloha", "bands", "csma"}),
}
"""Kinds, by the name of their family."""

FIELDS: Final = frozenset(
    {
        "bulk", "capacity_share", "clouds", "congestion", "cut_through", "distinct_seed", "failures", "headers",
        "hystart", "mobility", "opening_bits", "opening_each", "opening_rtts", "pad_to_bits", "prefill_servers",
        "priority", "relocation", "routing",
        "kv_token_bytes", "kv_transfer_bytes_per_s", "swap_bytes_per_s",
    }
)  # fmt: skip
"""Fields, whatever part they were in."""

VALUES: Final = frozenset({("half_duplex", "medium")})
"""Values of fields that others are left of."""

PRESETS: Final = frozenset(
    {
        "nb_iot_rohc",
        "nb_iot_schc",
        "nr_mmwave",
        "nr_mmwave_far",
        "q_s",
        "lora_sf7_aloha",
        "lora_sf12_aloha",
        "wifi_stations",
    }
    | {f"lora_sf{factor}_schc" for factor in range(7, 13)}
)
"""Links with a name."""

ACTIONS: Final = frozenset({"completion", "edge", "prior", "record", "sites"})
"""Commands, and actions of commands."""

OPTIONS: Final[Mapping[str, str]] = {
    "--control": RETIRED,
    "--dry-run": RETIRED,
    "--minutes": "retired, 0.4 has it; --budget N counts trials, so that the same command has the same answer",
}
"""Options of commands, each with what is there now."""

SCENARIOS: Final[Mapping[str, str]] = {
    "ahead": "`scheme.depth` of any scenario",
    "break_even": "phase_map",
    "capacity_at_70b": "capacity",
    "cloud_first": "`scheme.cloud_first` of any scenario",
    "codes": "lattices",
    "conformal_time": "conformal",
    "fading": "lossy_uplink",
    "hand_over": "",
    "interactions": "",
    "leakage": "",
    "outage": "lossy_uplink",
    "scaling": "phase_map",
    "trees": "rivals",
}
"""Scenarios, each with what asks its question now, if anything does."""


def is_retired_kind(family: type, kind: object) -> bool:
    """True if a family, or one above it, had this kind."""
    return isinstance(kind, str) and any(kind in KINDS.get(base.__name__, ()) for base in family.__mro__)


def is_retired_field(path: str) -> bool:
    """True if a step of a dotted name was a field."""
    return not FIELDS.isdisjoint(path.split("."))


def is_retired_value(path: str, value: object) -> bool:
    """True if the field at the end of a dotted name took this value."""
    return isinstance(value, str) and (path.rsplit(".", 1)[-1], value) in VALUES
