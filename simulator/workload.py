"""Who asks when: processes that bring requests to devices."""

from __future__ import annotations

import simpy

from simulator.config import Workload
from simulator.edge import Device, Process
from simulator.ledger import Ledger
from simulator.records import Request
from simulator.schemes.base import State
from simulator.sessions import Decoder


class ClosedLoop:
    """One device's user: asks, waits for the answer, asks again at once."""

    def __init__(self, env: simpy.Environment, workload: Workload, device: Device, decoder: Decoder) -> None:
        self.requests: list[Request] = []
        self._env = env
        self._workload = workload
        self._device = device
        self._decoder = decoder
        env.process(self.run())

    def run(self) -> Process[None]:
        """Brings the device its requests, each when the last is answered."""
        state: State | None = None
        for number in range(self._workload.requests):
            request = self._decoder.request(self._device.number, number, self._env.now, Ledger(self._env))
            self.requests.append(request)
            state = yield from self._device.serve(request, self._decoder.session(request, state), state)
