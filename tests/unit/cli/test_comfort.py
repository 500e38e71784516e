import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import harness
from harness.cli import main
from harness.version import provenance

GIT = shutil.which("git") or "git"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("gomatrix"), *arguments], env=os.environ | variables,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_version_says_where_it_comes_from() -> None:
    text = CliRunner().invoke(main, ["--version"]).output

    assert text.startswith(f"gomatrix {harness.__version__}")
    assert f"Python {sys.version.split()[0]}" in text
    commit = subprocess.run(
        [GIT, "rev-parse", "--short", "HEAD"], cwd=Path(harness.__file__).parent,
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert commit in text


def test_an_installed_package_below_another_repository_claims_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([GIT, "init", "-q", tmp_path], check=True)
    (tmp_path / "site" / "harness").mkdir(parents=True)
    monkeypatch.setattr(harness, "__file__", str(tmp_path / "site" / "harness" / "__init__.py"))

    assert "commit" not in provenance()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_gomatrix(shell: str) -> None:
    text = run("completion", shell).stdout

    assert "_GOMATRIX_COMPLETE" in text
    assert "gomatrix" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [("gomatrix re", "plain,report"), ("gomatrix runs pr", "plain,prune"),
     ("gomatrix run --see", "plain,--seed"), ("gomatrix schema ver", "plain,verdict")],
)  # fmt: skip
def test_commands_options_and_choices_are_completed(words: str, expected: str) -> None:
    count = str(len(words.split()) - 1)

    done = run(_GOMATRIX_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)

    assert expected in done.stdout.splitlines()


def test_no_color_wins_over_a_terminal_that_has_colours() -> None:
    offline = {"GOPROXY": "off", "PIP_NO_INDEX": "1"}

    coloured = run("doctor", FORCE_COLOR="1", **offline).stdout
    plain = run("doctor", FORCE_COLOR="1", NO_COLOR="1", **offline).stdout

    assert "\x1b[3" in coloured
    assert "\x1b[3" not in plain


def test_an_empty_directory_of_runs_is_an_empty_list(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["runs", "list", "--reports", str(tmp_path), "--json"])

    assert result.output == '{\n "schema": 1,\n "runs": []\n}\n'


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("verdict . --margin 5", "'5' would be 500 %; write it as 5%"),
        ("run .", "File '.' is a directory.\n"),
        ("run gone.yaml", "gomatrix init writes one."),
        ("runs list --reports gone", "there is no directory gone"),
        ("runs prune --reports gone", "there is no directory gone"),
    ],
)
def test_what_a_newcomer_mistypes_is_told(
    words: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert told in CliRunner().invoke(main, words.split()).output


@pytest.mark.parametrize("option", ["-k", "-m"])
def test_workers_do_not_hide_a_mistake_in_an_expression(tmp_path: Path, option: str) -> None:
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text("go: [go1.24.3]\nworkloads: [{name: a, package: .}]\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", matrix, "-n", "1", option, "a b ("],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert f"Wrong expression passed to '{option}': a b (" in done.stderr
    assert not (tmp_path / "reports").exists()
