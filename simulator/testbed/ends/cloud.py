"""The cloud's program: `python -m simulator.testbed.ends.cloud FOLDER EPOCH`, in the cloud's namespace."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.run import COLLECTOR
from simulator.testbed.ends.cloud_end import CloudEnd
from simulator.testbed.ends.orders import obey, play
from simulator.testbed.journal import Journal
from simulator.testbed.packet_header import RealMessage
from simulator.testbed.plan import RunPlan
from simulator.testbed.processes import READY, dies_with_parent, say
from simulator.testbed.transport.endpoint import Endpoint


def main(argv: Sequence[str]) -> None:
    """Serves all devices over the air, and leaves its journal in the folder."""
    dies_with_parent()
    folder, epoch = argv
    play(_run(RunPlan.of(Path(folder)), int(epoch)))


async def _run(plan: RunPlan, epoch: int) -> None:
    journal = Journal(plan.journal(f"cloud {epoch}"))

    def hear(letter: RealMessage) -> None:
        end.hear(letter)

    endpoint = Endpoint(plan.cell, "cloud", 0, journal, hear, epoch)
    end = CloudEnd(plan.cell, journal, endpoint, epoch)
    end.load()
    await endpoint.open()

    async def start(zero_s: float) -> None:
        journal.start(zero_s)
        end.start()

    with COLLECTOR.seldom():
        say(READY)
        await obey(start)
    end.close()
    await endpoint.close()
    journal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
