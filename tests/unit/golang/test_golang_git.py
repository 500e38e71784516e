import subprocess
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.golang.git import hash_of, lasting_name


def git(directory: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=directory, check=True, capture_output=True)  # noqa: S607 - as a user has it


def test_a_commit_is_named_so_that_the_name_lasts(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "-b", "main")
    for title in ("one", "two"):
        git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", title)
    git(tmp_path, "tag", "v1")
    first, second = hash_of(tmp_path, "HEAD~1"), hash_of(tmp_path, "HEAD")

    assert lasting_name(tmp_path, "HEAD~1") == first[:12]
    assert lasting_name(tmp_path, "main") == lasting_name(tmp_path, "HEAD") == second[:12]
    assert lasting_name(tmp_path, "v1") == "v1"
    assert lasting_name(tmp_path, first) == first[:12]
    with pytest.raises(HarnessError):
        lasting_name(tmp_path, "none")
