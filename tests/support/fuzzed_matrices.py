"""Matrix files made wrong in every way that a seed can think of, and a process that reads them.

``python tests/fuzzed_matrices.py read FILE…`` loads and plans each file as ``gomatrix plan`` does
once it has the toolchains; ``… plan FILE…`` runs the command itself. Each prints a line of JSON.
"""

import copy
import json
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from harness.cli import main as gomatrix
from harness.errors import HarnessError
from harness.golang.experiments import Experiments
from harness.matrix.load import load
from harness.matrix.models import MatrixSpec
from harness.plan.feasible import check_trials, require_sides
from harness.plan.plan import Plan, make_plan
from harness.plan.question import QuestionError, resolve_question

ROOT = Path(__file__).parents[2]
MATRICES = [ROOT / "matrix.yaml", *sorted((ROOT / "examples").rglob("*matrix.yaml"))]
MARK = "/no-such-file/begin"
"""Looked for when reading begins, so that a trace of system calls shows where."""
MEMORY = 1 << 30
LIMITS = {"read": 10, "plan": 100}
"""Seconds for each file; the command asks git, go and pip, which are not told to hurry."""

SCALARS = [
    "", " ", "~", "null", "-", "-1", "0", "1", "5.0", "100000", "9" * 40, "9" * 5000, "1_000",
    "010", "0x10", "1e999", ".inf", ".nan", "nan", "inf", "true", "off", "2026-01-01",
    "12:30:45", "10h", "0s", "1ms", f"{'9' * 30}h", f"{'9' * 400}.0s", "0.0000001s",
    f"{'9' * 15}GiB", "0B", "5%", f"{'9' * 400}%", "-5%", "go1.99", "go1.24.3",
    f"go1.{'9' * 4400}", "go1.٢٤", "stable", "none", "noswissmap", "no", "~nouser/x", "~",
    "~/x", "./a\0", "a\0b", "\0", "/", ".", "..", "../../..", "/dev/zero", "/dev/stdin",
    "./" + "d/" * 3000, "n" * 280, "n" * 5000, "n" * 200_000, "./...", "all", "-exec=id",
    "-toolexec=id", "cmd/vet@latest", "a/../../..@v1.0.0", "ext::sh -c id",
    "file:///etc/passwd", "https://127.0.0.1:1/x", "\x1b]0;owned\x07", "\x9b31m", "a\nb",
    "a\tb", "a\r\nb", "\u202eabc", "\u2028", "\ufeff", "\u200b", "\x7f", "\x85", "😀",
    "👨\u200d👩\u200d👧", "עברית", "::", "a::b", "a[b]", "]-r01]", "a b=c", "=cmd|' /C calc'!A0",
    "<script>", "{{7*7}}", "%s%n", "{port", "{port.}", "{tmp}{here}", "http://[",
    "http://a:99999999/", "http://{port}/", "tcp://{port}", "(" * 2000, "(a+)+$",
    "a{1,99999999999}", "[[a]]", "$(id)", "`id`", "; id", "TERM", "SIGFOO", "GOGC", "A=B", "=",
    ",", "rss.peak", "/a:b", "baseline", "*a", "&a", "<<", "!!int", "? x", "| x",
]  # fmt: skip
_DIGITS = ", ".join(map(str, range(10)))
AXES = "{" + ", ".join(f"A{i}: [{_DIGITS}]" for i in range(7)) + "}"
_MANY = ", ".join(f"-x{i}" for i in range(300))
FLAGS = f"{{gcflags: [{_MANY}], ldflags: [{_MANY}], pgo: [{_MANY}]}}"
BOMB = f"a0: &a0 [{_DIGITS}]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
CHAIN = "b0: &b0 [x]\n" + "".join(f"b{i}: &b{i} [*b{i - 1}]\n" for i in range(1, 1200))
TEXTS = [
    "[" * 900, "{a: " * 900, "- " * 900, "[" * 100_000, "\t", "\0", "\x01", "\x1b[2J", "\u2028",
    "\ufeff", "\ud800", "---\n", "...\n", "%YAML 9.9\n---\n", "%TAG ! tag:x,2000:\n---\n",
    "!!python/object/apply:os.system [id]", "!!binary aGk=", "! x", "&a ", "*a", "&a [*a]", "}",
    "<<: *a\n", "<<: {}\n", "? [a]\n: b\n", "? {a: b}\n", '"\\ud800"', '"\\0"', '"\\x1b]0;x\\a"',
    "@", '"\\U0010ffff"', "'", '"', "|\n", ">\n", "#", ": ", "- ", "a: 1\na: 2\n", "`", "%", "\r",
    "\r\n",
    "[" + "x, " * 50_000 + "x]", "- x\n" * 100_000, "x" * 300_000, "\n" * 1000, "]" * 50,
    f"env: {AXES}\n", f"build: {FLAGS}\n", BOMB, CHAIN, "trials: {max: 100000}\n",
    "trials: 99999999999999999999\n", "exclude: [" + "{go: x}, " * 5000 + "]\n",
    "".join(f"k{i}: 1\n" for i in range(6000)),
]  # fmt: skip


