"""Reports of a run: made from the run directory alone, on any machine, without a network."""

from harness.report.formats import FORMATS, write_reports
from harness.report.history import render_history
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.terminal import terminal_summary

__all__ = [
    "FORMATS",
    "render_history",
    "render_html",
    "render_markdown",
    "terminal_summary",
    "write_reports",
]
