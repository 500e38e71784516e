import pytest
from pydantic import ValidationError

from harness.golang.experiments import Experiments
from harness.matrix.models import BuildAxesSpec, MatrixSpec, ToolchainSpec, WorkloadSpec
from harness.plan.plan import make_plan


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"go": "go1.24.3"}, "go1.24.3"),
        ({"go": "go1.24.3", "patch": "patches/fix.diff"}, "go1.24.3~fix"),
        ({"go": "stable", "patch": ["a b.diff", "c.patch"]}, "stable~a-b~c"),
        ({"path": "/opt/go1.24-corp/go"}, "go1.24-corp"),
        ({"path": "~/go-dev/"}, "go-dev"),
        ({"path": "go"}, "go"),
        ({"git": "../go", "ref": "release-branch.go1.24"}, "git-release-branch.go1.24"),
        ({"git": "https://go.test/go", "ref": "0123456789abcdef0123456789abcdef01234567"},
         "git-0123456789ab"),
        ({"git": "../go"}, "git-HEAD"),
        ({"path": "/opt/go", "name": "ours"}, "ours"),
    ],
)  # fmt: skip
def test_a_toolchain_is_named_after_where_it_comes_from(
    entry: dict[str, object], name: str
) -> None:
    spec = ToolchainSpec.model_validate(entry)
    assert spec.name == name
    assert ToolchainSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    "entry",
    [{}, {"go": "go1.24.3", "path": "/x"}, {"go": "go1.24.3", "ref": "main"},
     {"git": "--upload-pack=x"}, {"git": "x", "ref": "--output=x"}, {"git": "x", "ref": "a:b"},
     {"path": "/x", "name": "a+b"}],
)  # fmt: skip
def test_other_toolchains_are_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ToolchainSpec.model_validate(entry)


@pytest.mark.parametrize(
    "source", [{}, {"package": "./x", "module": "a.test/x@v1.0.0"}, {"module": "a.test/x"},
               {"module": "-x@v1"}, {"module": "a.test/x@-v1"}],
)  # fmt: skip
def test_a_workload_has_one_source(source: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorkloadSpec.model_validate({"name": "w", **source})


def test_only_lists_of_several_values_are_axes() -> None:
    build = BuildAxesSpec.model_validate(
        {"tags": ["a", "b"], "pgo": ["off", "default.pgo"], "goamd64": ["v1", "v3"], "race": "true"}
    )
    labels = [names for names, _ in build.choices()]
    assert labels == [
        {"pgo": pgo, "GOAMD64": level} for pgo in ("off", "default.pgo") for level in ("v1", "v3")
    ]
    assert all(spec.tags == ("a", "b") and spec.race for _, spec in build.choices())


def test_a_go_line_is_called_as_it_is_written() -> None:
    build = BuildAxesSpec.model_validate({"go_line": ["1.20", "1.22.3", "1.23rc1"]})
    labels = [names for names, _ in build.choices()]
    assert labels == [{"go_line": "1.20"}, {"go_line": "1.22.3"}, {"go_line": "1.23rc1"}]
    for wrong in ("go1.22", "1", "1.22.", "2.0", "1.22\n", "1.٢٢"):
        with pytest.raises(ValidationError):
            BuildAxesSpec.model_validate({"go_line": wrong})


def test_build_axes_make_variants_with_names() -> None:
    spec = MatrixSpec.model_validate(
        {"go": "go1.24.3", "build": {"race": ["false", "true"]}, "env": {"GOGC": ["50"]},
         "workloads": [{"name": "w", "package": "./w"}]}
    )  # fmt: skip
    plan = make_plan(spec, {"go1.24.3": Experiments(known=(), on=frozenset())}, seed=1)
    assert {v.name: v.build.race for v in plan.variants} == {
        "go1.24.3 race=false GOGC=50": False,
        "go1.24.3 race=true GOGC=50": True,
    }


def test_one_name_cannot_be_an_axis_twice() -> None:
    with pytest.raises(ValidationError, match="GOAMD64 is an axis of both"):
        MatrixSpec.model_validate(
            {"go": "go1.24.3", "build": {"goamd64": ["v1", "v2"]}, "env": {"GOAMD64": ["v1", "v2"]},
             "workloads": [{"name": "w", "package": "./w"}]}
        )  # fmt: skip
