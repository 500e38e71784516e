"""A program that writes escape sequences: nothing of them reaches the terminal or the log of CI."""

import pytest
from projects import Project

from harness.text.visible import first_unseen

pytestmark = pytest.mark.toolchain

PROGRAM = r"""package main

import "os"

func main() {
	os.Stderr.WriteString("\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\u2028\r\n::error::fake\r\xff\x00\n")
	os.Exit(3)
}
"""
MATRIX = """\
go: [go1.24.3]
experiments: [[], [noswissmap]]
workloads:
  - {name: evil, package: ./go_fixtures/evil}
trials: {min: 1, max: 1, seed: 1}
"""


def test_a_hostile_program_reaches_no_terminal_raw(project: Project) -> None:
    evil = project.root / "go_fixtures" / "evil"
    evil.mkdir()
    (evil / "main.go").write_text(PROGRAM)
    project.write(MATRIX)
    for done in (
        project.gomatrix("run", "-n", "0"),
        project.pytest("matrix.yaml", "-p", "no:xdist", "-v", "-rA", "--color=no"),
    ):
        assert done.returncode >= 2  # no trial ended well
        assert "nothing could be measured: evil: no trial ended well (" in done.stderr
        shown = done.stdout + done.stderr
        assert first_unseen(shown.replace("\n", "").replace("\t", "")) is None, repr(shown)
        assert not any(line.strip().startswith("::") for line in shown.splitlines()), shown
        assert "| \\x1b]0;owned\\x07" in shown
