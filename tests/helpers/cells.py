"""Small cells over the synthetic pair, for tests of everything but language models."""

from typing import Any

from simulator import Cell

SCHEMES = ("cloud_only", "dense", "k_sqs", "c_sqs", "half_dense", "half_top_k", "tree", "multi_candidate")
BY_IDS = ("coupled", "coupled_tree", "ids_only_greedy")
"""The schemes of which ids travel without a distribution."""
SPECULATIVE = tuple(scheme for scheme in SCHEMES if scheme != "cloud_only")
"""Those with a payload, and all of them lossless."""
HEADER_BITS = 320
"""The header of each packet by default, bits."""
PAIR = {"kind": "synthetic", "size": 64, "entropy_bits": 3.0}


def cell(scheme: object = "k_sqs", bps: float = 1e5, **fields: Any) -> Cell:
    """A cell of two short requests on a fixed timer, no batching; `fields` replace whole top-level parts."""
    tree: dict[str, Any] = {
        "models": {"pair": PAIR},
        "workload": {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24},
        "scheme": scheme,
        "edge": {"latency": {"kind": "constant", "per_pass_s": 0.005}},
        "cloud": {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}},
        "uplink": link(bps),
        "downlink": link(1e7, arq="selective_repeat"),
    }
    return Cell.from_fields(tree | fields)


def link(bps: float, delay_s: float = 0.02, loss: object = "none", **fields: Any) -> dict[str, Any]:
    """A link of constant rate and delay, one packet at a time unless `fields` say otherwise."""
    return {
        "arq": "stop_and_wait",
        "rate": {"kind": "constant", "bps": bps},
        "delay": {"kind": "constant", "delay_s": delay_s},
        "loss": loss,
        **fields,
    }


def busy(scheme: object = "k_sqs", seed: int = 0) -> Cell:
    """Three devices on lossy links and one server, two requests each."""
    lossy = {"kind": "bernoulli", "probability": 0.3}
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 16, "devices": 3}
    return cell(scheme, seed=seed, workload=asked, uplink=link(2e4, loss=lossy), downlink=link(1e5, loss=lossy))
