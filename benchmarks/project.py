"""Throw-away projects and caches that benchmarks run the harness with."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.golang.cache import default_cache

MAIN = "package main\n\n%s\n"


@contextmanager
def project(program: str, matrix: str) -> Iterator[Path]:
    """A temporary directory with one Go program, ``./program``, and a matrix file."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "program").mkdir()
        (root / "go.mod").write_text("module program\n\ngo 1.21\n", encoding="utf-8")
        (root / "program" / "main.go").write_text(MAIN % program, encoding="utf-8")
        (root / "matrix.yaml").write_text(matrix, encoding="utf-8")
        yield root


def gomatrix(root: Path, *arguments: str) -> Path:
    """Run ``gomatrix run`` there; gives the run directory."""
    command = [str(Path(sys.executable).with_name("gomatrix")), "run", *arguments]
    subprocess.run(command, cwd=root, env=os.environ, check=True, stdout=subprocess.DEVNULL)
    return (root / "reports" / "latest").resolve()


def cache_without_builds(cache: Path) -> Path:
    """Make a cache that has the user's toolchains and nothing else."""
    cache.mkdir()
    for kind in ("toolchains", "identities", "facts"):
        (default_cache() / kind).mkdir(exist_ok=True)
        (cache / kind).symlink_to(default_cache() / kind)
    return cache
