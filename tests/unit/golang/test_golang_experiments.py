import pytest

from harness.golang.experiments import (
    Experiments,
    explain_unknown,
    parse_flag_names,
    parse_tool_tags,
    table,
)

OLD = Experiments(known=("rangefunc", "arenas"), on=frozenset())
NEW = Experiments(known=("arenas", "swissmap", "nocopy"), on=frozenset({"swissmap"}))


def test_names_come_out_of_the_source_in_its_order() -> None:
    source = "package p\n\ntype Flags struct {\n\tZeta bool\n\n\t// Alpha is\n\tAlpha bool\n}\n"
    assert parse_flag_names(source) == ("zeta", "alpha")
    with pytest.raises(ValueError, match="no Flags struct"):
        parse_flag_names("package p\n")


def test_only_experiment_tags_are_experiments() -> None:
    tags = "goexperiment.regabiargs,goexperiment.swissmap,amd64.v1"
    assert parse_tool_tags(tags) == {"regabiargs", "swissmap"}


def test_the_table_tells_on_off_and_absent_apart() -> None:
    assert table({"old": OLD, "new": NEW}) == {
        "arenas": {"old": "off", "new": "off"},
        "nocopy": {"old": "absent", "new": "off"},
        "rangefunc": {"old": "off", "new": "absent"},
        "swissmap": {"old": "absent", "new": "on"},
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("swismap", "the experiment setting 'swismap'; did you mean 'swissmap'?"),
        ("noswismap",
         "the experiment setting 'noswismap' (no + 'swismap'); did you mean 'noswissmap'?"),
        ("SwissMap", "the experiment setting 'SwissMap'; did you mean 'swissmap'?"),
        ("notaflag", "the experiment setting 'notaflag' (no + 'taflag')"),
        # Go strips a leading no before it looks a name up, so this can only be turned off
        ("nocopy", "the experiment setting 'nocopy' (no + 'copy'); did you mean 'nonocopy'?"),
    ],
)  # fmt: skip
def test_an_unknown_setting_is_explained(setting: str, message: str) -> None:
    assert explain_unknown(setting, [OLD, NEW]).startswith(message)
