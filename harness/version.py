"""Which harness this is: version, commit of a checkout, Python, system."""

import platform
import shutil
import subprocess
from pathlib import Path

import harness


def provenance() -> str:
    """One line for bug reports: ``0.1.0 (commit 1a2b3c4), Python 3.11.7, Linux 6.1.0 x86_64``."""
    commit = _commit(Path(harness.__file__).parents[1])
    version = f"{harness.__version__} (commit {commit})" if commit else harness.__version__
    python = f"Python {platform.python_version()}"
    return f"{version}, {python}, {platform.system()} {platform.release()} {platform.machine()}"


def _commit(root: Path) -> str | None:
    """The commit of a checkout that this package is run from, with whether files were changed.

    An installed package, even one below some other repository, has none.
    """
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None

    def ask(*arguments: str) -> str:
        done = subprocess.run(
            [git, *arguments], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.stdout.strip()

    commit = ask("rev-parse", "--short", "HEAD")
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", "harness")
    return f"{commit}, with changes" if commit and changed else commit or None