def _splice(rng: random.Random, text: str, new: str, span: int = 0) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + new + text[at + rng.randrange(span + 1) :]


def mutate_text(rng: random.Random, text: str) -> str:
    """Some characters go, come twice, are cut off or replaced."""
    match rng.randrange(5):
        case 0:
            return _splice(rng, text, "", 40)
        case 1:
            at = rng.randrange(len(text) + 1)
            return _splice(
                rng, text, text[at : at + rng.randrange(1, 200)] * rng.choice([1, 1, 50])
            )
        case 2:
            return text[: rng.randrange(len(text) + 1)]
        case 3:
            return _splice(
                rng, text, chr(rng.choice([rng.randrange(256), rng.randrange(0x110000)])), 1
            )
        case _:
            return _splice(rng, text, rng.choice(TEXTS), 3)


def mutate_line(rng: random.Random, text: str) -> str:
    """Whole lines change places, go, or get a hostile one beside them."""
    lines = text.splitlines(keepends=True) or [""]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            lines[at], lines[other] = lines[other], lines[at]
        case 1:
            lines.insert(at, rng.choice(TEXTS))
        case _:
            lines[at] = " " * rng.randrange(4) + lines[other]
    return "".join(lines)


def mutate_token(rng: random.Random, text: str) -> str:
    """A word becomes a hostile one, quoted or not."""
    words = list(re.finditer(r"[^\s,:\[\]{}#]+", text))
    if not words:
        return text
    word = rng.choice(words)
    new = rng.choice(SCALARS)
    return text[: word.start()] + rng.choice([new, json.dumps(new)]) + text[word.end() :]


def mutate_tree(rng: random.Random, text: str) -> str:
    """A value becomes another one, many, deeply nested, or stands under another key."""
    if "*a" in text:  # an earlier mutation put aliases in, whose tree may be endless
        return mutate_text(rng, text)
    try:
        tree = yaml.safe_load(text)
        places = list(_places(tree))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return mutate_text(rng, text)
    for holder, key in rng.sample(places, min(len(places), rng.randrange(1, 4))):
        try:
            holder[key] = _other(rng, holder[key], tree)
            if isinstance(holder, dict) and rng.random() < 0.2:
                holder[rng.choice([*SCALARS, *holder])] = holder.pop(key)
        except (KeyError, IndexError, TypeError, RecursionError):
            continue  # it went with another one
    try:
        return yaml.safe_dump(tree, allow_unicode=rng.random() < 0.5)
    except (RecursionError, yaml.YAMLError):
        return mutate_text(rng, text)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in items:
        yield node, key
        yield from _places(value)


