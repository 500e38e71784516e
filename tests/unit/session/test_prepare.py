import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.session.prepare import lanes_for


def test_measuring_is_refused_in_one_line_where_there_is_no_linux(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(HarnessError, match="measuring needs Linux, and this is darwin") as caught:
        lanes_for(Path("matrix.yaml"))
    assert len(str(caught.value).splitlines()) == 1
