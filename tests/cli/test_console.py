"""Output in a terminal."""

from __future__ import annotations

import sys

from movieembed.cli import console as _console


def test_a_terminal_gets_a_drawn_table_with_brackets_kept(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _console.print_columns(["score", "title"], [["0.5", "[REC] (2007)"], ["0.25", "x\x1b[31m"]])
    _console.print_markdown("**No.** Lists stay.")
    text = capsys.readouterr().out
    assert "[REC] (2007)" in text
    assert "\x1b[31m" not in text
    assert "No." in text
