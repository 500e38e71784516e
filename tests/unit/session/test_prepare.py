import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.golang.experiments import Experiments
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.load import load
from harness.plan.plan import make_plan
from harness.session.prepare import Prepared, build_requests, lanes_for


def test_measuring_is_refused_in_one_line_where_there_is_no_linux(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(HarnessError, match="measuring needs Linux, and this is darwin") as caught:
        lanes_for(Path("matrix.yaml"))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("metrics", "aligned"), [("[rss.peak]", False), ("[rss.peak, cpu.user]", True)]
)
def test_binaries_are_aligned_where_the_question_is_about_a_time(
    tmp_path: Path, metrics: str, *, aligned: bool
) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(
        f"go: [go1.24.3]\nenv: {{GOGC: [50, 100]}}\nquestion: {{metrics: {metrics}}}\n"
        "workloads: [{name: a, package: .}]\n"
    )
    matrix = load(path)
    known = Experiments(known=(), on=frozenset())
    toolchain = Toolchain(
        name="go1.24.3", version="go1.24.3", goroot=tmp_path, provider="path", sha256=None,
        experiments=known, digest="0",
    )  # fmt: skip
    source = Source(
        workload="a", package="a", directory=tmp_path, module=tmp_path, go="1.24", base=tmp_path
    )
    plan = make_plan(matrix.spec, {"go1.24.3": known}, seed=1)
    prepared = Prepared(matrix, {"go1.24.3": toolchain}, {("a", ""): source}, plan, tmp_path)

    requests = build_requests(prepared, [(cell.workload, cell.variant) for cell in plan.cells])

    assert [request.aligned for request in requests] == [aligned]
