"""Paths in a matrix, relative to its file."""

import os
from pathlib import Path

from harness.errors import HarnessError


def beside(base: Path, said: str) -> Path:
    """Resolve a path and its links from the matrix file's directory; it need not exist.

    Raises:
        HarnessError: it cannot be followed: a loop of links, no permission, no home.
    """
    try:
        found = Path(os.path.realpath(base / Path(said).expanduser()))
        found.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise HarnessError(f"{said!r} leads nowhere: {reason}; write another path") from None
    return found
