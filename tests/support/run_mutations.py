"""What a stranger may do to a run directory: mutations of bytes, trees, names, files and sizes."""

import json
import os
import random
import shutil
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from profiles import field as pb
from profiles import profile, varint

from harness.run.lock import LOCK
from harness.run.store import MANIFEST, SCREENING, TRIALS

ODD: tuple[Any, ...] = (
    None, True, "", "x", "../../outside/secret", "/etc/hostname", "a\0b", "\u202e\x1b]0;x\x07", -1,
    0, 1, 1e308, -1e308, 5e-324, 10**9, -(10**9), 10**18, 10**30, 1.5, [], {}, [[]], {"": None},
    "x" * 300, "é" * 300, "go1.24.3", "../", ".", "NaN", "\u2028", "<script>", "=1+1", [1, "x"],
    {"x": 1}, "ok", "exit 2", "rss.peak", "unheard.of", "2026-01-01", "go1.23.9+noswissmap",
)  # fmt: skip
TOKENS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"1" + b"0" * 400, b"1" + b"0" * 5000,
    b"[" * 900, b"{}", b"null", b"\0", b"\xff\xfe", b'"\\ud800"', b"\n", b"\n{}\n", b"[]", b'"',
    b",", b"{", b"}", b"\xc3", b"\\", b"1e308", b"\r", b"true", b'{"schema":1}', b"\xef\xbb\xbf",
)  # fmt: skip
WAYS_OUT = (
    "/etc/hostname", "../../outside/secret", "../run/../../outside/secret", "/dev/zero",
    "/dev/stdin", "/proc/self/environ", "link", "up/secret", "pipe", "series", "", "..", "a\0b",
    "/proc/self/fd/0", "series/../../../outside/secret", "x" * 300, "a/" * 3000, "null",
)  # fmt: skip


def mutate(path: Path, dice: random.Random) -> list[str]:
    """Spoil a run in one to three ways; what was done, in words."""
    ways: list[Callable[[Path, random.Random], str]] = [
        _bytes, _bytes, _tree, _tree, _tree, _tree, _line, _line, _numbers, _way_out, _way_out,
        _special_file, _many, _names, _profile, _plan,
    ]  # fmt: skip
    return [dice.choice(ways)(path, dice) for _ in range(dice.choice([1, 1, 1, 2, 3]))]


def _files(path: Path) -> list[Path]:
    return [p for p in sorted(path.rglob("*")) if _plain(p)]


def _plain(path: Path) -> bool:
    """Whether it is a file of the run's own, and no trap of an earlier mutation."""
    return not path.is_symlink() and path.is_file() and path.stat().st_size < 1 << 30


def _read(path: Path) -> bytes:
    if not _plain(path):
        raise FileNotFoundError(path)
    return path.read_bytes()


def _chosen(path: Path, dice: random.Random) -> Path:
    names = (MANIFEST, TRIALS, "verdict.json", "bisect.json", f"{SCREENING}/{MANIFEST}",
             f"{SCREENING}/{TRIALS}")  # fmt: skip
    main_files = [path / name for name in names]
    usual = [p for p in main_files if _plain(p)]
    return dice.choice((usual if usual and dice.random() < 0.7 else _files(path)) or [path / "x"])


