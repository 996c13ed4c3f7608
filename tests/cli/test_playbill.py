"""How lines look: whole in a pipe, broken between words on a narrow terminal."""

import os
from pathlib import Path

import pytest

from chainpilot.cli.demo import playbill
from chainpilot.cli.demo.timeline import Line

LINE = Line(
    1.5,
    "v2g.checked",
    "CPMS worker",
    "ordered the chain by signature; key, path, profile, dates hold",
    "anchor: CN=Root",
)


def test_a_pipe_gets_the_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    playbill.show_line(LINE)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("columns", [40, 80, 100])
def test_a_terminal_gets_no_line_longer_than_it_is_wide(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 24)))
    playbill.show_line(LINE)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= max(columns, 43)
    assert " ".join(" ".join(lines).split()) == f"1.500 CPMS worker {LINE.what} {LINE.wire}"


def test_a_step_that_did_not_hold_is_marked_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    playbill.show_line(Line(0, "x", "CPMS", "failed", ok=False))
    assert "!CPMS" in capsys.readouterr().out


def test_removal_names_the_folder_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    playbill.show_stop(Path("/a b/c"))
    assert "rm -r '/a b/c'" in capsys.readouterr().err
