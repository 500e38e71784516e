"""Digests of files and directories, each read once."""

import hashlib
import os
import stat
from collections.abc import Mapping


class Seen:
    """Contents as they were when they were first looked at.

    One goes through an invocation with each workload, so that all its binaries are made from the
    same sources, and so that a change in between is noticed.
    """

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        """By path: the sha256 of a file's content, or what there is in its place; by path with a
        slash at its end: the sha256 of names and kinds of what is in a directory."""
        self.newest = 0.0
        """When the latest of them was changed, in seconds since the epoch."""

    def file(self, path: str) -> str:
        """Return the state of a file; links are followed."""
        return self._state(path)

    def directory(self, path: str) -> str:
        """Return the state of a directory: names and kinds of its entries."""
        return self._state(f"{path}/")

    def holds(self, states: Mapping[str, str]) -> bool:
        """Return whether all states are still as given."""
        return all(self._state(path) == state for path, state in states.items())

    def adopt(self, other: "Seen") -> list[str]:
        """Add what another has seen; return paths of files that differ."""
        differing = [p for p, s in other.states.items() if self.states.setdefault(p, s) != s]
        return [path for path in differing if not path.endswith("/")]

    def _state(self, path: str) -> str:
        if path not in self.states:
            look = self._directory if path.endswith("/") else self._file
            try:
                self.states[path] = look(path)
            except (FileNotFoundError, NotADirectoryError):
                self.states[path] = "absent"
            except IsADirectoryError:
                self.states[path] = "directory"
            except OSError as error:
                self.states[path] = f"unreadable: {error.strerror}"
        return self.states[path]

    def _file(self, path: str) -> str:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            self.newest = max(self.newest, status.st_ctime)
            if not stat.S_ISREG(status.st_mode):
                return f"kind {stat.S_IFMT(status.st_mode)}"
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _directory(self, path: str) -> str:
        self.newest = max(self.newest, os.stat(path).st_ctime)  # noqa: PTH116 - paths are text here
        with os.scandir(path) as entries:
            names = sorted((e.name, e.is_symlink(), e.is_dir(), e.is_file()) for e in entries)
        return hashlib.sha256(repr(names).encode()).hexdigest()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
