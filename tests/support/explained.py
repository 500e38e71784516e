"""An explanation of the size of a real one, made of numbers: nothing is measured."""

from harness.analysis.models import Suspect
from harness.bisect.compare import EndsEffect
from harness.bisect.points import Finding, State
from harness.bisect.record import Bisection, Stage, Step
from harness.bisect.record import Request as BisectRequest
from harness.explain.record import Cause, Change, Cure, Explanation, Request, Where

OLDER, NEWER = "go1.23.9", "go1.24.3"
MATRIX = """\
go: [go1.23.9, go1.24.3]
question: {metrics: [rss.peak]}
workloads:
  - {name: orders, package: ./cmd/orders, args: [-selftest]}
  - {name: importer, package: ./cmd/importer}
"""
PATCH = """\
--- a/src/runtime/malloc.go
+++ b/src/runtime/malloc.go
@@ -1420,5 +1420,4 @@
-if noscan := typ == nil || !typ.Pointers(); noscan && needzero && span.needzero != 0 {
+// Memory of objects that contain pointers is zeroed here as well.
+if needzero && span.needzero != 0 {
 memclrNoHeapPointersChunked(size, x)
 }
"""
RULED_OUT = ("swissmap", "spinbitmutex", "aliastypeparams", "synchashtriemap", "multipathtcp=0",
             "randseednop=0", "rsa1024min=0", "tlsmlkem=0", "x509rsacrt=0", "x509usepolicies=0",
             "deadlocals")  # fmt: skip
MIB = 1 << 20


def explanation(hybrids: int = 120) -> Explanation:
    """From a change of two workloads to one declaration, each step of it."""
    worse = EndsEffect(ratio=1.6, ci=(1.598, 1.602), difference=97.0 * MIB,
                       difference_ci=(96.8 * MIB, 97.2 * MIB), rounds=3, decision="changed",
                       size=259.0 * MIB)  # fmt: skip
    less = worse.model_copy(update={"ratio": 1.21, "ci": (1.19, 1.23), "rounds": 5})
    changes = (
        Change(workload="orders", metric="rss.peak", unit="bytes", effect=worse, worse=True,
               answer=f"with {NEWER} rss.peak of orders is 60 % higher (162 → 259 MiB; 59.8 to "
               f"60.2 %, 3 rounds) than with {OLDER}"),
        Change(workload="importer", metric="rss.peak", unit="bytes", effect=less, worse=True,
               answer=f"with {NEWER} rss.peak of importer is 21 % higher than with {OLDER}",
               same_as="orders"),
    )  # fmt: skip
    return Explanation(
        request=Request(subject="./cmd/orders", args=("-selftest",), matrix_text=MATRIX,
                        older=OLDER, newer=NEWER, seed=7),
        headline=f"{changes[0].answer}; the first bad release is go1.24.0, after go1.23.12; "
        "swissmap, spinbitmutex, aliastypeparams and 8 other toggles ruled out; the difference is "
        f"made by runtime.mallocgcLarge in runtime/malloc.go; {NEWER} with culprit.diff "
        f"reverted is like {OLDER} again (+0.1 % against {OLDER}, 2 rounds)",
        changes=changes, where=(
            Where(workload="orders", sentence="resident but unseen by the runtime: 97.0 MiB more "
                  "resident memory of the Go heap was never written"),),
        moved=("orders: rss.end +60.0 %, rss.avg +55.7 % and binary.size −2.0 %",),
        causes=(cause(hybrids),), finished=True, trials=249, builds=188,
    )  # fmt: skip


def cause(hybrids: int) -> Cause:
    """What the larger change was followed to."""
    request = BisectRequest(matrix="matrix.yaml", matrix_text=MATRIX, workload="orders",
                            metric="rss.peak", good=OLDER, bad=NEWER, seed=7)  # fmt: skip
    cured = finding(f"{NEWER}~cured", "good", 1.001)
    stages = (ends(), releases(), toggles(), source(hybrids))
    return Cause(
        workload="orders", metric="rss.peak",
        bisection=Bisection(request=request, unit="bytes", direction="regression", changed=True,
                            headline="the origin", stages=stages, finished=True, trials=249,
                            builds=188),
        cure=Cure(what="culprit.diff reverted", finding=cured, restored=True,
                  answer=f"{NEWER} with culprit.diff reverted is like {OLDER} again (+0.1 % "
                  f"against {OLDER}, 2 rounds)"),
    )  # fmt: skip


