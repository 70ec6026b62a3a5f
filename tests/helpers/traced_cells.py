"""Small cells in which, between them, all happens that a trace or a timeline may have to tell."""

from functools import cache
from math import inf
from typing import Any, NamedTuple

from cells import busy, cell, link
from plants import Watch

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Together
from simulator.results.spans import Spans
from simulator.results.trace import tracer
from simulator.run import CellResult
from simulator.timing.plant import Plant

LOSSY = link(2e4, loss={"kind": "bernoulli", "probability": 0.3}, arq={"kind": "stop_and_wait", "timer_jitter": 0})
SHORT = {"kind": "closed", "requests": 2, "prompt_tokens": 8}
AHEAD = {"kind": "k_sqs", "depth": 2}


def impatient(scheme: str = "k_sqs") -> Cell:
    """Devices that wait no longer than 2 s for two servers."""
    cloud = {"servers": 2, "latency": {"kind": "constant", "per_pass_s": 0.05}}
    asked = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 16, "deadline_s": 2.0}
    return cell(scheme, workload=asked, cloud=cloud, uplink=LOSSY, downlink=LOSSY)


def left() -> Cell:
    """Devices that go away: one while its round is on its way, one while the cloud reads, and one for all of a
    request."""
    away = {"kind": "scheduled", "away": [(0, 0.3, 0.5), (1, 0.05, 0.2), (2, 0.0, 5.0)]}
    asked = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 16, "absences": away}
    return cell("k_sqs", workload=asked, uplink=LOSSY, downlink=LOSSY)


def crowded() -> Cell:
    """More requests than a slow, batching server, one processor a device, and a buffer of two packets bear at once."""
    asked = {"kind": "poisson", "rate_per_s": 4.0, "devices": 4, "requests": 3, "prompt_tokens": 8, "output_tokens": 10}
    cloud = {"batching": "continuous", "latency": {"kind": "constant", "per_pass_s": 0.08}}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "concurrency": 2}
    return cell("k_sqs", workload=asked, cloud=cloud, edge=edge, uplink=link(3e3, mtu_bits=600, buffer_packets=2))


def overtaking() -> Cell:
    """A device that serves two requests at once, of which the one that comes last is not the last to end."""
    asked = {"kind": "poisson", "rate_per_s": 5.0, "requests": 3, "prompt_tokens": 4, "output_tokens": 16}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "concurrency": 2}
    return cell("k_sqs", seed=1, workload=asked, edge=edge, uplink=link(2e4))


def queued_ahead() -> Cell:
    """Devices that share an uplink without losses, on which payloads drafted ahead wait, and are cancelled."""
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 16, "devices": 4}
    return cell(AHEAD, workload=asked, uplink=link(8e3, arq="selective_repeat"))


def begun_by_the_cloud(scheme: dict[str, Any], **way: Any) -> Cell:
    """Devices that join while the cloud decodes, and then draft in blocks, over links that pad what they carry."""
    edge = {"latency": {"kind": "affine", "base_s": 0.005, "per_token_s": 0.01}, "drafts_per_pass": 2}
    return busy({**scheme, "cloud_first": True}).with_({"edge": edge, "uplink": way, "downlink": way})


def at_a_gateway(scheme: dict[str, Any]) -> Cell:
    """Devices whose passes are made at a gateway, of two at a time."""
    return busy(scheme).with_({"edge.gateway": {"kind": "waiting", "cap": 2}})


CELLS: dict[str, Cell] = {
    "losses": busy(),
    "tree": busy("tree"),
    "streamed": busy("cloud_only"),
    "co-located": busy("colocated"),
    "local": busy("edge_only"),
    "ahead": busy(AHEAD),
    "ahead without losses": cell(AHEAD),
    "prepared": busy({"kind": "k_sqs", "prepared": 4}),
    "sent ahead": busy({"kind": "k_sqs", "prepared": 4, "prepared_at": "cloud"}),
    "ahead in a queue": queued_ahead(),
    "corrections at the edge": busy("dssd"),
    "impatient": impatient(),
    "devices that leave": left(),
    "crowded": crowded(),
    "overtaking": overtaking(),
    "gateway": at_a_gateway({"kind": "k_sqs"}),
    "gateway, ahead": at_a_gateway(AHEAD),
    "no time down": cell(workload={**SHORT, "output_tokens": 24}, downlink=link(inf, 0.0)),
    "parts, no time to encode": cell(
        {"kind": "k_sqs", "partial": True},
        bps=3e4,
        workload={**SHORT, "output_tokens": 24, "prompt_at_cloud": True},
        edge={"latency": {"kind": "constant", "per_pass_s": 0.005}, "encode_s_per_draft": 0},
    ),
    "a tree": cell({"kind": "coupled_tree", "nodes": 6}, workload=SHORT, uplink=link(1e4)),
    "joins": begun_by_the_cloud({"kind": "dssd"}),
    "joins and parts": begun_by_the_cloud({"kind": "k_sqs", "partial": True}, part_header_bits=8),
}


class Watched(NamedTuple):
    """A run, the plant as it was left, and all that was told of it; for tests that only read."""

    result: CellResult
    plant: Plant
    spans: Spans


@cache
def watched(name: str) -> Watched:
    """The run of one of the cells, made once for all tests of a process."""
    spans, watch = tracer(), Watch()
    result = simulate(CELLS[name], Together(spans, watch), memory=Memory())
    return Watched(result, watch.plant, spans)
