"""`sqsim real --edge` between two hosts of the test's own, as between two machines: one has the cloud, the other the
devices, and nothing is between them but what the test carries.

Slow (real time passes), and skipped with a reason where network namespaces are not permitted.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from certificates import made_certificates
from command_folder import CommandFolder, one_line, until
from plants import ran

from simulator import Cell
from simulator.results.study_columns import CLOCK_WITHIN
from simulator.testbed.journal import MessageTaken, RequestEnded, read
from simulator.testbed.network.namespaces import Namespaces
from simulator.testbed.plan import FREE
from simulator.testbed.remote import secure_frames

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("namespaces")]

PORT, LONG_S = 7443, 300.0
LOST = {"kind": "bernoulli", "probability": 0.15}
CELL = {
    "models.pair": {"kind": "synthetic", "size": 64}, "scheme": "k_sqs", "workload.requests": 2, "workload.devices": 2,
    "workload.output_tokens": 24, "uplink.rate.bps": 20e3, "uplink.mtu_bits": 4000, "uplink.loss": LOST,
    "downlink.loss": LOST,
}  # fmt: skip
LISTENER, GATEWAY = "simulator.testbed.remote.edge_listener", "simulator.testbed.remote.edge_gateway"
REAL = """
import json, sys
from pathlib import Path
from simulator.cell.cell import Cell
from simulator.testbed.remote.secure_frames import Identity, RemoteEdge
from simulator.testbed.supervisor import real
host = sys.argv[1]
edge = RemoteEdge(host, 7443, Identity(Path("cloud.pem"), Path("edge.crt"))) if host else None
summary = real(Cell.from_yaml("cell.yaml"), journals=Path(sys.argv[2]), edge=edge).summary
print(json.dumps(summary))
"""
STRANGER = "import socket, sys; socket.create_connection((sys.argv[1], 7443)).sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')"


class TwoMachines(CommandFolder):
    """A host for the cloud's side and one for the devices, and the cable between them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Cell().with_(CELL))
        made_certificates(folder, "cloud", "edge", "stranger")
        self.hosts = Namespaces(Cell())
        self.there = partial(self.hosts.command, "edge")
        self.here = partial(self.hosts.command, "cloud")
        self._stopped, self._pipe = os.pipe()
        self.cut = threading.Event()
        self._cable = threading.Thread(target=self._carry)
        self._cable.start()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        os.close(self._pipe)
        self._cable.join()
        os.close(self._stopped)
        self.hosts.close()

    def _carry(self) -> None:
        tuns = self.hosts.tuns["edge", "free"], self.hosts.tuns["cloud", "free"]
        while self._stopped not in (ready := select.select([*tuns, self._stopped], (), ())[0]):
            for tun in ready:
                packet = os.read(tun, 1 << 16)
                if not self.cut.is_set():
                    os.write(tuns[1 - tuns.index(tun)], packet)

    def listens(self) -> subprocess.Popen[str]:
        """`sqsim edge` on the machine of the devices; its errors, and what its processes say, are on stdout."""
        at = ("--listen", FREE.edge, "--certificate", "edge.pem", "--peer", "cloud.crt")
        popen = self.start("edge", *at, host=self.there)
        assert popen.stdout is not None and "listening at" in popen.stdout.readline()
        return popen

    def edge(self, certificate: str = "cloud", peer: str = "edge") -> subprocess.Popen[str]:
        """`sqsim real --edge` on the machine of the cloud."""
        at = ("--edge", f"{FREE.edge}:{PORT}", "--certificate", f"{certificate}.pem", "--peer", f"{peer}.crt")
        return self.start("real", "cell.yaml", "--out", "out", "--quiet", *at, host=self.here)

    def python(self, program: str, *words: str) -> str:
        """What a program prints that runs on the machine of the cloud."""
        popen = self.start(*words, program=program, host=self.here)
        out, error = popen.communicate(timeout=LONG_S)
        assert popen.returncode == 0, error
        return out

    def cloud_has_taken_a_message(self) -> bool:
        clouds = [path for path in self.journals() if path.name.startswith("cloud")]
        return any(isinstance(event, MessageTaken) for path in clouds for event in read(path))

    def answers(self, folder: str) -> dict[tuple[int, int], tuple[int, ...]]:
        paths = (self.folder / folder).glob("edge_*.jsonl")
        ends = [event for path in paths for event in read(path) if isinstance(event, RequestEnded)]
        return {(each.device, each.request): each.tokens for each in ends}


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[TwoMachines]:
    with TwoMachines(tmp_path) as made:
        yield made


