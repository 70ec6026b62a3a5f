"""A command line that runs in the test's own process and folder, on exact synthetic distributions."""

import contextlib
import io
import os
import shutil
import sys
from functools import cache

import pytest
from filelock import FileLock
from typed_command import RUN, SMALL, Finished, only_latency

import plots
import simulator.cell  # noqa: F401 - all families are open from here on
from kinds import Choice
from scenarios.command import cli
from scenarios.command.cli import main


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """`latency_vs_bandwidth` with five schemes at two rates and two seeds, for all tests that only read; one worker has
    run it for the others."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "stderr.txt").is_file():
            folder.mkdir()
            stdout, stderr = io.StringIO(), io.StringIO()
            with contextlib.chdir(folder), contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
                assert main(RUN) == 0, stderr.getvalue()
            (folder / "stdout.txt").write_text(stdout.getvalue(), encoding="utf-8")
            (folder / "stderr.txt").write_text(stderr.getvalue(), encoding="utf-8")
    written = (folder / name for name in ("stdout.txt", "stderr.txt"))
    return Finished(
        folder / "results" / "latency_vs_bandwidth_quick", *(path.read_text(encoding="utf-8") for path in written)
    )


@pytest.fixture
def written_figures():
    """For tests that look at the files of figures."""


@pytest.fixture(autouse=True)
def figures_in_outline(request, monkeypatch):
    """Figures are drawn, but their files are empty pictures, unless a test looks at them (`written_figures`): writing
    one twice takes longer than the small run that it is of."""
    if not {"written_figures", "finished"} & {*request.fixturenames}:
        monkeypatch.setattr(plots, "save", _outlines)


def _outlines(figure, folder, name, formats=("svg", "png"), page=None):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{each}" for each in formats]
    for path in paths:
        path.write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"/>' if path.suffix == ".svg" else b"")
    return paths


@pytest.fixture
def mine(finished, tmp_path):
    """A copy of that run in the test's folder, `mine`, which may be changed."""
    return shutil.copytree(finished.out, tmp_path / "mine")


@pytest.fixture(autouse=True)
def kinds_of_the_test():
    """Kinds that a test's own files define go with it: the next test may have a file of the same name elsewhere, or
    import the same file, which is then run again."""
    before = [(family, dict(family.kinds)) for family in FAMILIES]
    yield
    for name in [name for name in sys.modules if name.startswith("sqsim_import_")]:
        del sys.modules[name]
    for family, kinds in before:
        family.kinds.clear()
        family.kinds.update(kinds)


def _families(below: type[Choice]) -> list[type[Choice]]:
    found = [below] if below.is_family() else []
    return [*found, *(family for each in below.__subclasses__() for family in _families(each))]


FAMILIES = _families(Choice)


PARSER = cache(cli._parser)
"""The command's parser, made once for all that tests type: to make it takes as long as most mistakes."""


@pytest.fixture
def typed(monkeypatch, tmp_path, capsys):
    """Types `sqsim ARGUMENTS` in an empty folder, in which Python keeps nothing: (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(cli, "_parser", PARSER)

    def run(*arguments):
        try:
            status = main(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
        written = capsys.readouterr()
        return status, written.out, written.err

    return run


@pytest.fixture
def done(typed):
    """Types what ends well, and returns stdout."""

    def run(*arguments):
        status, out, err = typed(*arguments)
        assert status == 0, err
        return out

    return run


@pytest.fixture
def refused(typed):
    """Types what is refused with exit status 2, nothing on stdout and one line on stderr, and returns that."""

    def run(*arguments):
        status, out, err = typed(*arguments)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        return err

    return run


@pytest.fixture
def small():
    """Options that make any scenario a matter of a second."""
    return SMALL


@pytest.fixture
def untuned():
    """Those of `small`, and schemes whose settings are given: a third of the time of a run that chooses them."""
    given = ("max_drafts=4", "resolution=100", "k=8", "acceptance=rejection")
    return (*SMALL, *(f"--set=scheme.{each}" for each in given))


@pytest.fixture
def one_drawn(monkeypatch):
    """For tests that look at one figure of a run."""
    monkeypatch.setattr("scenarios.command.run.finished_run.draw_all", only_latency)


@pytest.fixture
def undrawn(monkeypatch):
    """For tests of runs that do not look at their figures: drawing them is half of the time of a small run."""
    monkeypatch.setattr("scenarios.command.run.finished_run.draw_all", lambda *_: iter(()))
