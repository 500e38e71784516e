"""The command ``gomatrix report``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from harness.analysis.conclusion import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.models import Verdict
from harness.cli.options import examples, exclude_option, runs_argument
from harness.cli.output import say
from harness.errors import HarnessError
from harness.files.inside import write_chosen
from harness.report.formats import FORMATS
from harness.report.history import history_markdown, render_history
from harness.run.directory import is_search, where_its_answer_is
from harness.run.hosts import without_hosts
from harness.run.store import MEASURED, Run

_HISTORIES = {"html": render_history, "md": history_markdown}


@click.command(
    epilog=examples(
        "gomatrix report reports/latest -o report.html",
        "gomatrix report reports/latest --format md",
        "gomatrix report reports/* -o history.html",
    )
)
@runs_argument
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=Path("-"), show_default="standard output", help="Where to write it.",
)  # fmt: skip
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="html",
              show_default=True, help="The format; of several runs html or md.")  # fmt: skip
@exclude_option
def report(runs: tuple[Path, ...], output: Path, style: str, excluded: tuple[str, ...]) -> None:
    """Write the report of a run, or the history of several."""
    if len(runs) > 1:
        if excluded:
            raise HarnessError("--exclude leaves a host out of one run's report; name one run")
        if style not in _HISTORIES:
            raise HarnessError(f"a history of runs is html or md, not {style}; name one run")
        text = _HISTORIES[style](list(_judged(runs)))
    else:
        if is_search(runs[0]):
            say(where_its_answer_is(runs[0]), err=True)
        stored = without_hosts(Run.load(runs[0]), excluded)
        text = FORMATS[style](stored, conclude(stored, evidence=read_evidence(stored)))
    if str(output) == "-":
        with click.open_file("-", "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        write_chosen(output, text, runs, MEASURED)


def _judged(paths: Sequence[Path]) -> Iterator[tuple[Run, Verdict]]:
    """Yield each run with its verdict; name and leave out those that cannot be read."""
    judged = 0
    for path in paths:
        try:
            run = Run.load(path)
            verdict = conclude(run, evidence=read_evidence(run))
        except HarnessError as error:
            say(f"{path} is left out: {' '.join(str(error).split())}", err=True)
            continue
        judged += 1
        yield run, verdict
    if not judged:
        raise HarnessError("none of these runs can be read")
