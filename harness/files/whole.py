"""Make a directory that is complete or absent."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import HarnessError, writing

OTHERWISE = "name another place"
"""The remedy where such a directory cannot be written."""


@contextmanager
def whole_directory(destination: Path) -> Iterator[Path]:
    """A new directory to fill, which gets its name when all is done; else nothing is left of it.

    Until then it is a hidden directory beside the destination.

    Raises:
        HarnessError: the destination exists, or cannot be made.
    """
    if os.path.lexists(destination):
        raise HarnessError(f"{destination} exists already; name a new directory")
    missing = [p for p in destination.parents if not p.exists()]
    temporary = destination.parent / f".{secrets.token_hex(8)}"
    try:
        with writing(destination, OTHERWISE):
            temporary.mkdir(parents=True)
        yield temporary
        with writing(destination, OTHERWISE):
            temporary.rename(destination)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            for parent in missing:
                parent.rmdir()
        if isinstance(error, HarnessError):  # nobody knows the temporary name
            message = str(error).replace(f" ({temporary})", "").replace(f" ({temporary.name})", "")
            error.args = (message.replace(str(temporary), str(destination)),)
        raise
