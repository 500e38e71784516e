"""What files and directories hold, each looked at once."""

import hashlib
import os
import stat
from collections.abc import Mapping

ABSENT = "absent"


class Seen:
    """Contents as they were when they were first looked at.

    One goes through an invocation with each workload, so that all its binaries are made from the
    same sources, and so that a change in between is noticed.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        """By path: the sha256 of the content, or what there is in place of a file."""
        self.directories: dict[str, str] = {}
        """By path: the sha256 of names and kinds of what is in it."""
        self.newest = 0.0
        """When the youngest of them was changed, in seconds since the epoch."""

    def file(self, path: str) -> str:
        """The state of a file, links followed."""
        if path not in self.files:
            self.files[path] = self._file(path)
        return self.files[path]

    def directory(self, path: str) -> str:
        """The state of a directory: what is in it, without the contents."""
        if path not in self.directories:
            self.directories[path] = self._directory(path)
        return self.directories[path]

    def holds(self, files: Mapping[str, str], directories: Mapping[str, str]) -> bool:
        """Whether all of them are as they are given."""
        return all(self.file(path) == state for path, state in files.items()) and all(
            self.directory(path) == state for path, state in directories.items()
        )

    def adopt(self, other: "Seen") -> list[str]:
        """Take over what another has seen; the paths of files that it saw otherwise."""
        differing = [p for p, s in other.files.items() if self.files.setdefault(p, s) != s]
        for path, state in other.directories.items():
            self.directories.setdefault(path, state)
        return differing

    def _file(self, path: str) -> str:
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                status = os.fstat(file.fileno())
                self.newest = max(self.newest, status.st_ctime)
                if not stat.S_ISREG(status.st_mode):
                    return f"kind {stat.S_IFMT(status.st_mode)}"
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        except IsADirectoryError:
            return "directory"
        except OSError as error:
            return f"unreadable: {error.strerror}"

    def _directory(self, path: str) -> str:
        try:
            self.newest = max(self.newest, os.stat(path).st_ctime)  # noqa: PTH116 - paths are text here
            with os.scandir(path) as entries:
                names = sorted((e.name, e.is_symlink(), e.is_dir(), e.is_file()) for e in entries)
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        except OSError as error:
            return f"unreadable: {error.strerror}"
        return hashlib.sha256(repr(names).encode()).hexdigest()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, but do not wait for one that writes to a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