def finding(point: str, state: State, ratio: float | None, reason: str | None = None) -> Finding:
    """A point that was measured in three rounds, or not at all."""
    if ratio is None:
        return Finding(point=point, state=state, reason=reason)
    return Finding(point=point, state=state, ratio=ratio, ci=(ratio - 0.002, ratio + 0.002),
                   rounds=3, reason=reason)  # fmt: skip


def ends() -> Stage:
    """Both versions."""
    steps = (Step(finding=finding(OLDER, "good", 1.0)), Step(finding=finding(NEWER, "bad", 1.6)))
    return Stage(kind="ends", title="Both ends", older=OLDER, newer=NEWER, steps=steps,
                 answer=f"with {NEWER} rss.peak of orders is 60 % higher")  # fmt: skip


def releases() -> Stage:
    """The release that brought it."""
    names: dict[str, State] = {
        OLDER: "good", "go1.23.10": "good", "go1.23.12": "good", "go1.24.0": "bad", NEWER: "bad"
    }  # fmt: skip
    steps = [Step(finding=finding(n, s, 1.6 if s == "bad" else 1.0)) for n, s in names.items()]
    return Stage(kind="releases", title="Releases", older=OLDER, newer=NEWER, steps=tuple(steps),
                 answer="the first bad release is go1.24.0, after go1.23.12")  # fmt: skip


def toggles() -> Stage:
    """All are ruled out."""
    suspects = tuple(
        Suspect(workload="orders", metric="rss.peak", baseline="go1.23.12", candidate="go1.24.0",
                toggles=(name,), verdict="ruled out", share=0.0, ci=(-0.01, 0.01),
                reason=f"turning {name} back removes 0 % of the change", design="screening")
        for name in RULED_OUT
    )  # fmt: skip
    sets = "+noswissmap,nospinbitmutex", "+noswissmap", "+nospinbitmutex"
    steps = [Step(finding=finding(f"go1.24.0{back}", "bad", 1.6)) for back in sets]
    return Stage(
        kind="toggles", title="Toggles", older="go1.23.12", newer="go1.24.0", steps=tuple(steps),
        suspects=suspects, answer="no suspect explains the increase (no toggle alone): what is "
        "left is the toolchain itself (go1.24.0 against go1.23.12)",
        confirmed=("excluded of what is ruled out: no toggle alone",),
    )  # fmt: skip


def source(hybrids: int) -> Stage:
    """One declaration, found among hybrids of which some do not build."""
    refused = "src/runtime/chan.go:23:2: package internal/runtime/math is not in std"
    states: list[tuple[State, float | None, str | None]] = [
        ("good", 1.0, None), ("bad", 1.6, None), ("unresolved", None, refused)
    ]  # fmt: skip
    steps = [
        Step(finding=finding(f"go1.23.12~mix-{n:08x}", *states[n % 3]),
             what=f"runtime.mallocgc and {n} others", command="env GOTOOLCHAIN=local go build ./x")
        for n in range(hybrids)
    ]  # fmt: skip
    return Stage(
        kind="source", title="Source", older="go1.23.12", newer="go1.24.0", steps=tuple(steps),
        answer="the difference is made by runtime.mallocgcLarge in runtime/malloc.go",
        functions=("runtime.mallocgcLarge",), files=("runtime/malloc.go",), patch=PATCH,
        confirmed=("go1.23.12 with the patch is bad", "go1.24.0 with the patch reverted is good"),
        passed_over=("214 files that differ, but are not part of the workload",
                     "40 hybrids that do not build or run"),
    )  # fmt: skip
