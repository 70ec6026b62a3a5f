"""The program of one edge device: `python -m simulator.testbed.ends.edge FOLDER DEVICE`, in the edge's namespace."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from simulator.run import COLLECTOR
from simulator.testbed.ends.device_end import DeviceEnd
from simulator.testbed.ends.orders import obey, play
from simulator.testbed.journal import Journal
from simulator.testbed.packet_header import RealMessage
from simulator.testbed.plan import RunPlan
from simulator.testbed.processes import DONE, READY, dies_with_parent, say
from simulator.testbed.transport.endpoint import Endpoint


def main(argv: Sequence[str]) -> None:
    """Serves the device's requests over the air, and leaves its journal in the folder."""
    dies_with_parent()
    folder, device = argv
    play(_run(RunPlan.of(Path(folder)), int(device)))


async def _run(plan: RunPlan, device: int) -> None:
    journal = Journal(plan.journal(f"edge {device}"))

    def hear(letter: RealMessage) -> None:
        end.hear(letter)

    endpoint = Endpoint(plan.cell, "edge", device, journal, hear)
    end = DeviceEnd(plan.cell, device, journal, endpoint)
    await endpoint.open()
    await end.warm_up()

    async def start(zero_s: float) -> None:
        journal.start(zero_s)
        await asyncio.sleep(zero_s - time.monotonic())
        await end.work()
        say(DONE)

    with COLLECTOR.seldom():
        say(READY)
        await obey(start)
    end.close()
    await endpoint.close()
    journal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
