import re
from html.parser import HTMLParser

import pytest
from synthetic import ORIGIN, make_run
from verdicts import make_verdict

from harness.analysis.conclusion import conclude
from harness.analysis.models import Verdict
from harness.report.page import render_html
from harness.report.terminal import terminal_summary
from harness.run.store import Run
from harness.text.visible import first_unseen

MIB = 1 << 20
HOSTILE = "</script><img src=x onerror=window.hit=1>\u202e\x1b[31m\"'><b>"


def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
    resident = (422 if variant.startswith("go1.24.3") else 270) * MIB * (1 + 0.002 * number)
    return {"rss.peak": resident, "heap.live": 404.0 * MIB, "cpu.user": 1.25}


def broken(_workload: str, variant: str, _number: int) -> str:
    return "exit 2" if variant == "go1.24.11+noswissmap" else "ok"


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run(measure, outcome=broken)


@pytest.fixture(scope="module")
def verdict(run: Run) -> Verdict:
    return make_verdict(run, "go1.23.9", "go1.24.3")


class Page(HTMLParser):
    """The tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_answers_the_question(run: Run, verdict: Verdict) -> None:
    text = " ".join(Page(render_html(run, verdict)).text.split())
    for expected in (
        "go1.24.3 uses more memory than go1.23.9.",
        "swissmap ruled out",
        "+56.3 %",
        "425 MiB",
        "go1.23.9 does not know the experiment swissmap",
        "every trial failed",
        "grew by 58.0 %",
        "seed 1",
        "gomatrix run matrix.yaml --seed 1",
    ):
        assert expected in text


def test_the_same_run_gives_the_same_bytes(run: Run, verdict: Verdict) -> None:
    assert render_html(run, verdict) == render_html(run, verdict)


def test_nothing_loads_from_elsewhere_and_no_handler_is_inline(run: Run, verdict: Verdict) -> None:
    html = render_html(run, verdict)
    page = Page(html)
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    policies = [value or "" for _, value in page.attributes if "default-src" in (value or "")]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]


def test_hostile_strings_stay_text(verdict: Verdict) -> None:
    matrix = ORIGIN | {
        "workloads": [{"name": "w", "package": "./x", "args": [HOSTILE], "env": {"A": HOSTILE}}],
        # a matrix holds no others in an axis
        "env": {"EVIL": ["".join(c for c in HOSTILE if not first_unseen(c))]},
        "question": None,
    }
    run = make_run(measure, matrix, outcome=broken)
    trials = tuple(t.model_copy(update={"log": HOSTILE, "outcome": HOSTILE}) for t in run.trials)
    manifest = run.manifest.model_copy(
        update={
            "name": HOSTILE, "matrix_text": HOSTILE, "matrix_path": HOSTILE,
            "command": ("gomatrix", HOSTILE),
            "host": run.manifest.host.model_copy(update={"name": HOSTILE, "cpu": HOSTILE}),
        }
    )  # fmt: skip
    evil = verdict.model_copy(
        update={
            "headlines": tuple(
                h.model_copy(update={"sentence": HOSTILE}) for h in verdict.headlines
            ),
            "cells": tuple(c.model_copy(update={"reason": HOSTILE}) for c in verdict.cells),
            "suspects": tuple(
                s.model_copy(update={"reason": HOSTILE, "toggles": (HOSTILE,)})
                for s in verdict.suspects
            ),
            "comparisons": tuple(
                c.model_copy(update={"metric": HOSTILE, "method": HOSTILE})
                for c in verdict.comparisons
            ),
        }
    )
    html = render_html(Run(run.path, manifest, trials), evil)
    page = Page(html)
    assert "img" not in page.tags
    assert page.tags.count("script") == len(re.findall("</script", html))
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "</script><img src=x onerror=window.hit=1>\\u202e\\x1b[31m" in page.text


def test_a_run_without_trials_has_a_page() -> None:
    run = make_run(measure, outcome=lambda _w, _v, _r: "timeout")
    html = render_html(run, make_verdict(run, "go1.23.9", "go1.24.3"))
    assert "No metric changed." in html


def test_one_trial_is_not_drawn_in_order() -> None:
    small = {"go": ["go1.24.3"], "experiments": [[]], "exclude": [], "include": []}
    for trials, drawn in ((1, False), (2, True)):
        run = make_run(measure, ORIGIN | small | {"trials": trials, "question": None})
        page = render_html(run, conclude(run))
        assert ("order-rss-peak" in page) == drawn


def test_terminal_lines_hold_no_line_breaks_and_no_controls(verdict: Verdict) -> None:
    gate = verdict.gates[0].model_copy(update={"message": "a\nb\x1b[2J"})
    lines = terminal_summary(verdict.model_copy(update={"gates": (gate,)}))
    assert lines[:4] == [
        "failed: large-buffers[go1.24.11+noswissmap]: every trial failed",
        "3 cells do not apply; the report says why",
        "gate FAILED: a b\\x1b[2J",
        "large-buffers: go1.24.3 uses more memory than go1.23.9.",
    ]
    assert all("\n" not in line and "\x1b" not in line for line in lines)
