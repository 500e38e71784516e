from harness.golang.records import Built
from harness.matrix.models import MatrixSpec
from harness.run.built import how_built

SPEC = MatrixSpec.model_validate(
    {"go": ["go1.24.3"], "workloads": [{"name": "a", "package": "."}], "trials": {"cpus": 2}}
)


def built(workload: str, toolchain: str, *settings: str, **more: object) -> Built:
    fields = {"workload": workload, "toolchain": toolchain, "settings": settings, **more}
    return Built.model_validate(fields)


def test_what_holds_for_some_builds_names_them_as_short_as_it_can() -> None:
    builds = [
        built("a", "go1.23.9", differs=("x",), godebug="asynctimerchan=1"),
        built("b", "go1.23.9", differs=("x",), godebug="asynctimerchan=1", profile="default.pgo"),
        built("a", "go1.24.3", differs=("x",)),
        built("b", "go1.24.3", differs=("x",), profile="default.pgo"),
        built("b", "go1.24.3", "noswissmap", differs=("x",), profile="default.pgo", cgo=True),
    ]

    *told, pinned = how_built(builds, SPEC)

    assert told == [
        "unlike go build: x",
        "go1.23.9: GODEBUG defaults, by the go line and //go:debug: asynctimerchan=1",
        "b: guided by the profile default.pgo, as go build does",
        "b with go1.24.3+noswissmap: C code is compiled (CGO_ENABLED=1)",
    ]
    assert pinned.startswith("GOMAXPROCS=2, the CPUs that a trial is pinned to (trials.cpus)")