def test_devices_on_another_machine_answer_what_local_ones_and_the_simulation_do(machines: TwoMachines) -> None:
    listener = machines.listens()
    machines.python(STRANGER, FREE.edge)
    summary = json.loads(machines.python(REAL, FREE.edge, "remote"))
    machines.python(REAL, "", "local")
    expected = {(each.device, each.number): tuple(each.tokens) for each in ran(Cell().with_(CELL)).requests}
    assert machines.answers("remote") == machines.answers("local") == expected
    assert 0 < summary[CLOCK_WITHIN] < 0.1
    wrong = machines.edge(certificate="stranger")
    out, error = wrong.communicate(timeout=LONG_S)
    assert (wrong.returncode, out) == (2, "") and f"{FREE.edge}:{PORT}: " in one_line(error)
    listener.send_signal(signal.SIGINT)
    said, problems = listener.communicate(timeout=LONG_S)
    assert listener.returncode == 130 and said.count(": served") == 2
    *lines, last = problems.splitlines()
    assert last == "sqsim: interrupted; nothing listens any more" and len(lines) == 3
    assert "no TLS that is expected here (HTTP_REQUEST)" in lines[0]
    assert all("its certificate is not that of" in line for line in lines[1:])
    assert not machines.processes() and not machines.left()


@pytest.mark.parametrize("who", ["edge", "cloud"])
def test_a_far_end_that_dies_ends_the_other_on_one_line_and_the_listener_goes_on(
    machines: TwoMachines, who: str
) -> None:
    listener = machines.listens()
    command = machines.edge()
    until(machines.cloud_has_taken_a_message)
    os.kill(machines.pids(LISTENER if who == "edge" else GATEWAY)[0], signal.SIGKILL)
    out, error = command.communicate(timeout=LONG_S)
    assert (command.returncode, out) == (2, "") and "the process edge" in one_line(error)
    until(lambda: not machines.pids(LISTENER))
    assert not machines.left() and listener.poll() is None
    command = machines.edge()
    out, error = command.communicate(timeout=LONG_S)
    assert (command.returncode, error) == (0, "")
    assert f"the devices are at {FREE.edge}:{PORT}" in " ".join(out.split())
    assert "The devices' clock was known to within" in out
    table = pd.read_csv(machines.out / "cells.csv")
    assert len(table) == 1 and 0 < table[CLOCK_WITHIN][0] < 0.1
    assert len(pd.read_parquet(machines.out / "requests.parquet")) == 4
    listener.kill()
    assert all("ended the connection" in line for line in listener.communicate()[1].splitlines())


def test_a_machine_that_is_not_there_any_more_is_given_up_by_the_other(machines: TwoMachines) -> None:
    listener = machines.listens()
    command = machines.edge()
    until(machines.cloud_has_taken_a_message)
    machines.cut.set()
    out, error = command.communicate(timeout=LONG_S)
    silent = f"has not answered for {secure_frames.SILENT_S} s"
    assert (command.returncode, out) == (2, "") and silent in one_line(error)
    until(lambda: not machines.pids(LISTENER))
    listener.kill()
    assert [line.partition(": has")[2] for line in listener.communicate()[1].splitlines()] == 2 * [silent[3:]]
    assert not machines.left()
