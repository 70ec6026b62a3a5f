"""The program of an endpoint, in its host's namespace:

python -m simulator.testbed.endpoints.program edge FOLDER DEVICE
python -m simulator.testbed.endpoints.program cloud FOLDER
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from pathlib import Path

from simulator.cell.cell import Cell
from simulator.run import COLLECTOR
from simulator.testbed.endpoints.cloud_server import CloudServer
from simulator.testbed.endpoints.edge_device import EdgeDevice
from simulator.testbed.endpoints.timed_passes import time_passes
from simulator.testbed.host import dies_with_parent
from simulator.testbed.journal import Journal, journal_path
from simulator.testbed.packet_header import RealMessage
from simulator.testbed.plan import CELL, INDEPENDENT, Side
from simulator.testbed.processes import DONE, READY, TIMED, obey, play
from simulator.testbed.transport.endpoint import Endpoint


def main(side: Side, folder: str, device: str = "0") -> None:
    """Serves over the link, and leaves the process's journal in the folder."""
    dies_with_parent()
    play(_run(Path(folder), side, int(device)))


async def _run(folder: Path, side: Side, device: int) -> None:
    cell = Cell.from_yaml(folder / CELL)
    journal = Journal(journal_path(folder, side if side == "cloud" else f"edge {device}"))

    def receive(message: RealMessage) -> None:
        end.receive(message)

    async def start(zero_s: str, most_s: str = "inf") -> None:
        journal.start(float(zero_s))
        if isinstance(end, EdgeDevice):
            await asyncio.sleep(float(zero_s) - time.monotonic())
            await end.work(float(most_s))
            print(DONE, flush=True)

    async def timed(name: str, budget_s: str) -> None:
        made = partial(time_passes, cell, side, folder / name, float(budget_s))
        await asyncio.get_running_loop().run_in_executor(end.worker, made)
        print(TIMED, name, flush=True)

    endpoint = Endpoint(cell, side, device, journal, receive, notices=not (folder / INDEPENDENT).exists())
    end: EdgeDevice | CloudServer
    if side == "edge":
        end = EdgeDevice(cell, device, journal, endpoint)
        endpoint.open()
        await end.warm_up()
    else:
        end = CloudServer(cell, journal, endpoint)
        end.load()
        endpoint.open()
    with COLLECTOR.seldom():
        print(READY, flush=True)
        await obey(start=start, time=timed)
    end.close()
    endpoint.close()
    journal.close()


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    main("edge" if role == "edge" else "cloud", *arguments)
