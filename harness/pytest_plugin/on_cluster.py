"""Run the trials of a session on a cluster, in the place of pytest's own loop over items."""

from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

import pytest

from harness.cluster.address import Place
from harness.cluster.connect import connected
from harness.pytest_plugin.collection import MatrixItem
from harness.pytest_plugin.controller import Controller
from harness.pytest_plugin.plugin import relative, user_errors
from harness.run.records import TrialRecord
from harness.session.bench import Dealer, Hosts
from harness.session.invocation import Invocation
from harness.text.visible import visible


class OnCluster:
    """The hooks that take the place of workers of pytest-xdist."""

    def __init__(self, config: pytest.Config, controller: Controller) -> None:
        """Measure what the controller plans on the cluster that the command line names."""
        self._config = config
        self._controller = controller
        self._open = ExitStack()
        self._cluster: Dealer | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Connect before anything is prepared."""
        option = self._config.option
        if getattr(option, "tx", []):
            raise pytest.UsageError(
                "--cluster and -n exclude each other, as each host uses all of its own lanes; "
                "leave out -n, or give -n 0 where addopts has another"
            )
        if option.collectonly:
            return
        place = Place(
            option.cluster, option.cluster_config, option.cluster_insecure,
            tuple(option.cluster_exclude),
        )  # fmt: skip
        with user_errors():
            cluster = self._open.enter_context(connected(place, self._controller.say))
        self._cluster = cluster
        self._controller.bench = Hosts(cluster)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run everything but trials here, and have hosts measure these."""
        if self._cluster is None or session.testsfailed:
            return None
        here = [i for i in session.items if not (isinstance(i, MatrixItem) and i.is_trial)]
        for item, following in zip_longest(here, here[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            _stop_if_told(session)
        with user_errors():
            for path, run in self._controller.runs.items():
                for record in run.dealt(self._cluster):
                    self._report(path, run, record)
                    _stop_if_told(session)
        return True

    def pytest_unconfigure(self) -> None:
        """Disconnect."""
        self._open.close()

    def _report(self, path: Path, run: Invocation, record: TrialRecord) -> None:
        """Report a trial as pytest reports an item that has run."""
        file = relative(path, self._config.rootpath)
        failure = None if record.ok else visible(run.assignment.explain_failure(record))
        report = pytest.TestReport(
            nodeid=f"{file}::{record.id}",
            location=(str(file), None, record.id),
            keywords={},
            outcome="passed" if failure is None else "failed",
            longrepr=failure,
            when="call",
        )
        report.__dict__["gomatrix"] = [str(path), record.model_dump_json()]
        self._config.hook.pytest_runtest_logreport(report=report)


def _stop_if_told(session: pytest.Session) -> None:
    """End as pytest's own loop does, for ``-x`` and ``--maxfail``."""
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
