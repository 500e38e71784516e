"""The base of all models."""

import sys
import threading
from collections.abc import Iterator

import pytest
from pydantic import create_model

from harness.models import Frozen


@pytest.fixture
def _busy_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_busy_threads")
def test_threads_may_make_the_first_instances_of_a_model_at_once() -> None:
    """With pydantic before 2.14 one of 60 models fails without the lock."""
    failed: list[Exception] = []

    def make(model: type[Frozen], start: threading.Barrier) -> None:
        start.wait()
        try:
            for _ in range(20):
                model.model_validate({"field_1": 3})
        except Exception as error:  # noqa: BLE001 - seen in another thread
            failed.append(error)

    for number in range(20):
        fields = {f"field_{i}": (int, i) for i in range(20)}
        model = create_model(f"Model{number}", __base__=Frozen, **fields)  # type: ignore[call-overload]
        start = threading.Barrier(4)
        threads = [threading.Thread(target=make, args=(model, start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
