"""Another go line for a module, without a change to any of its files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.golang.command import run_go
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain


def replacements(
    source: Source, toolchain: Toolchain, caches: Path, go_line: str
) -> dict[Path, bytes]:
    """What an overlay puts in the place of go.mod, and of go.work and its modules' go.mod.

    They get the go line, and no toolchain line. Nothing is replaced where ``go_line`` is empty, for
    then the module keeps its own. ``caches`` is Go's build cache for the toolchain.

    Raises:
        HarnessError: the go command cannot read one of the files.
    """
    if not go_line:
        return {}
    mods = [module / "go.mod" for module in (source.module, *source.mains)]
    files = {path: "mod" for path in mods if path.is_file()}
    if source.workspace_file:
        files[source.workspace_file] = "work"
    found = {}
    for path, kind in files.items():
        edit = [kind, "edit", f"-go={go_line}", "-toolchain=none", "-print", str(path)]
        found[path] = run_go(toolchain.goroot, caches, edit).encode()
    return found


@contextmanager
def overlaid(
    source: Source, toolchain: Toolchain, caches: Path, go_line: str
) -> Iterator[list[str]]:
    """Flags with which the go command sees a module with another go line; none for its own."""
    files = replacements(source, toolchain, caches, go_line)
    if not files:
        yield []
        return
    with TemporaryDirectory() as scratch:
        replace = {}
        for number, (path, content) in enumerate(files.items()):
            copy = Path(scratch, f"{number}{path.suffix}")
            copy.write_bytes(content)
            replace[str(path)] = str(copy)
        overlay = Path(scratch, "overlay.json")
        overlay.write_text(json.dumps({"Replace": replace}), encoding="utf-8")
        yield [f"-overlay={overlay}"]
