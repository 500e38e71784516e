"""What an explanation says to an issue tracker: everything but what is the machine's own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bisect.source.patch import unified_diff
from harness.explain.issue import command_of, without_places, without_secrets
from harness.explain.record import Request
from harness.golang.patches import apply_patches, reverse


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-token=abc", "-n=3"], ["-token=…", "-n=3"]),
        (["--api-key", "abc", "run"], ["--api-key", "…", "run"]),
        (["-password", "-n", "3"], ["-password", "-n", "3"]),
        (["DB_PASSWORD=hunter2"], ["DB_PASSWORD=…"]),
        (["-retain-mib=256"], ["-retain-mib=256"]),
    ],
)
def test_values_of_secrets_are_left_out(words: list[str], shown: list[str]) -> None:
    assert without_secrets(words) == shown


def test_places_of_this_machine_are_left_out(tmp_path: Path) -> None:
    assert without_places(f"see {tmp_path}/secret/go.mod:3") == "see …/go.mod:3"
    assert without_places("~/src/customer/main.go") == "…/main.go"
    for text in (
        "/memory/classes/profiling/buckets:bytes", "https://go.dev/issue/72991", "./cmd/api",
        "runtime/malloc.go", "137 → 118 MiB, 3/4",
    ):  # fmt: skip
        assert without_places(text) == text


def test_the_command_repeats_the_explanation() -> None:
    request = Request(subject="./cmd/api", args=("-x", "a b"), matrix_text="", older="go1.23.9",
                      newer="go1.24.3", metric="wall", seed=7)  # fmt: skip
    assert command_of(request) == [
        "gomatrix", "explain", "./cmd/api", "--from", "go1.23.9", "--to", "go1.24.3",
        "--metric", "wall", "--smallest", "1%", "--seed", "7", "--", "-x", "a b",
    ]  # fmt: skip


_LINES = st.lists(st.sampled_from(["a", "b", "--- x", "+++ y", "@@ z", "", "\\"]), max_size=30)


@given(old=_LINES, new=_LINES, ended=st.booleans())
def test_a_reversed_patch_undoes_the_patch(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], *, ended: bool
) -> None:
    texts = ["".join(f"{line}\n" for line in lines) for lines in (old, new)]
    if not ended:
        texts = [text.removesuffix("\n") for text in texts]
    if texts[0] == texts[1]:
        return
    root = tmp_path_factory.mktemp("goroot")
    (root / "src").mkdir()
    name = "src/f.go"
    patch, back = root / "p.diff", root / "back.diff"
    patch.write_bytes(unified_diff({name: texts[0]}, {name: texts[1]}).encode())
    back.write_bytes(reverse(patch.read_bytes().decode()).encode())
    (root / name).write_bytes(texts[1].encode())
    assert apply_patches(root, [back]) == {name: texts[0]}
