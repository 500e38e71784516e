"""Exit statuses of commands that judge stored runs: those of the run itself (README)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from synthetic import ORIGIN, make_run

from harness.cli import main
from harness.run.store import MANIFEST, SEARCHES, append_trial, write_json

Outcome = Callable[[str, str, int], str]


def stored(path: Path, outcome: Outcome, limit: str = "100%", rounds: int = 3) -> Path:
    run = make_run(
        lambda _w, variant, number: {
            "rss.peak": 1e8 * (1.1 if variant == "go1.24.3" else 1) + number
        },
        ORIGIN | {"trials": 3, "gates": [{"metric": "rss.peak", "max_increase": limit}]},
        path=path,
        outcome=outcome,
    )
    path.mkdir()
    write_json(path / MANIFEST, run.manifest)
    for trial in run.trials:
        if trial.round <= rounds:
            append_trial(path, trial)
    return path


@pytest.mark.parametrize(
    ("outcome", "options", "status", "said"),
    [
        (lambda *_: "ok", {}, 0, ""),
        (lambda *_: "ok", {"limit": "0%"}, 1, "gate FAILED"),
        (lambda _w, v, n: "exit 2" if (v, n) == ("go1.24.11", 2) else "ok", {}, 1, ""),
        (lambda *_: "exit 2", {}, 2, "nothing could be measured: large-buffers: no trial ended"),
        (lambda _w, v, _n: "exit 2" if v == "go1.23.9" else "ok", {}, 2,
         "nothing could be measured: large-buffers: baseline go1.23.9 has no sample"),
        (lambda *_: "ok", {"rounds": 0}, 2, "nothing could be measured: no trial has ended"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", [["verdict"], ["verdict", "--json"], ["merge", "-o", "OUT"]])
def test_commands_exit_as_the_run_did(
    tmp_path: Path, outcome: Outcome, options: dict[str, Any], status: int, said: str,
    command: list[str],
) -> None:  # fmt: skip
    run = stored(tmp_path / "run", outcome, **options)
    out = tmp_path / "merged"
    words = [str(out) if word == "OUT" else word for word in command]

    done = CliRunner().invoke(main, [words[0], str(run), *words[1:]])

    assert done.exit_code == status, done.output
    assert said in done.output or "--json" in command
    assert (out / "report.html").exists() == (command[0] == "merge")
    assert (f"report: {out / 'report.html'}\n" in done.output) == (command[0] == "merge")


@pytest.mark.parametrize("record", SEARCHES)
@pytest.mark.parametrize("command", ["verdict", "report"])
def test_of_a_search_it_is_said_where_its_answer_is(
    tmp_path: Path, record: str, command: str
) -> None:
    run = stored(tmp_path / "run", lambda *_: "ok")
    told = f"what it found is in {run / 'report.html'}\n"
    assert told not in CliRunner().invoke(main, [command, str(run)]).stderr

    (run / record).write_text("{}")

    assert told in CliRunner().invoke(main, [command, str(run)]).stderr
    over = CliRunner().invoke(main, ["report", str(run), "-o", str(run / record)])
    assert "holds what was measured; name another file" in over.stderr
    assert (run / record).read_text() == "{}"
