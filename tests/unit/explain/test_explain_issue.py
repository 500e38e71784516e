"""What an explanation says to an issue tracker: everything but what is the machine's own."""

import re
from pathlib import Path

import pytest
from explained import PATCH, explanation
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ORIGIN, make_run

from harness.bisect.source.patch import unified_diff
from harness.explain.issue import command_of, render_issue, without_places, without_secrets
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
        (["-H", "Authorization: Bearer a=b"], ["-H", "Authorization: …"]),
        (["-db=postgres://me:hunter2@db/x"], ["-db=postgres://…@db/x"]),
        (["auth.example.com:443", "a@b"], ["auth.example.com:443", "a@b"]),
    ],
)
def test_values_of_secrets_are_left_out(words: list[str], shown: list[str]) -> None:
    assert without_secrets(words) == shown


def test_places_of_this_machine_are_left_out(tmp_path: Path) -> None:
    assert without_places(f"see {tmp_path}/secret/go.mod:3") == "see …/go.mod:3"
    assert without_places("~/src/customer/main.go") == "…/main.go"
    assert without_places("--outfile=/dev/shm/customer/main.js") == "--outfile=…/main.js"
    encoded = f"/{'a' * 300}/b"  # a name that is too long for a file system
    for text in (
        encoded, "/memory/classes/profiling/buckets:bytes", "https://go.dev/issue/72991",
        "./cmd/api", "runtime/malloc.go", "137 → 118 MiB, 3/4", "--outfile=/dev/null",
    ):  # fmt: skip
        assert without_places(text) == text


def test_the_command_repeats_the_explanation() -> None:
    request = Request(subject="./cmd/api", args=("-x", "a b"), matrix_text="", older="go1.23.9",
                      newer="go1.24.3", metric="wall", seed=7)  # fmt: skip
    assert command_of(request) == [
        "gomatrix", "explain", "./cmd/api", "--from", "go1.23.9", "--to", "go1.24.3",
        "--metric", "wall", "--smallest", "1%", "--seed", "7", "--", "-x", "a b",
    ]  # fmt: skip


def test_the_command_names_commits_that_are_the_same_tomorrow() -> None:
    request = Request(subject=".", matrix_text="", older="go1.24.3 source=HEAD~1",
                      newer="go1.24.3 source=HEAD", refs=("HEAD~1", "HEAD"),
                      commits=("0123456789ab", "v2"), seed=7)  # fmt: skip
    assert command_of(request)[3:9] == [
        "--to", "go1.24.3", "--from-ref", "0123456789ab", "--to-ref", "v2",
    ]  # fmt: skip


def test_what_a_maintainer_asks_for_is_told_and_nothing_of_the_machine_s_own(
    tmp_path: Path,
) -> None:
    args = [f"-data={tmp_path}/in.csv", "-token=hunter2", "BEGIN { a[$1] < 2 }"]
    workload = {"name": "orders", "package": "./cmd/orders", "args": args}
    matrix: dict[str, object] = {"go": ["go1.23.9", "go1.24.3"], "workloads": [workload]}
    run = make_run(lambda *_: {"rss.peak": 1.0}, matrix)
    host = run.manifest.host.model_copy(
        update={"machine": "x86_64", "transparent_hugepages": "always [madvise] never"}
    )
    told = render_issue(explanation(), run.manifest.model_copy(update={"host": host}))
    for line in (
        (
            "- program orders: package `./cmd/orders` of no module, run with "
            "`'-data=…/in.csv' '-token=…' 'BEGIN { a[$1] < 2 }'`"
        ),
        "- go1.23.9 (test)",
        "- go1.24.3 (test)",
        "- cpu, 2 CPUs, 16.0 GiB, Linux 6.1 x86\\_64, transparent huge pages: madvise",
    ):
        assert line in told.splitlines()
    assert re.search(r"measured by gomatrix 0: 249 trials of 188 builds, .* GOMAXPROCS=1;", told)
    published = {"name": "orders", "module": "example.com/orders@v1.2.0", "args": [".a | b"]}
    run = make_run(lambda *_: {"rss.peak": 1.0}, matrix | {"workloads": [published]})
    assert "`go run example.com/orders@v1.2.0 '.a | b'`" in render_issue(
        explanation(), run.manifest
    )
    load = {"url": "http://127.0.0.1:80/?token=hunter2", "rate": 5, "duration": "2s"}
    served = {"name": "orders", "package": "./o", "server": {"ready": "tcp://:80", "load": load}}
    run = make_run(lambda *_: {"rss.loaded": 1.0}, matrix | {"workloads": [served]})
    issue = render_issue(explanation(), run.manifest)
    assert (
        "no module, under a load of 5 requests/s of http://127.0.0.1:80/?token=… for 2 s" in issue
    )
    for secret in ("hunter2", str(tmp_path), host.name, host.id):
        assert secret not in told
    assert PATCH.rstrip("\n") in told
    titles = [line for line in told.splitlines() if line.startswith("#")]
    assert titles == [
        "## ./cmd/orders: go1.23.9 to go1.24.3", "### What was measured", "### What changed",
        "### Which release brought it", "### What can be turned on and off",
        "### Which code of the standard library", "### The cure", "### Again",
    ]  # fmt: skip


def test_declarations_that_are_only_counted_are_named_too() -> None:
    known = explanation()
    (cause,) = known.causes
    names = ("runtime.mallocgcLarge", "runtime.(*mspan).initHeapBits")
    stages = tuple(
        stage.model_copy(
            update={"answer": "the difference is made by 25 declarations", "functions": names}
        )
        if stage.kind == "source" else stage
        for stage in cause.bisection.stages
    )  # fmt: skip
    bisection = cause.bisection.model_copy(update={"stages": stages})
    counted = known.model_copy(
        update={"causes": (cause.model_copy(update={"bisection": bisection}),)}
    )
    manifest = make_run(lambda *_: {"rss.peak": 1.0}, ORIGIN).manifest
    line = "They are `runtime.mallocgcLarge` and `runtime.(*mspan).initHeapBits`."
    assert line in render_issue(counted, manifest).splitlines()
    assert "They are" not in render_issue(known, manifest)


def test_what_ended_before_a_comparison_did_says_what_was_measured() -> None:
    run = make_run(lambda *_: {"rss.peak": 1.0})
    early = explanation().model_copy(
        update={"changes": (), "causes": (), "finished": False, "builds": 0, "trials": 22}
    )
    told = render_issue(early, run.manifest)
    assert "- program large-buffers: package `./large`" in told
    assert "measured by gomatrix 0: 22 trials, in shuffled rounds" in told
    assert "### What changed" not in told


_LINES = st.lists(st.sampled_from(["a", "b", "--- x", "+++ y", "@@ z", "", "\\"]), max_size=30)


@settings(deadline=None)
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
