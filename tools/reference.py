"""Write the reference pages: ``python tools/reference.py``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import commands_page
import matrix_page
import metrics_page

DOCS = Path(__file__).parents[1] / "docs"
PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "commands.md": commands_page.markdown,
        "matrix.md": matrix_page.markdown,
        "metrics.md": metrics_page.markdown,
    }
)

if __name__ == "__main__":
    for name, markdown in PAGES.items():
        (DOCS / name).write_text(markdown(), encoding="utf-8")
