"""Power and price that a cell states, for sums of joules and money."""

from __future__ import annotations

from models.power import Power
from simulator.cell.cell import Cell
from simulator.results.energy import Connections
from simulator.results.run_totals import PowerAndPrice, Watts
from simulator.results.spans import DOWNLINK, UPLINK


def power_figures(cell: Cell) -> PowerAndPrice:
    """The power of each device, in the order of their numbers, and the power and price of the servers; None where the
    cell says nothing."""
    edges = [_watts(each.edge.power) for each in cell.classes for _ in range(each.count)]
    server = _watts(cell.cloud.power, cell.cloud.server_gpus)
    edges_usd_per_kwh = [each.edge.usd_per_kwh for each in cell.classes for _ in range(each.count)]
    whole = all(each.uplink.radio is not None and each.downlink.radio is not None for each in cell.classes)
    cloud = cell.cloud
    return PowerAndPrice(edges, server, cloud.server_usd_per_hour, edges_usd_per_kwh, whole, cloud.charged)


def lacking(cell: Cell, metric: str) -> list[str]:
    """The fields without which a metric of joules or money has no number in this cell."""
    cloud, classes = cell.cloud, cell.classes
    edge = [] if all(each.edge.power for each in classes) else ["edge.power"]
    ways = {way: [getattr(each, way) for each in classes] for way in (UPLINK, DOWNLINK)}
    whole = [f"{way}.radio" for way, links in ways.items() if not all(each.radio for each in links)]
    radio = [f"{way}.radio" for way, links in ways.items() if not all(each.has_power for each in links)]
    charged = next((each for each in ("busy", "held") if f"{each}_" in metric), cloud.charged)
    time = [] if cloud.charged in (charged, "both") else [f"cloud.charged, {charged} or both"]
    if metric.endswith("_usd_per_million_tokens"):
        own = [*edge, *whole] if any(each.edge.usd_per_kwh for each in classes) else []
        return [*([] if cloud.usd_per_gpu_hour is not None else ["cloud.usd_per_gpu_hour"]), *time, *own]
    if metric.startswith("cloud_") and "_j_per_" in metric:
        return [*([] if cloud.power else ["cloud.power"]), *time]
    return {"battery": [*edge, *whole], "edge": edge, "radio": radio}.get(metric.partition("_j_per_")[0], [])


def connections_of(cell: Cell) -> Connections:
    """The connections of the devices whose radios are known to draw something to stay connected, with none of their
    packets yet."""
    radios = [each.uplink.connections for each in cell.classes for _ in range(each.count)]
    return Connections({device: radio for device, radio in enumerate(radios) if radio})


def _watts(power: Power | None, times: int = 1) -> Watts | None:
    return None if power is None else Watts(times * power.busy_w, times * power.idle_w)
