"""A table of runs at three arrival rates, whose times are known, of three schemes and two devices that may draft."""

from itertools import product

import pandas as pd

from simulator.results.goodput_plane import DEVICES, PERIOD, TPOT, TTFT

RATES = (2.0, 4.0, 8.0)
TIMES = {"cloud_only": (0.025, 0.032, 0.05), "colocated": (0.01, 0.015, 0.019), "coupled": (0.018, 0.05, 0.09)}
"""Times per output token at each rate, seconds; a phone that drafts takes twice as long as the Orin."""
PHONE, ORIN = {"edge.latency.name": "oneplus12_llama_1b"}, {"edge.latency.device.name": "jetson_agx_orin_64gb"}


def goodput_cells() -> pd.DataFrame:
    """Returns rows of three seeds, the later ones slower by 1% each; in the cloud no device drafts."""
    found = []
    for kind, place, seed in product(TIMES, range(3), range(3)):
        for device, times in ((ORIN, 1), (PHONE, 2)) if kind == "coupled" else ((ORIN, 1),):
            found.append(
                {"scheme.kind": kind, "curve": kind, "seed": seed, DEVICES: 10 * RATES[place], PERIOD: 10.0,
                 TPOT: times * TIMES[kind][place] * (1 + 0.01 * seed), TTFT: 0.3, **device}
            )  # fmt: skip
    return pd.DataFrame(found)
