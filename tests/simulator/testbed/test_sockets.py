"""What becomes of a packet that the kernel does not take at once."""

from __future__ import annotations

from typing import Any

import pytest
from udp_air import TIMEOUT_S, World, cell, letter, played

from simulator.testbed.journal import PacketQueued
from simulator.testbed.transport import sockets
from simulator.testbed.transport.endpoint import EndpointAddresses, HostSockets


def test_a_packet_that_the_kernel_refuses_is_sent_again_after_its_timer() -> None:
    """To the broadcast address, which a plain socket may not write to."""

    def script(world: World) -> None:
        nowhere = HostSockets(("255.255.255.255", 9), ("255.255.255.255", 9))
        world.edge._addresses = EndpointAddresses(world.edge._addresses.own, {0: nowhere})
        world.edge.put(letter(10))

    world = played(cell(), script, until_s=0.1)
    times_s = [each.at_s for each in world.notes["edge 0"].of(PacketQueued)]
    assert times_s == [pytest.approx(TIMEOUT_S * attempt) for attempt in range(3)]


class Full(sockets.socket.socket):
    """A socket whose buffer is full at first."""

    refusals = 3

    def sendto(self, *arguments: Any) -> int:
        if Full.refusals:
            Full.refusals -= 1
            raise BlockingIOError
        return super().sendto(*arguments)


def test_what_the_kernel_has_no_room_for_goes_later_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets.socket, "socket", Full)
    world = played(cell(), lambda world: world.edge.put(letter(300)))
    assert Full.refusals == 0
    assert world.letters("cloud") == [letter(300)]
    assert sorted(world.air.left_s, key=world.air.left_s.__getitem__) == [(0, 0, 1, number, 0) for number in range(4)]
