"""What README and docs say holds, as far as that can be told without measuring."""

import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import click
import pytest
import reference
import yaml
from documents import DOCUMENTS, ROOT, Block, blocks, every_block, inline_commands

from harness.cli import main
from harness.cli.schema import json_schema
from harness.golang.experiments import Experiments, experiment_of
from harness.matrix.load import load
from harness.plan.plan import make_plan
from harness.plan.question import resolve_question

LANGUAGES = {"console", "yaml", "python", "toml", "text", "mermaid"}
"""``text`` is what a program prints; it and drawings are not checked, all others are."""


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    kinds = {block.name: block.language for d in DOCUMENTS for block in blocks(d)}

    assert {name for name, kind in kinds.items() if kind not in LANGUAGES} == set()


def fences(document: Path) -> int:
    return len(re.findall(r"^\s*```", document.read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_block_is_overlooked(document: Path) -> None:
    assert 2 * len(blocks(document)) == fences(document)


@pytest.mark.parametrize("block", every_block("yaml"), ids=lambda block: block.name)
def test_every_matrix_loads_and_its_names_mean_something(block: Block, tmp_path: Path) -> None:
    given = yaml.safe_load(block.text)
    if "jobs" in given:  # a workflow of a CI service
        return
    text = block.text
    text += "" if "go" in given else "go: [go1.24.3]\n"
    text += "" if "workloads" in given else "workloads: [{name: a, package: ./a}]\n"
    (tmp_path / "matrix.yaml").write_text(text)

    spec = load(tmp_path / "matrix.yaml").spec

    toggled = {experiment_of(setting) for settings in spec.experiments for setting in settings}
    known = Experiments(known=tuple(sorted(toggled)), on=frozenset())
    names = [toolchain.name for toolchain in spec.go]
    plan = make_plan(spec, dict.fromkeys(names, known), seed=1)
    resolve_question(spec, plan)


def test_every_toml_block_is_toml() -> None:
    for block in every_block("toml"):
        assert tomllib.loads(block.text), block.name


def commands() -> list[tuple[str, str]]:
    """Every command line of the documents, and every example of the commands' help."""
    fenced = [
        (block.name, re.split(r" (?:#|>|&&) ?", line)[0])
        for block in every_block("console")
        for line in block.text.splitlines()
        if line.startswith("gomatrix ")
    ]
    inline = [(d.name, command) for d in DOCUMENTS for command in inline_commands(d)]
    examples = [
        ("help", line.strip().split(" &&")[0].split(" >")[0].split(" #")[0])
        for line in reference.PAGES["commands.md"]().splitlines()
        if line.startswith("    gomatrix ")
    ]
    return [*fenced, *inline, *examples]


@pytest.mark.parametrize(("place", "line"), commands())
def test_every_command_line_names_commands_and_options_that_exist(place: str, line: str) -> None:
    own, _, _ = line.partition(" -- ")  # what follows are the words of a program
    words = re.sub(r"[\[\]]", "", own).split()[1:]
    context = click.Context(main)
    command: click.Command = main
    while isinstance(command, click.Group):
        word = words.pop(0) if words else ""
        if not word or word.startswith("--"):
            break
        inner = command.get_command(context, word)
        assert inner is not None, f"{place}: there is no command {word!r}"
        command = inner
    options = {name: p for p in command.params for name in p.opts} | {"--help": None}
    for word, value in pairwise([*words, ""]):
        if not re.fullmatch(r"--?[a-z][a-z-]*", word):
            continue
        assert word in options, f"{place}: {command.name} has no option {word}"
        option = options[word]
        if isinstance(option, click.Option) and isinstance(option.type, click.types.IntParamType):
            assert re.fullmatch(r"\d+|[A-Z]+", value), f"{place}: {word} takes a number"


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_reference_pages_are_current(name: str) -> None:
    page = ROOT / "docs" / name

    assert page.read_text(encoding="utf-8") == reference.PAGES[name](), "run tools/reference.py"


def test_every_key_of_the_matrix_is_described_on_the_page_and_in_the_schema() -> None:
    schema = json_schema("matrix")
    page = reference.PAGES["matrix.md"]()

    for part in (schema, *schema["$defs"].values()):
        for key, field in part.get("properties", {}).items():
            assert field.get("description"), f"{part['title']}.{key}"
            assert f"| `{key}` |" in page


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Links between pages and to headings are among what ``--strict`` checks."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert (tmp_path / "site" / "matrix" / "index.html").exists()


@pytest.mark.parametrize(
    "document", [ROOT / name for name in ("README.md", "CHANGELOG.md", "benchmarks/README.md")],
    ids=lambda path: str(path.relative_to(ROOT)),
)  # fmt: skip
def test_links_out_of_pages_that_are_not_on_the_site_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)

    for target in targets:
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = document.parent / path if path else document
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}
