"""Run git on a Go source repository."""

import os
import shutil
import subprocess
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.environment import passed_environment


def run_git(directory: Path, *arguments: str) -> str:
    """Run git; nothing of the caller's, such as ``GIT_DIR`` within a hook, names another place.

    Args:
        directory: of the repository, or of what is to become one.
        arguments: what follows ``git``.

    Returns:
        Its standard output.

    Raises:
        HarnessError: there is no git, or it failed.
    """
    git = shutil.which("git")
    if git is None:
        raise HarnessError("a Go source repository needs git, which is not on PATH; install it")
    done = subprocess.run(
        [git, "-c", "core.autocrlf=false", *arguments], cwd=directory,
        env={"GIT_TERMINAL_PROMPT": "0"} | passed_environment(os.environ) | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode != 0:
        message = done.stderr.strip() or "it has no such commit"
        raise HarnessError(f"git {arguments[0]} in {directory}, {arguments[-1]!r}: {message}")
    return done.stdout
