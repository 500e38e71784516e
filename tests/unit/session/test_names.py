"""Misspelt names are refused without a toolchain: none can be had in these tests."""

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.matrix.load import load
from harness.session.names import check_names
from harness.session.prepare import prepare

MATRIX = """\
go: [go1.23.9, go1.24.3]
experiments: [[], [noswissmap]]
env: {GOGC: ["50", "100"]}
exclude: [{go: go1.23.9, experiments: [noswissmap], env: {GOGC: "50"}}]
question:
  baseline: go1.23.9 GOGC=50
  candidate: go1.24.3 GOGC=50
  metrics: [rss.peak]
  suspects: [swissmap]
workloads: [{name: large-buffers, package: .}]
gates: [{metric: rss.peak, max: 1GiB, candidate: go1.24.3 GOGC=100}]
"""


@pytest.fixture
def no_toolchains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def resolve(*_: object) -> None:
        pytest.fail("a toolchain was asked for")

    monkeypatch.setattr("harness.session.prepare.resolve", resolve)
    return tmp_path / "matrix.yaml"


CASES = {
    "[noswissmap]]": (
        "[noswismap]]",
        "2:20: no toolchain of this matrix knows the experiment setting 'noswismap' (no + 'swismap')",  # noqa: E501
        "noswissmap",
    ),
    "{go: go1.23.9": (
        "{go: go1.23.8",
        "4:16: there is no toolchain 'go1.23.8' in this matrix",
        "go1.23.9",
    ),
    "experiments: [noswissmap],": (
        "experiments: [noswismap],",
        "4:40: there is no experiment setting 'noswismap' in this matrix",
        "noswissmap",
    ),
    'env: {GOGC: "50"}': (
        'env: {GOGCC: "50"}',
        "4:66: there is no variable 'GOGCC' in this matrix",
        "GOGC",
    ),
    "baseline: go1.23.9": (
        "baseline: go1.23.8",
        "6:13: there is no variant 'go1.23.8 GOGC=50' in this matrix",
        "go1.23.9 GOGC=50",
    ),
    "metrics: [rss.peak]": (
        "metrics: [rss.paek]",
        "8:13: there is no metric 'rss.paek' in this matrix",
        "rss.peak",
    ),
    "suspects: [swissmap]": (
        "suspects: [swismap]",
        "9:14: there is no experiment 'swismap' in this matrix",
        "swissmap",
    ),
    "metric: rss.peak": (
        "metric: rss.peek",
        "11:18: there is no metric 'rss.peek' in this matrix",
        "rss.peak",
    ),
    "go1.24.3 GOGC=100": (
        "go1.24.3 GOGC=10",
        "11:50: there is no variant 'go1.24.3 GOGC=10' in this matrix",
        "go1.24.3 GOGC=100",
    ),
}
"""What is right, what is wrong, where and how that is told, the nearest name."""


@pytest.mark.parametrize("right", CASES)
def test_a_misspelt_name_is_refused_before_any_toolchain_is_asked_for(
    no_toolchains: Path, right: str
) -> None:
    wrong, said, nearest = CASES[right]
    assert MATRIX.count(right) == 1
    no_toolchains.write_text(MATRIX.replace(right, wrong))

    with pytest.raises(HarnessError) as caught:
        prepare(load(no_toolchains), seed=1, say=print)

    assert str(caught.value) == f"{no_toolchains}:{said}; did you mean {nearest!r}?"


@pytest.mark.parametrize("select", ["larg-bufers", "larg-bufers or larg_buffers", "(larg-bufers)"])
def test_a_selection_of_nothing_is_refused(no_toolchains: Path, select: str) -> None:
    no_toolchains.write_text(MATRIX)
    with pytest.raises(HarnessError) as told:
        check_names(load(no_toolchains), select)
    assert str(told.value).startswith(
        f"no trial matches {select!r}; did you mean 'large-buffers'?; workloads: large-buffers; "
    )


@pytest.mark.parametrize(
    "select", [None, "LARGE", "large-buffers and r01", "not nothing", "nothing or gogc", "r20]"]
)
def test_what_may_select_trials_is_left_to_pytest(no_toolchains: Path, select: str | None) -> None:
    no_toolchains.write_text(MATRIX)
    check_names(load(no_toolchains), select)


def test_names_that_only_a_toolchain_can_tell_are_left_to_it(no_toolchains: Path) -> None:
    no_toolchains.write_text(
        "go: [{path: /go, name: ours}]\nexperiments: [[], [ourown]]\n"
        "question: {suspects: [another]}\nworkloads: [{name: a, package: .}]\n"
    )
    check_names(load(no_toolchains))
