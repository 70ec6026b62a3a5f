"""When requests come and devices are away, as a workload or a CSV file describes it; defects of such a file."""

from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from cells import cell

from channels.uniforms import Uniforms
from simulator import Cell, ConfigError, simulate
from simulator.cell.workload import Workload


def test_poisson_gaps_are_exponential_and_each_devices_own() -> None:
    jobs, rate = 4_000, 0.5
    workload = Workload.of({"kind": "poisson", "requests": jobs, "devices": 2, "rate_per_s": rate})
    times = [[ask.at_s or 0.0 for ask in workload.asks(device, Uniforms.of(3, "users"))] for device in (0, 1)]
    gaps = np.diff(times, axis=1, prepend=0.0) * rate
    for row in gaps:
        assert abs(row.mean() - 1) < 5 / jobs**0.5
        for level in (0.1, 1.0, 3.0):
            share = exp(-level)
            assert abs((row > level).mean() - share) < 5 * (share * (1 - share) / jobs) ** 0.5
    assert abs(np.corrcoef(gaps)[0, 1]) < 5 / jobs**0.5
    assert abs(np.corrcoef(gaps[0, 1:], gaps[0, :-1])[0, 1]) < 5 / jobs**0.5


def test_random_absences_last_as_long_as_they_say() -> None:
    """Share of the time away and mean length, over 2,000 absences: each time is exponential."""
    absences = Workload.of(
        {"kind": "closed", "absences": {"kind": "random", "mean_there_s": 30, "mean_away_s": 10}}
    ).absences
    periods = absences.times(4, Uniforms.of(1, "users"))
    times = np.array([next(periods) for _ in range(2_000)])
    assert (np.diff(times.ravel()) > 0).all()
    away, there = times[:, 1] - times[:, 0], np.append(times[0, 0], times[1:, 0] - times[:-1, 1])
    for lengths, mean in ((away, 10), (there, 30)):
        assert abs(lengths.mean() / mean - 1) < 5 / 2_000**0.5
        assert abs((lengths > mean * log(2)).mean() - 0.5) < 5 * 0.5 / 2_000**0.5


HEADER = "arrival_s,prompt_tokens,output_tokens\n"


def arrivals(path: Path, text: str | bytes, **workload: object) -> Cell:
    """A cell whose requests the file says."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return cell("k_sqs", workload={"kind": "arrivals", "path": str(path), **workload})


def test_requests_are_dealt_to_the_devices_in_turn(tmp_path: Path) -> None:
    text = HEADER + "0,8,4\n0.5,4,6\n0.5,16,1\n2.25,2,12\n"
    requests = simulate(arrivals(tmp_path / "a.csv", text, devices=2)).requests
    told = [
        (row.device, row.request, row.arrival_s, row.output_tokens, row.outcome)
        for row in requests.itertuples()
    ]  # fmt: skip
    assert told == [
        (0, 0, 0.0, 4, "answered"), (0, 1, 0.5, 1, "answered"), (1, 0, 0.5, 6, "answered"),
        (1, 1, 2.25, 12, "answered"),
    ]  # fmt: skip


def test_more_devices_than_requests_leave_some_idle(tmp_path: Path) -> None:
    requests = simulate(arrivals(tmp_path / "a.csv", HEADER + "1,8,4\n", devices=3)).requests
    assert requests["device"].tolist() == [0] and requests["outcome"].tolist() == ["answered"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("arrival_s,prompt_tokens\n1,2\n", 1),
        (HEADER + "0,8,4\nsoon,8,4\n", 3),
        (HEADER + "0,8,4\n1,8.5,4\n", 3),
        (HEADER + "0,8,4\n1,8,many\n", 3),
        (HEADER + "0,8,4\n1,8\n", 3),
        (HEADER + "0,8,4\n1,8,4,9\n", 3),
        (HEADER + "0,8,4\n\n1,8,x\n", 4),
        (HEADER + "2,8,4\n1,8,4\n", 3),
        (HEADER + "-1,8,4\n", 2),
        (HEADER + "nan,8,4\n", 2),
        (HEADER + "0,8,4\ninf,8,4\n", 3),
        (HEADER + "0,0,4\n", 2),
        (HEADER + "0,8,4\n1,8,0\n", 3),
        (HEADER.encode() + b"0,8,4\n\xff\xfe,8,4\n", 3),
        (HEADER + '0,8,4\n1,"8\n', 3),
    ],
)
def test_each_defect_names_its_line(tmp_path: Path, text: str | bytes, line: int) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(ConfigError) as caught:
        arrivals(path, text)
    message = str(caught.value)
    assert "\n" not in message and f"{path}, line {line}:" in message, message


@pytest.mark.parametrize("text", [HEADER, HEADER + "\n"])
def test_a_file_without_a_request_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="holds no request"):
        arrivals(tmp_path / "a.csv", text)


@pytest.mark.parametrize("path", ["missing.csv", ".", 3, None, "a\0b"])
def test_a_path_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, path: object) -> None:
    given = str(tmp_path / path) if isinstance(path, str) else path
    with pytest.raises(ConfigError, match=r"^workload.*path") as caught:
        cell("k_sqs", workload={"kind": "arrivals", "path": given})
    assert "\n" not in str(caught.value)


def test_a_file_that_asks_for_more_than_the_context_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be at most the pair's context"):
        arrivals(tmp_path / "a.csv", HEADER + "0,8,4\n1,4000,200\n")


def test_a_cell_written_down_knows_its_file_by_content(tmp_path: Path) -> None:
    """The id follows the content; a file that has changed since the cell was written is refused."""
    one, other = arrivals(tmp_path / "a.csv", HEADER + "0,8,4\n"), arrivals(tmp_path / "b.csv", HEADER + "0,8,5\n")
    assert one.id != other.id
    (tmp_path / "cell.yaml").write_text(one.to_yaml())
    assert Cell.from_yaml(tmp_path / "cell.yaml").id == one.id
    (tmp_path / "a.csv").write_text(HEADER + "0,8,6\n")
    with pytest.raises(ConfigError, match="has changed"):
        Cell.from_yaml(tmp_path / "cell.yaml")
