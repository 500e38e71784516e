"""Published programs as workloads, unchanged, straight from the module proxy."""

import os
from pathlib import Path

import pytest
from services import missing
from trials import trial_request

from harness.errors import HarnessError
from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import default_cache
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import BuildSpec, ServerSpec, ToolchainSpec, WorkloadSpec
from harness.trial.trial import TrialResult, run_trial

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

ROOT = Path(__file__).parents[2]
VERSIONS = ("go1.24.3", "go1.26.6")
ESBUILD = "github.com/evanw/esbuild/cmd/esbuild@v0.25.5"
PRESENT = "golang.org/x/tools/cmd/present@v0.24.0"
CADDY = "github.com/caddyserver/caddy/v2/cmd/caddy@v2.9.1"


class Shop:
    """Builds published modules."""

    def __init__(self) -> None:
        self.cache = default_cache()
        self.toolchains = resolve([ToolchainSpec(go=v) for v in VERSIONS], self.cache, print)
        self.newest: Toolchain = self.toolchains[VERSIONS[-1]]

    def build(self, module: str, version: str) -> Path:
        workload = WorkloadSpec(name="published", module=module)
        try:
            source = locate(workload, ROOT, self.newest, self.cache)
        except HarnessError as error:
            missing(f"the module proxy cannot be reached, or does not have it: {error}")
        request = BuildRequest(
            source=source, toolchain=self.toolchains[version], settings=(), build=BuildSpec()
        )
        (record,) = build_all([request], self.cache, print)
        if record.error and "dial tcp" in record.error:
            missing(f"the module proxy cannot be reached: {record.error}")
        assert record.error is None, record.error
        return Path(record.binary)

    def tool(self, name: str) -> Path:
        source = ROOT / "harness" / "trial" / name
        return build_tool(Tool(source, self.newest), self.cache)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


def assert_all_metrics(result: TrialResult, version: str) -> None:
    assert result.outcome == "ok", result.log + result.load_log
    assert result.go_version is not None
    assert result.go_version.startswith(version)
    missing = {n for n, value in result.metrics.items() if value is None}
    if not result.metrics["gc.cycles"]:  # as esbuild does: it turns the collector off
        missing -= {"gc.pause.p50", "gc.pause.p99", "gc.pause.max"}
    assert missing == set(), result.notes


@pytest.mark.parametrize("version", VERSIONS)
def test_esbuild_bundles_a_source_tree(shop: Shop, version: str, tmp_path: Path) -> None:
    binary = shop.build(ESBUILD, version)
    sources = tmp_path / "source"
    sources.mkdir()
    count = 300
    for i in range(count):
        lines = [f"export const v{i}_{j} = (x) => x * {j} + {i};" for j in range(100)]
        (sources / f"m{i}.js").write_text("\n".join(lines))
    imports = "".join(f'import * as m{i} from "./m{i}.js";' for i in range(count))
    uses = "".join(f"console.log(m{i}.v{i}_7(3));" for i in range(count))
    (sources / "main.js").write_text(imports + uses)
    directory = tmp_path / "trial"
    directory.mkdir()
    result = run_trial(
        trial_request(
            shop.tool("supervisor"), binary,
            *("{here}/main.js", "--bundle", "--minify", "--outfile={tmp}/out.js"),
            directory=directory, here=sources, profile=tmp_path / "heap.pb.gz", timeout=60.0,
        )
    )  # fmt: skip
    assert_all_metrics(result, version)
    assert (directory / "out.js").stat().st_size > 1000
    assert (tmp_path / "heap.pb.gz").stat().st_size > 0


@pytest.mark.parametrize("version", VERSIONS)
def test_present_answers_under_load(shop: Shop, version: str, tmp_path: Path) -> None:
    binary = shop.build(PRESENT, version)
    directory = tmp_path / "trial"
    directory.mkdir()
    server = ServerSpec.model_validate(
        {
            "ready": "http://127.0.0.1:{port}/",
            "load": {"url": "http://127.0.0.1:{port}/", "rate": 200, "duration": "1s"},
            "idle": "100ms",
            "settle": "100ms",
        }
    )
    result = run_trial(
        trial_request(
            shop.tool("supervisor"), binary, "-http=127.0.0.1:{port}", "-content={here}",
            load_generator=shop.tool("loadgen"),
            directory=directory, server=server, here=tmp_path,
            profile=tmp_path / "heap.pb.gz",
        )
    )  # fmt: skip
    assert_all_metrics(result, version)
    assert result.metrics["requests"] == 200


@pytest.mark.skipif(
    "GOMATRIX_TEST_LARGE" not in os.environ,
    reason="builds caddy for minutes; set GOMATRIX_TEST_LARGE to any value to have it",
)
@pytest.mark.parametrize("version", VERSIONS)
def test_caddy_serves_files_under_load(shop: Shop, version: str, tmp_path: Path) -> None:
    binary = shop.build(CADDY, version)
    (tmp_path / "page.html").write_text("<p>page</p>" * 1000)
    directory = tmp_path / "trial"
    directory.mkdir()
    server = ServerSpec.model_validate(
        {
            "ready": "http://127.0.0.1:{port}/page.html",
            "load": {"url": "http://127.0.0.1:{port}/page.html", "rate": 300, "duration": "2s"},
            "idle": "100ms",
            "settle": "200ms",
        }
    )
    result = run_trial(
        trial_request(
            shop.tool("supervisor"), binary,
            *("file-server", "--listen=127.0.0.1:{port}", "--root={here}"),
            load_generator=shop.tool("loadgen"),
            directory=directory, server=server, here=tmp_path,
            profile=tmp_path / "heap.pb.gz",
        )
    )  # fmt: skip
    assert_all_metrics(result, version)
    assert result.metrics["requests"] == 600
