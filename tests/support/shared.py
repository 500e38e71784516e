"""What is expensive and made once for all of pytest-xdist's workers."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.files.locks import hold_lock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A directory of this session that the first who asks for it fills; others wait."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory, made = shared / name, shared / f"{name}.made"
    with hold_lock(shared / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            make(directory)
            made.touch()
    return directory
