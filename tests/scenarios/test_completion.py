"""What a shell is answered at the tab key, and the small commands beside it."""

from __future__ import annotations

import io
import os

import pytest
from typed_command import Typed

from models.latency.datasheets import DEVICES, SIZES
from scenarios.command import cli, completion
from scenarios.command.registry import NAMES


def words(typed_so_far: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words that a shell is answered."""
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setenv("_ARGCOMPLETE_IFS", "\n")
    monkeypatch.setenv("COMP_LINE", typed_so_far)
    monkeypatch.setenv("COMP_POINT", str(len(typed_so_far)))
    monkeypatch.setattr(os, "fdopen", lambda *_: io.StringIO())  # it would close pytest's own stream of that number
    answered = io.StringIO()

    class Ended(BaseException):
        """The process would end here."""

    def ended(_: int) -> None:
        raise Ended

    with pytest.raises(Ended):
        completion.complete(cli._parser(), answered, ended)
    return answered.getvalue().split("\n")


def test_scenarios_pages_options_fields_and_kinds_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {word.strip() for word in words("sqsim run ", monkeypatch)} >= set(NAMES)
    assert {word.strip() for word in words("sqsim list mo", monkeypatch)} == {"models"}
    assert "check" in {word.strip() for word in words("sqsim ch", monkeypatch)}
    assert "--dry-run" in {word.strip() for word in words("sqsim run paper --d", monkeypatch)}
    fields = words("sqsim run paper --set uplink.rate.", monkeypatch)
    assert "uplink.rate.bps=" in fields and all(field.startswith("uplink.rate.") for field in fields)
    assert completion._fields("scheme=dense,k_") == ["scheme=dense,k_sqs"]
    assert completion._fields("scheme.partial=") == ["scheme.partial=false", "scheme.partial=true"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_code_for_a_shell_names_the_command(shell: str, typed: Typed) -> None:
    status, out, _ = typed("completion", shell)
    assert status == 0 and "sqsim" in out


def test_the_version_and_the_named_devices_and_models_are_listed(typed: Typed) -> None:
    assert typed("--version")[1].startswith("sqsim 0.")
    for what, table in (("devices", DEVICES), ("models", SIZES)):
        status, out, _ = typed("list", what)
        assert status == 0 and {line.split()[0] for line in out.splitlines() if line[:1].strip()} >= set(table)
        assert "figures of your own: --set edge.latency." in out and "{name: mine, " in out
