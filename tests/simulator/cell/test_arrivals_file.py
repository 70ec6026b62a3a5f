"""Arrivals from a CSV file: who gets which request, and each defect of a file reported with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import cell

from simulator import Cell, ConfigError, simulate

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
