"""The program of an endpoint, in its host's namespace:

python -m simulator.testbed.endpoints.program edge FOLDER DEVICE
python -m simulator.testbed.endpoints.program cloud FOLDER EPOCH
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from simulator.cell.cell import Cell
from simulator.run import COLLECTOR
from simulator.testbed.endpoints.cloud_server import CloudServer
from simulator.testbed.endpoints.edge_device import EdgeDevice
from simulator.testbed.host import dies_with_parent
from simulator.testbed.journal import Journal, journal_path
from simulator.testbed.packet_header import RealMessage
from simulator.testbed.plan import CELL, INDEPENDENT, Side
from simulator.testbed.processes import DONE, READY, obey, play
from simulator.testbed.transport.endpoint import Endpoint


def main(side: Side, folder: str, number: str) -> None:
    """Serves over the link, and leaves the process's journal in the folder."""
    dies_with_parent()
    play(_run(Path(folder), side, int(number)))


async def _run(folder: Path, side: Side, number: int) -> None:
    cell = Cell.from_yaml(folder / CELL)
    journal = Journal(journal_path(folder, f"{side} {number}"))

    def receive(message: RealMessage) -> None:
        end.receive(message)

    async def start(zero_s: float) -> None:
        journal.start(zero_s)
        if isinstance(end, CloudServer):
            end.start()
        else:
            await asyncio.sleep(zero_s - time.monotonic())
            await end.work()
            print(DONE, flush=True)

    device, epoch = (number, 0) if side == "edge" else (0, number)
    endpoint = Endpoint(cell, side, device, journal, receive, epoch, notices=not (folder / INDEPENDENT).exists())
    end: EdgeDevice | CloudServer
    if side == "edge":
        end = EdgeDevice(cell, device, journal, endpoint)
        endpoint.open()
        await end.warm_up()
    else:
        end = CloudServer(cell, journal, endpoint, epoch)
        end.load()
        endpoint.open()
    with COLLECTOR.seldom():
        print(READY, flush=True)
        await obey(start)
    end.close()
    endpoint.close()
    journal.close()


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    main("edge" if role == "edge" else "cloud", *arguments)