def _other(rng: random.Random, old: Any, tree: Any) -> Any:
    match rng.randrange(8):
        case 0:
            return [old] * rng.choice([0, 1, 2, 30, 1000, 10_000])
        case 1:
            deep: Any = old
            for _ in range(rng.choice([2, 40, 400])):
                deep = [deep] if rng.random() < 0.5 else {"a": deep}
            return deep
        case 2:
            return copy.deepcopy(rng.choice(list(_places(tree)))[0])
        case 3:
            return {rng.choice(SCALARS): rng.choice(SCALARS) for _ in range(rng.choice([0, 1, 3]))}
        case 4:
            return {
                f"A{i}": [str(n) for n in range(rng.choice([1, 3, 10]))]
                for i in range(rng.choice([1, 3, 7]))
            }
        case 5:
            return None
        case _:
            return rng.choice(SCALARS)


def encode(rng: random.Random, text: str) -> bytes:
    """Mostly UTF-8; sometimes what another program would have written."""
    data = text.encode("utf-8", "surrogatepass")
    match rng.randrange(40):
        case 0:
            return text.encode("utf-16", "surrogatepass")
        case 1:
            return b"\xef\xbb\xbf" + data
        case 2:
            at = rng.randrange(len(data) + 1)
            return (
                data[:at]
                + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
                + data[at:]
            )
        case _:
            return data


def mutated(seed: int, number: int) -> bytes:
    """The matrix file of that number."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret
    text = rng.choice(MATRICES).read_text(encoding="utf-8")
    mutations = [mutate_text, mutate_line, *[mutate_token] * 3, *[mutate_tree] * 3]
    for _ in range(rng.choice([1, 1, 1, 2])):
        text = rng.choice(mutations)(rng, text)
    return encode(rng, text)


def read(path: Path) -> None:
    """Do what ``prepare`` does, but for toolchains and sources."""
    matrix = load(path)
    names = ("swissmap", "spinbitmutex", "greenteagc", "rangefunc", "aliastypeparams")
    known = Experiments(known=names, on=frozenset(names[:2]))
    spec = matrix.spec
    toolchains = {t.name: known for t in [*spec.go, *(cell.go for cell in spec.include)]}
    plan = make_plan(spec, toolchains, seed=1)
    try:
        question = resolve_question(spec, plan, set(names))
    except QuestionError as error:
        raise matrix.error(error.location, str(error)) from None
    require_sides(matrix, plan, question)
    check_trials(matrix, plan)
    assert len({trial.id for trial in plan.trials()}) == len(list(plan.trials()))
    assert MatrixSpec.model_validate_json(spec.model_dump_json(by_alias=True)) == spec
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def plan_by_command(path: Path) -> None:
    """``gomatrix plan``; its message becomes an error again."""
    done = CliRunner().invoke(gomatrix, ["plan", str(path)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code:
        raise HarnessError(done.stderr.removeprefix("gomatrix: ").strip())


class Late(BaseException):
    """Not an error that anything but this module should handle."""


def _late(_signal: int, _frame: object) -> None:
    raise Late(f"more than {LIMITS[sys.argv[1]]} s")


def main() -> None:
    """Read each file named, in this one process, within the limits."""
    act = {"read": read, "plan": plan_by_command}[sys.argv[1]]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _late)
    if sys.argv[1] == "plan":  # what it imports late, and its caches
        plan_by_command(ROOT / "matrix.yaml")
    with suppress(OSError):
        Path(MARK).read_bytes()
    for name in sys.argv[2:]:
        print(json.dumps({"file": name}), flush=True)  # noqa: T201 - its output
        started = time.monotonic()
        signal.alarm(LIMITS[sys.argv[1]])
        try:
            act(Path(name))
            said = "ok"
        except HarnessError as error:
            said = str(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is a fault
            said = f"FAULT {type(error).__name__}: {error}"[:2000]
        signal.alarm(0)
        took = time.monotonic() - started
        print(json.dumps({"file": name, "said": said, "seconds": took}), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()
