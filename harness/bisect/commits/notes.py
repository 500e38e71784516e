"""What a repository's release notes say of a commit."""

import re
from pathlib import Path

from harness.bisect.commits.history import Commit, try_git
from harness.golang.git import run_git

_CHANGE = re.compile(r"^Reviewed-on: \S+/(\d+)$", re.MULTILINE)
_FIXES = re.compile(r"^(?:Fixes|Updates|For) (?:golang/go)?#(\d+)", re.MULTILINE)
_MARKUP = re.compile(r"<!--.*?-->|<[^>]+>|\[|\]\([^)]*\)|`", re.DOTALL)
_LONGEST = 400


def release_note(repository: Path, commit: Commit, newest: str) -> str | None:
    """Find the line of the release notes that names the commit's change or its issue, if any."""
    own = [name for name in commit.files if name.startswith("doc/next/") and name.endswith(".md")]
    for name in own:
        text = try_git(repository, "cat-file", "blob", f"{commit.hash}:{name}")
        if text:  # else the commit deletes it
            return _plain(text)
    message = run_git(repository, "show", "--no-patch", "--format=%B", commit.hash)
    words = [f"CL {number}\\b" for number in _CHANGE.findall(message)]
    words += [f"/c/go/[+]/{number}\\b" for number in _CHANGE.findall(message)]
    words += [f"(go.dev/issue/|#){number}\\b" for number in _FIXES.findall(message)]
    if not words:
        return None
    text = try_git(
        repository, "grep", "-h", "-I", "-E", "-e", "|".join(words), newest, "--",
        "doc/next", "doc/initial", "doc/go1.*.html", "doc/go1.*.md",
    )  # fmt: skip
    return _plain(text.splitlines()[0]) if text else None


def _plain(text: str) -> str:
    words = " ".join(_MARKUP.sub("", text).split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
