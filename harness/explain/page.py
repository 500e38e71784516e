"""The report of an explanation: a story from the change to its cause."""

import shlex
from functools import partial
from pathlib import Path

from harness.bisect.page import figures, interval_of
from harness.bisect.sentences import against
from harness.explain.issue import command_of, render_issue
from harness.explain.record import Explanation
from harness.explain.story import cost, parts, rows, title
from harness.files.inside import write_inside
from harness.report.page import render_page
from harness.run.records import Manifest


def write_explanation(directory: Path, known: Explanation, manifest: Manifest | None) -> None:
    """Write the page, its Markdown and the patches into the run directory.

    There is no Markdown before there is a manifest.
    """
    write_inside(directory, "report.html", render_explanation(known))
    if manifest is not None:
        write_inside(directory, "report.md", render_issue(known, manifest))
    write_inside(directory, "matrix.yaml", known.request.matrix_text)
    for number, cause in enumerate(known.causes, 1):
        end = "" if number == 1 else f"-{number}"
        for stage in cause.bisection.stages:
            for name, patch in (("culprit", stage.patch), ("remedy", stage.remedy)):
                if patch is not None:
                    write_inside(directory, f"{name}{end}.diff", patch)


def render_explanation(known: Explanation) -> str:
    """The whole page. The same explanation gives the same bytes."""
    units = [cause.bisection.unit for cause in known.causes]
    return render_page(
        "explanation.html.j2",
        known=known,
        title=title(known),
        cost=cost(known),
        rows=rows(known),
        story=parts(known),
        figures=[figures(cause.bisection) for cause in known.causes],
        against=[partial(against, unit=unit) for unit in units],
        interval=[partial(interval_of, unit=unit) for unit in units],
        tone=_tone(known),
        again=shlex.join(command_of(known.request)),
    )


def _tone(known: Explanation) -> str:
    directions = {change.worse for change in known.changes if change.changed}
    if not directions:
        return "same"
    return "worse" if True in directions else "better" if False in directions else "changed"
