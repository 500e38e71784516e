"""The formats of a report by name, and where they go."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from harness.analysis.models import Verdict
from harness.files.inside import write_inside
from harness.report.junit import render_junit
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.table import render_benchfmt, render_csv, render_json
from harness.run.store import Run

FORMATS: Mapping[str, Callable[[Run, Verdict], str]] = MappingProxyType(
    {
        "html": render_html,
        "md": render_markdown,
        "json": lambda run, _verdict: render_json(run),
        "csv": lambda run, _verdict: render_csv(run),
        "benchfmt": lambda run, _verdict: render_benchfmt(run),
        "junit": render_junit,
    }
)


def write_reports(run: Run, verdict: Verdict, *, summary: Path | None = None) -> None:
    """Write ``report.html`` and ``report.md`` into the run directory.

    The Markdown is appended to ``summary`` too: what ``GITHUB_STEP_SUMMARY`` names in CI.
    """
    markdown = render_markdown(run, verdict)
    write_inside(run.path, "report.html", render_html(run, verdict))
    write_inside(run.path, "report.md", markdown)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(markdown)
