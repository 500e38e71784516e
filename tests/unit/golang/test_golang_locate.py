"""Why a published program was not found, told by what the go command says of each prefix."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.golang.sources import locate


class _Proxy:
    """A go command that knows one module."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def anywhere(self, *arguments: str) -> dict[str, Any]:
        module = arguments[-1]
        if module != "example.com/tools@v1.0.0":
            raise HarnessError(f"{module}: not found")
        return {"Version": "v1.0.0", "Dir": str(self._directory)}


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("tools/cmd/nowhere@v1.0.0", "no directory cmd/nowhere in example.com/tools@v1.0.0"),
        ("tools/cmd/here@v9.0.0", "example.com/tools/cmd/here@v9.0.0: not found"),
    ],
)
def test_the_longest_path_tells_why_it_was_not_found(
    program: str, why: str, tmp_path: Path
) -> None:
    path, _, version = f"example.com/{program}".partition("@")
    with pytest.raises(HarnessError, match=f"^module {path}@{version}: .*{why}$"):
        locate._download(path, version, _Proxy(tmp_path), tmp_path / "source")  # type: ignore[arg-type]
