"""Run git on a Go source repository."""

import os
import shutil
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.command import capture
from harness.golang.environment import passed_environment


def run_git(directory: Path, *arguments: str) -> str:
    """Run git in a directory, whatever ``GIT_DIR`` a hook has set; return its standard output.

    Raises:
        HarnessError: there is no git, or it failed.
    """
    git = shutil.which("git")
    if git is None:
        raise HarnessError("a Go source repository needs git, which is not on PATH; install it")
    environment = {"GIT_TERMINAL_PROMPT": "0"} | passed_environment(os.environ) | {"LC_ALL": "C"}
    done = capture([git, "-c", "core.autocrlf=false", *arguments], environment, directory)
    if done.returncode != 0:
        message = done.stderr.strip() or "it has no such commit"
        raise HarnessError(f"git {arguments[0]} in {directory}, {arguments[-1]!r}: {message}")
    return done.stdout


def lasting_name(repository: Path, ref: str) -> str:
    """A name that a commit still has tomorrow: a tag's, or the first 12 digits of its hash.

    Raises:
        HarnessError: there is none, or there is no git.
    """
    commit = hash_of(repository, ref)
    tags = run_git(repository, "tag", "--points-at", commit).split()
    return ref if ref in tags else commit[:12]


def hash_of(repository: Path, ref: str) -> str:
    """The full hash of a commit, branch or tag.

    Raises:
        HarnessError: there is none, or there is no git.
    """
    query = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return run_git(repository, *query).strip()
