"""Distribute trials to pytest-xdist's workers: in the plan's order, one by one, after builds."""

from collections.abc import Sequence
from typing import Protocol

import pytest
from xdist.dsession import TerminalDistReporter
from xdist.remote import Producer
from xdist.scheduler.load import LoadScheduling
from xdist.workermanage import WorkerController

_AHEAD = 2
"""Items that a worker has: the one that it runs, and the next, without which it would wait."""


class QuietWorkers(TerminalDistReporter):
    """Says only which worker died."""

    def ensure_show_status(self) -> None:
        """Say nothing of workers as they start."""

    def setstatus(self, *_: object, **__: object) -> None:
        """Nor of what they collect."""


class Conductor(Protocol):
    """Decides what is distributed: the plugin's controller."""

    def start(self, node_ids: Sequence[str]) -> None:
        """Called once, when all workers have collected and before any item is sent: builds."""

    def needed(self, node_id: str) -> bool:
        """Called for each item when its turn comes; an item that is not needed is dropped."""

    def lost(self, node_id: str) -> None:
        """Called when a worker died of an item that will be run once more."""


class MatrixScheduling(LoadScheduling):
    """Like ``load``, but no worker gets more items than it needs, so that rounds stay together.

    An item whose worker died is sent once more, to the first worker that is free; if that one dies
    of it too, pytest-xdist reports it as failed.
    """

    def __init__(self, config: pytest.Config, log: Producer, conductor: Conductor) -> None:
        """Schedule for one session."""
        super().__init__(config, log)
        self._conductor = conductor
        self._lost: set[int] = set()

    def schedule(self) -> None:
        """Called by xdist when all workers have collected, and again when one is replaced."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            collection = next(iter(self.node2collection.values()))
            self._conductor.start(collection)
            self.collection = collection
            self.pending[:] = range(len(collection))
        for _ in range(_AHEAD):
            for node in self.nodes:
                self._deal(node, limit=len(self.node2pending[node]) + 1)
        for node in self.nodes:
            self.check_schedule(node)

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:  # noqa: ARG002 - xdist's signature
        """Called by xdist when a worker has finished an item."""
        if not node.shutting_down:
            self._deal(node, limit=_AHEAD)
            if not self.pending:
                node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        """Called by xdist when a worker has died or is done.

        Returns:
            The item that it died of, if it is not run again.
        """
        held = self.node2pending.pop(node)
        if not held or self.collection is None:
            return None
        crashed = held[0]
        failed = crashed in self._lost
        if not failed:
            self._lost.add(crashed)
            self._conductor.lost(self.collection[crashed])
        self.pending[:0] = held[1:] if failed else held
        for other in self.nodes:
            self.check_schedule(other)
        return self.collection[crashed] if failed else None

    def _deal(self, node: WorkerController, limit: int) -> None:
        assert self.collection is not None  # noqa: S101 - narrows the type; set before the first item is sent
        while self.pending and len(self.node2pending[node]) < min(limit, _AHEAD):
            if not self._conductor.needed(self.collection[self.pending[0]]):
                del self.pending[0]
            elif node.shutting_down:
                return
            else:
                self._send_tests(node, 1)
