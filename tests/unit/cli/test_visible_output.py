"""Nothing that a program, a file name or a run directory holds reaches a terminal raw."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from synthetic import ORIGIN, make_run

from harness.cli import COMMANDS, main
from harness.report.formats import FORMATS
from harness.run.store import MANIFEST, TRIALS
from harness.text.visible import first_unseen, visible, visible_json

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e\u2028\r::error::x\u200b\u0085"
NAMES = {"go1.24.3": f"go1.24.3{EVIL}", "rss.avg": f"=rss{EVIL}", "host-1": f"@host{EVIL}"}


def unseen(text: str) -> str | None:
    return first_unseen(text.replace("\n", "").replace("\t", ""))


def renamed(value: Any) -> Any:
    """JSON with hostile names instead of some of its own."""
    if isinstance(value, dict):
        return {NAMES.get(key, key): renamed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner) for inner in value]
    return NAMES.get(value, value) if isinstance(value, str) else value


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A directory of runs, of which one has control characters wherever its format allows."""
    run = make_run(
        lambda _w, v, r: {
            "rss.peak": (1.5e8 if v == "go1.24.3" else 1e8) + 1e5 * r,
            "rss.avg": 1e8 + r,
        },
        {**ORIGIN, "gates": [{"metric": "rss.peak", "max_increase": "5%"}]},
        outcome=lambda _w, v, r: f"exit 2{EVIL}" if (v, r) == ("go1.24.3", 1) else "ok",
    )
    path = tmp_path / "reports" / "20260101T000000Z-evil"
    path.mkdir(parents=True)
    manifest = run.manifest.model_dump(mode="json", by_alias=True)
    manifest["plan"] = renamed(manifest["plan"])
    for variant in manifest["plan"]["variants"]:
        variant["toolchain"] = variant["toolchain"].removesuffix(EVIL)
    manifest |= {"name": f"run{EVIL}", "matrix_path": f"m{EVIL}", "command": [f"pytest{EVIL}"]}
    manifest["host"] |= {"name": EVIL, "cpu": EVIL, "kernel": EVIL}
    manifest["matrix"]["question"]["candidate"] = None
    (path / MANIFEST).write_text(json.dumps(manifest))
    lines = [
        json.dumps(
            renamed(t.model_dump(mode="json", by_alias=True)) | {"log": EVIL, "notes": {"x": EVIL}}
        )
        for t in run.trials
    ]
    (path / TRIALS).write_text("\n".join(lines) + "\n")
    return path


def call(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert unseen(done.output) is None, repr(done.output)
    return done.output


@pytest.mark.parametrize("style", FORMATS)
def test_a_report_of_a_hostile_run_has_no_control_characters(hostile: Path, style: str) -> None:
    text = call("report", hostile, "--format", style)
    assert "owned" in text


def test_json_reads_back_what_the_run_holds(hostile: Path) -> None:
    trials = json.loads(call("report", hostile, "--format", "json"))["trials"]
    assert {trial["log"] for trial in trials} == {EVIL}
    found = json.loads(call("verdict", hostile, "--json"))
    assert f"go1.24.3{EVIL}" in {cell["variant"] for cell in found["cells"]}


def test_xml_is_well_formed_and_csv_holds_no_formula(hostile: Path) -> None:
    ET.fromstring(call("report", hostile, "--format", "junit"))  # noqa: S314 - our own
    rows = list(csv.reader(io.StringIO(call("report", hostile, "--format", "csv"))))
    assert any(cell.startswith("'=rss") for row in rows for cell in row)
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(
    "command",
    [
        ("verdict", "RUN"),
        ("verdict", "RUN", "--margin", "1%"),
        ("compare", "RUN", NAMES["go1.24.3"], "go1.23.9"),
        ("compare", "RUN", NAMES["go1.24.3"], "go1.23.9", "--json"),
        ("compare", "RUN", f"nothing{EVIL}", "go1.23.9"),
        ("profile", "RUN", "large-buffers", NAMES["go1.24.3"]),
        ("merge", "RUN", "-o", "OUT"),
        ("runs", "list", "--reports", "REPORTS"),
        ("runs", "list", "--json", "--reports", "REPORTS"),
        ("runs", "prune", "--keep", "0", "--reports", "REPORTS"),
        ("plan", "RUN/absent"),
        ("bisect", "RUN/absent", "--good", EVIL, "--bad", EVIL),
        ("experiments", "--go", f"./{EVIL}"),
        (f"verdict{EVIL}",),
        ("verdict", "RUN", f"--margin={EVIL}"),
        ("verdict", "RUN", f"--{EVIL}"),
        (f"--{EVIL}",),
    ],
    ids=lambda command: visible(" ".join(command))[:30],
)  # fmt: skip
def test_what_is_printed_of_a_hostile_run_passes_the_filter(
    hostile: Path, command: tuple[str, ...]
) -> None:
    shutil.copytree(hostile, hostile.parent / f"20260102T000000Z-{EVIL}")
    places = {"RUN": hostile, "REPORTS": hostile.parent, "OUT": hostile.parent / f"out{EVIL}"}
    words = [str(places.get(word, word)).replace("RUN", str(hostile)) for word in command]
    call(*words)


def test_every_command_prints_through_the_filter_alone() -> None:
    """The linter refuses click.echo and consoles elsewhere; this holds the linter to it."""
    directory = Path(sys.modules["harness.cli"].__file__ or "").parent
    for path in directory.glob("*.py"):
        printing = [w for w in ("click.echo", "click.secho", "Console(") if w in path.read_text()]
        assert not printing or path.name in ("output.py", "tables.py"), path
    assert COMMANDS


def test_a_hostile_name_of_a_matrix_file_is_refused_by_pytest_too(tmp_path: Path) -> None:
    path = tmp_path / f"{EVIL.replace('[', '').replace('::', '')}.matrix.yaml"
    path.write_text("go: [go1.24.3]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", path.name], cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode >= 2
    assert unseen(done.stderr) is None
    assert "cannot be printed; rename it" in done.stderr


def test_filters_leave_what_can_be_seen() -> None:
    seen = "Größe ✓ 😀 עברית\tx\n"
    assert visible(seen) == visible_json(seen) == seen
    text = json.dumps({"a": EVIL + "\ud800\U000e0041"}, ensure_ascii=False)
    assert json.loads(visible_json(text)) == json.loads(text)
    assert visible("\ud800\U000e0041") == "\\ud800\\U000e0041"