def _bytes(path: Path, dice: random.Random) -> str:
    file = _chosen(path, dice)
    data = bytearray(file.read_bytes() if file.exists() else b"{}")
    for _ in range(dice.choice([1, 1, 2, 5])):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.choice([1, 1, 10, 1000]))
        action = dice.randrange(6)
        if action == 0:
            data[at:end] = b""
        elif action == 1:
            data[at:at] = dice.choice(TOKENS)
        elif action == 2:
            data[at:end] = dice.choice(TOKENS)
        elif action == 3:
            data[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
        elif action == 4:
            data[at:at] = data[at:end] * dice.choice([1, 3])
        else:
            del data[at:]
    file.write_bytes(data)
    return f"bytes of {file.name}"


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as (container, key)."""
    found, pending = [], [value]
    while pending:
        item = pending.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item))
        for key in keys:
            found.append((item, key))
            if isinstance(item[key], dict | list):
                pending.append(item[key])
    return found


def _change(value: Any, dice: random.Random) -> str:
    nodes = _nodes(value)
    if not nodes:
        return "nothing"
    container, key = dice.choice(nodes)
    action = dice.randrange(5)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, dict):
        container[dice.choice(["x", "", "schema", "rss.peak", "é" * 200])] = dice.choice(ODD)
    elif action == 2 and isinstance(container, list):
        container.extend(container[:] * dice.choice([1, 2]))
    elif action == 3:
        other, name = dice.choice(nodes)
        container[key] = json.loads(json.dumps(other[name]))
    else:
        container[key] = dice.choice(ODD)
    return f"{key!r}"[:60]


def _tree(path: Path, dice: random.Random) -> str:
    file = _chosen(path, dice)
    if file.suffix != ".json":
        return _line(path, dice)
    try:
        value = json.loads(file.read_bytes())
        done = _change(value, dice)
        file.write_text(json.dumps(value))
    except (ValueError, OSError, AttributeError, TypeError):
        return _bytes(path, dice)
    return f"{file.name}: {done}"


def _with_trials(path: Path, change: Callable[[list[Any]], str]) -> str:
    file = path / TRIALS
    try:
        trials = [json.loads(line) for line in _read(file).splitlines()]
        done = change(trials)
        file.write_text("".join(json.dumps(trial) + "\n" for trial in trials))
    except (ValueError, OSError, AttributeError, TypeError, KeyError, IndexError) as error:
        return f"nothing: {error!r}"
    return done


def _line(path: Path, dice: random.Random) -> str:
    def change(trials: list[Any]) -> str:
        return "trial: " + _change(dice.choice(trials), dice)

    return _with_trials(path, change)


def _numbers(path: Path, dice: random.Random) -> str:
    """One metric of many trials takes values that make arithmetic explode."""

    def change(trials: list[Any]) -> str:
        metric = dice.choice(["rss.peak", "rss.end", "unseen", "heap.live", "wall", "new.metric"])
        lists: list[list[float | None]] = [
            [1e308], [-1e308, 1e308], [5e-324], [0], [0, 1e12], [-1, 1], [1e308, 5e-324], [2**62],
            [None], [None, 1], [1, 1, 1, 1e300], [3.0],
        ]  # fmt: skip
        values = dice.choice(lists)
        for trial in trials:
            if dice.random() < 0.9:
                trial["metrics"][metric] = dice.choice(values)
            if dice.random() < 0.1:
                trial["started"] = dice.choice([0, 1e11, 1.7e9])
            if dice.random() < 0.05:
                trial["smaps"] = {"x": {"size": 2**62, "rss": -(2**62)}}
                trial["account"] = {"live": 2**62, "text": -(2**62), "<b>": 2**62}
            if dice.random() < 0.05:
                name = dice.choice(["1s", "loaded", "<b>"])
                trial["accounts"] = {name: {"live": dice.choice([10**400, -(2**62), 5])}}
                trial["account"] = {}
        return f"{metric} = {values}"

    return _with_trials(path, change)


def _way_out(path: Path, dice: random.Random) -> str:
    """Names of files that lead elsewhere."""
    name = dice.choice(WAYS_OUT)
    field = dice.choice(["series", "profile"])

    def change(trials: list[Any]) -> str:
        for trial in trials:
            if dice.random() < 0.5:
                trial[field] = name
        return f"{field} = {name[:40]!r}"

    _put_traps(path)
    return _with_trials(path, change)


def _put_traps(path: Path) -> None:
    outside = path.parent.parent / "outside"
    for name, target in (("link", outside / "secret"), ("up", outside), ("null", "/dev/zero")):
        if not os.path.lexists(path / name):
            (path / name).symlink_to(target)
    if not os.path.lexists(path / "pipe"):
        os.mkfifo(path / "pipe")


def _special_file(path: Path, dice: random.Random) -> str:
    """A link, a FIFO, a directory where a file or directory should be."""
    names = [MANIFEST, TRIALS, "verdict.json", "bisect.json", "tmp", "report.html", "series",
             "profiles", "culprit.diff", LOCK, LOCK]  # fmt: skip
    names += [p.relative_to(path).as_posix() for p in _files(path)[:9]]
    target = path / dice.choice(names)
    outside = path.parent.parent / "outside"
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif os.path.lexists(target):
        target.unlink()
    if not target.parent.is_dir():
        return "nothing"
    makers: dict[str, Callable[[], object]] = {
        "link": lambda: target.symlink_to(outside / "secret"),
        "link to a directory": lambda: target.symlink_to(outside),
        "link to itself": lambda: target.symlink_to(target.name),
        "link to zeros": lambda: target.symlink_to("/dev/zero"),
        "FIFO": lambda: os.mkfifo(target),
        "directory": target.mkdir,
        "empty file": target.touch,
        "hole": lambda: _hole(target),
        "nothing": lambda: None,
    }
    kind = dice.choice(list(makers))
    makers[kind]()
    return f"{target.name} is a {kind}"


def _hole(path: Path) -> None:
    path.touch()
    os.truncate(path, 4 << 30)


def _many(path: Path, dice: random.Random) -> str:
    """Too much of something."""
    kind = dice.choice(["trials", "cells", "variants", "metrics", "line", "points", "log", "deep"])
    count = dice.choice([300, 2000])
    if kind in {"cells", "variants"}:
        return _many_cells(path, kind, count)
    if kind == "points":
        file = next(filter(_plain, sorted((path / "series").glob("*.json"))), None)
        if file is not None:
            ones = [1] * (count * 200)
            file.write_text(json.dumps({"schema": 1, "seconds": ones, "rss": ones}))
        return kind

    def change(trials: list[Any]) -> str:
        if kind == "trials":
            trials += [dict(dice.choice(trials), round=n + 1) for n in range(count)]
        elif kind == "metrics":
            trials[0]["metrics"] |= {f"m{n}": float(n) for n in range(count)}
            trials[1]["metrics"] |= {f"m{n}": float(n) for n in range(count)}
        elif kind == "line":
            trials[0]["log"] = "x" * (count << 13)
        elif kind == "log":
            trials[0] |= {"log": "".join(dice.choices(string.printable, k=count)), "outcome": "x"}
        else:
            value: Any = 1
            for _ in range(count // 3):
                value = [value]
            trials[0]["metrics"] = value
        return f"{count} {kind}"

    return _with_trials(path, change)


def _with_manifest(path: Path, change: Callable[[Any], str]) -> str:
    try:
        value = json.loads(_read(path / MANIFEST))
        done = change(value)
        (path / MANIFEST).write_text(json.dumps(value))
    except (ValueError, OSError, AttributeError, TypeError, KeyError, IndexError) as error:
        return f"nothing: {error!r}"
    return done


def _many_cells(path: Path, kind: str, count: int) -> str:
    def change(manifest: Any) -> str:
        plan = manifest["plan"]
        first = plan["variants"][0]
        names = [f"{first['name'].split()[0]} GOGC=100 X={n}" for n in range(count)]
        plan["variants"] += [
            first | {"name": name, "env": {"GOGC": "100", "X": str(n)}}
            for n, name in enumerate(names)
        ]
        if kind == "cells":
            plan["cells"] += [{"workload": "large", "variant": name} for name in names]
        return f"{count} {kind}"

    return _with_manifest(path, change)


def _names(path: Path, dice: random.Random) -> str:
    """A name in plan, matrix and trials is another, everywhere."""
    old = dice.choice(["large", "go1.24.3", "go1.24.3 GOGC=100", "rss.peak", "go1.23.9", "GOGC"])
    new = dice.choice([
        "..", "", "x" * 280, "a/b", "\\u0000", "<b>", "\\u001b[2J", " ", "=cmd", "\\u202e",
        "é" * 200, "%", "large", "go1.23.9", "go1.24.3+", "~", "-n", "[x]", "a::b", "|", "`",
    ])  # fmt: skip
    for name in (MANIFEST, TRIALS):
        try:
            text = _read(path / name).decode()
            (path / name).write_text(text.replace(old, new))
        except (OSError, ValueError):
            return "nothing"
    return f"{old} is {new[:20]!r}"


def _profile(path: Path, dice: random.Random) -> str:
    files = [file for file in sorted((path / "profiles").glob("*.gz")) if _plain(file)]
    if not files:
        return "nothing"
    kind = dice.randrange(4)
    for file in files if dice.random() < 0.5 else files[:1]:
        if kind == 0:
            data = bytearray(file.read_bytes())
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            file.write_bytes(data)
        elif kind == 1:
            ids = pb(1, varint(2) + varint(1))
            sizes = dice.choice([[2**63], [2**62, 2**62], [0], [], [1] * 2000])
            file.write_bytes(profile([(ids, size) for size in sizes]))
        elif kind == 2:
            file.write_bytes(profile([(pb(1, varint(9)), 5)]))
        else:
            file.write_bytes(profile([(pb(1, 1), 5)], leaf=dice.choice(["", "\x1b[2J", "é" * 999])))
    return f"profile {kind}"


def _plan(path: Path, dice: random.Random) -> str:
    """Numbers and lists of the plan and the matrix that cannot be."""

    def change(manifest: Any) -> str:
        plan, matrix = manifest["plan"], manifest["matrix"]
        where = dice.choice([
            (plan, "rounds"), (plan, "shard"), (plan, "seed"), (plan, "variants"), (plan, "cells"),
            (plan, "suspects"), (plan, "varied"), (plan, "turned_back"),
            (matrix["trials"], "min"), (matrix["trials"], "max"), (matrix["trials"], "cpus"),
            (matrix, "gates"), (matrix, "question"), (matrix, "go"), (matrix, "workloads"),
            (manifest, "toolchains"), (manifest, "hosts"), (manifest, "created"),
            (matrix["gates"][0], "metric"), (matrix["question"], "metrics"),
            (matrix["question"], "suspects"), (matrix["question"], "margin"),
            (matrix["question"], "limit"), (manifest["host"], "memory"), (manifest, "name"),
        ])  # fmt: skip
        container, key = where
        old = container[key]
        choices = [[], None, -1, 0, 10**9, 10**18, [0, 0], [2, 1], [1, 10**9], "", ["unheard.of"],
                   ["noswissmap"] * 9, 1e308, 0.0, "0001-01-01T00:00:00Z",
                   "2026-01-01T00:00:00"]  # fmt: skip
        if isinstance(old, list) and old:
            choices += [old[:1], old + old, old[::-1], old[1:]]
        container[key] = dice.choice(choices)
        return f"{key} = {str(container[key])[:40]}"

    return _with_manifest(path, change)
