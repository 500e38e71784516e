"""Collect matrix files: the same items in every process, which report to the controller."""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from harness.errors import HarnessError
from harness.plan.plan import Cell, Trial
from harness.run.records import TrialRecord
from harness.session.execute import Assignment
from harness.session.stopping import is_decided, is_given_up
from harness.text.visible import visible


class MatrixItem(pytest.Function):
    """An item of a matrix file; its location is the file, not the code that runs it."""

    needed: Callable[[], bool] = staticmethod(lambda: True)
    """Whether it must still run when its turn comes."""
    is_trial = False
    """Whether it measures; else it stands for a cell that is not applicable."""
    record: TrialRecord | None = None
    """The trial's record, once it has run."""
    left = False
    """Whether it was ended, as nobody needed its trial any more."""
    place: tuple[str, int] = ("", 0)
    """Matrix file and position in the plan."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        if hasattr(self, "id"):  # pytest 9.2: parse the brackets as parameters, for --lf
            self._id = type(self.id).parse(self.nodeid)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class MatrixFile(pytest.File):
    """A matrix file: an item for each trial, and one for each cell that is not applicable."""

    collection: "Collection"
    """Set when the file is collected."""

    def collect(self) -> Iterable[pytest.Item]:
        for number, item in enumerate(self._items()):
            item.place = (str(self.path), number)
            yield item

    def _items(self) -> Iterator[MatrixItem]:
        assignment = self.collection.assignments[self.path.resolve()]
        for cell in assignment.plan.cells:
            if cell.reason is not None:
                yield self._skipped(cell)
        for trial in assignment.remaining():
            yield self._trial(assignment, trial)

    def _skipped(self, cell: Cell) -> MatrixItem:
        def not_applicable() -> None:
            pytest.skip(visible(f"not applicable: {cell.reason}"))

        name = f"{cell.workload}[{cell.variant}]"
        item: MatrixItem = MatrixItem.from_parent(self, name=name, callobj=not_applicable)
        item.add_marker(pytest.mark.gomatrix(workload=cell.workload, variant=cell.variant))
        return item

    def _trial(self, assignment: Assignment, trial: Trial) -> MatrixItem:
        def run_trial() -> None:
            failure = None
            try:
                item.record = record = assignment.run(trial, item.needed)
                if record is not None and not record.ok:
                    failure = assignment.explain_failure(record)
            except HarnessError as error:
                failure = str(error)
            if failure is not None:  # outside the handler, so that pytest shows no exception chain
                pytest.fail(visible(failure), pytrace=False)
            if item.record is None:
                item.left = True
                pytest.skip("not needed any more: its workload was decided while it ran")

        item: MatrixItem = MatrixItem.from_parent(self, name=trial.id, callobj=run_trial)
        item.is_trial = True
        item.needed = lambda: (
            not is_decided(assignment.directory, trial.workload)
            and not is_given_up(assignment.directory, trial)
        )
        item.add_marker(pytest.mark.gomatrix(workload=trial.workload, variant=trial.variant))
        return item


@dataclass
class Collection:
    """The hooks of every process that collects matrix files."""

    assignments: dict[Path, Assignment] = field(default_factory=dict)
    """By matrix file."""

    def to_json(self) -> str:
        """For a worker's input."""
        return json.dumps({str(path): a.to_json() for path, a in self.assignments.items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of ``to_json``."""
        values = json.loads(text).items()
        return cls({Path(path): Assignment.from_json(value) for path, value in values})

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        if file_path.resolve() not in self.assignments:
            return None
        collector: MatrixFile = MatrixFile.from_parent(
            parent,
            path=file_path,
            # pytest's own lacks the path of a file outside the root directory
            nodeid=Path(os.path.relpath(file_path, parent.config.rootpath)).as_posix(),
        )
        collector.collection = self
        return collector

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Restore the plan's order, whatever another plugin has shuffled."""
        ours = sorted((i for i in items if isinstance(i, MatrixItem)), key=lambda i: i.place)
        ordered = iter(ours)
        items[:] = [next(ordered) if isinstance(item, MatrixItem) else item for item in items]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave out a trial that was dealt to this worker before its workload was decided."""
        return None if not isinstance(item, MatrixItem) or item.needed() else True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach a trial's record to its report, as text: execnet carries plain types only."""
        report = yield
        if isinstance(item, MatrixItem) and call.when == "call":
            if item.record is not None:
                record = [str(item.path.resolve()), item.record.model_dump_json()]
                report.__dict__["gomatrix"] = record
            elif item.left:
                report.__dict__["gomatrix_left"] = True
        return report
