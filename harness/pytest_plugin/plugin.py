"""The pytest plugin: a matrix file named on the command line is collected, measured and judged.

The controller (the only process, without pytest-xdist) prepares the matrix, builds, writes the run
directory and concludes: ``controller``. Workers collect the same plan, run trials and send their
records in test reports: ``collection``. Both are imported only where there is a matrix to run, as
every pytest of the environment loads this plugin.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError
from harness.session.dispositions import see_children_end, stop_as_for_ctrl_c
from harness.text.visible import visible

if TYPE_CHECKING:
    from harness.pytest_plugin.testing import MatrixRun


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gomatrix", "GOEXPERIMENT flag matrix")
    group.addoption(
        "--matrix-seed", type=int, metavar="N", help="Seed for the order of trials within rounds"
    )
    group.addoption("--matrix-resume", type=Path, metavar="DIR", help="Resume this run directory")
    group.addoption(
        "--matrix-shard", metavar="K/N", default="1/1",
        help="Measure only every N-th round, beginning with the K-th",
    )  # fmt: skip
    group.addoption(
        "--reports",
        type=Path,
        metavar="DIR",
        help="Directory of run directories (default: reports)",
    )
    group.addoption(
        "--matrix-run-file", type=Path, metavar="FILE",
        help="Write the path of the run directory to this file, for later commands",
    )  # fmt: skip
    group.addoption(
        "--matrix-any-name", action="store_true",
        help="Treat every file named on the command line as a matrix, as gomatrix run does",
    )  # fmt: skip
    group.addoption(
        "--cluster", metavar="ADDRESS",
        help="Measure on a Dask cluster: tls://HOST:8786, or local:2 to try it",
    )  # fmt: skip
    group.addoption(
        "--cluster-config", type=Path, metavar="FILE",
        help="Dask configuration for the cluster, for certificates",
    )  # fmt: skip
    group.addoption(
        "--cluster-insecure", action="store_true", help="Allow a cluster at tcp:// elsewhere"
    )
    group.addoption(
        "--cluster-exclude", action="append", default=[], metavar="HOST",
        help="Give a host of the cluster no trials; repeatable",
    )  # fmt: skip
    group.addoption(
        "--matrix", type=Path, metavar="FILE", help="Measure this for the fixture matrix_run"
    )
    group.addoption(
        "--matrix-run", type=Path, metavar="DIR", help="A run directory for the fixture matrix_run"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "gomatrix(workload, variant): a trial of that cell of a matrix file"
    )
    worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
    files = matrix_files(config) if worker_input is None else []
    sent = (worker_input or {}).get("gomatrix")
    option = config.option
    others = option.cluster_config, option.cluster_insecure, option.cluster_exclude
    if option.cluster is not None or any(others):
        from harness.cluster import require_address  # noqa: PLC0415 - see the module's docstring

        with user_errors():
            require_address(option.cluster, *others)
    if not files and not sent:
        return
    see_children_end()
    judging = None
    if files and not config.option.collectonly:
        from harness.session.judge_apart import Judging  # noqa: PLC0415 - see the module's docstring

        judging = Judging()
    from harness.pytest_plugin.collection import Collection  # noqa: PLC0415 - see the module's docstring

    collection = Collection.from_json(sent) if sent else Collection()
    config.pluginmanager.register(collection, "gomatrix-collection")
    if files:
        stop_as_for_ctrl_c()
        from harness.pytest_plugin.controller import Controller  # noqa: PLC0415 - as above

        controller = Controller(config, collection, files, judging)
        config.pluginmanager.register(controller, "gomatrix-controller")
        if config.getoption("cluster"):
            from harness.cluster import cluster_room  # noqa: PLC0415 - as above

            with user_errors(), cluster_room():
                from harness.pytest_plugin.on_cluster import OnCluster  # noqa: PLC0415 - as above

            config.pluginmanager.register(OnCluster(config, controller), "gomatrix-cluster")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """``-n auto`` is the number of lanes."""
    files = matrix_files(config)
    if not files:
        return None
    from harness.session.prepare import lanes_for  # noqa: PLC0415 - see the module's docstring

    with user_errors():
        return max(lanes_for(path) for path in files)


@pytest.fixture(scope="session")
def matrix_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "MatrixRun":
    """A run to compare variants of: measured now (``--matrix``) or loaded (``--matrix-run``)."""
    from harness.pytest_plugin.testing import obtain_run  # noqa: PLC0415 - see the module's docstring

    config = request.config
    base = tmp_path_factory.getbasetemp()
    try:
        return obtain_run(
            matrix=config.getoption("matrix"),
            directory=config.getoption("matrix_run"),
            reports=config.getoption("reports") or config.invocation_params.dir / "reports",
            shared=base.parent if hasattr(config, "workerinput") else base,
        )
    except HarnessError as error:
        pytest.fail(visible(str(error)), pytrace=False)


@contextmanager
def user_errors() -> Iterator[None]:
    """End the session with the message of a user's mistake, without a traceback."""
    try:
        yield
    except HarnessError as error:
        messages = re.split(
            r"\n(?! )", visible(str(error))
        )  # an indented line continues the one before
        raise pytest.UsageError(*messages) from None


def matrix_files(config: pytest.Config) -> list[Path]:
    """The matrix files named on the command line; a directory names none."""
    paths: dict[Path, Path] = {}
    for argument in config.args:
        path = config.invocation_params.dir / argument.partition("::")[0]
        usual = path.name in ("matrix.yaml", "matrix.yml") or path.name.endswith(".matrix.yaml")
        if usual or (path.is_file() and config.getoption("matrix_any_name")):
            paths.setdefault(path.resolve(), relative(path, config.invocation_params.dir))
    return list(paths.values())


def relative(path: Path, directory: Path) -> Path:
    """A path relative to a directory, if it lies below it."""
    return path.relative_to(directory) if path.is_relative_to(directory) else path
