"""What tests need of the machine and the network."""

import os
import shutil
from typing import NoReturn

import pytest

needs_c = pytest.mark.skipif(
    shutil.which("gcc") is None and os.environ.get("CI") != "true", reason="there is no C compiler"
)


def missing(service: str) -> NoReturn:
    """Skip a test for want of a service; fail it where CI should have provided the service."""
    if os.environ.get("CI") == "true":
        pytest.fail(service)
    pytest.skip(service)
