"""Reports of a run: made from the run directory alone, on any machine, without a network."""

from harness.report.page import render_html
from harness.report.terminal import terminal_summary

__all__ = ["render_html", "terminal_summary"]
