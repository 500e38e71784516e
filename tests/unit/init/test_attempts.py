"""What is learnt from a program that was tried."""

from typing import Any

import pytest

from harness.init.attempts import (
    Attempt,
    conclude,
    first_attempt,
    next_attempt,
    paths_of,
    wanted,
)
from harness.init.observe import Seen
from harness.init.programs import Program, Server

FLAG = Attempt(args=("-listen=127.0.0.1:{port}",))
CADDY = """\
Usage:
  caddy [command]

Available Commands:
  adapt       Adapts a configuration to Caddy's native JSON
  run         Starts the Caddy process and blocks indefinitely
  start       Starts the Caddy process in the background
"""


def program(server: Server | None = None, **more: Any) -> Program:
    return Program(name="p", directory="./p", server=server, **more)


def seen(**what: Any) -> Seen:
    return Seen.model_validate({"seconds": 0.1} | what)


def test_a_guess_is_tried_first() -> None:
    server = Server(args=FLAG.args, env={"A": "b"}, ready="/healthz", path="/orders")
    assert first_attempt(program(server)) == Attempt(args=FLAG.args, env={"A": "b"})
    assert first_attempt(program()) == Attempt()
    assert paths_of(program(server)) == ("/healthz", "/orders", "/")
    assert paths_of(program()) == ("/",)


@pytest.mark.parametrize(
    ("what", "tried", "expected"),
    [
        ({"exit": 2, "log": "flag provided but not defined: -listen"}, [FLAG], Attempt()),
        ({"exit": 1, "log": "Error: unknown flag: --listen"}, [FLAG], Attempt()),
        ({"exit": 1, "log": "Error: unknown flag: --listen"}, [Attempt(), FLAG], None),
        ({"exit": 0, "log": CADDY}, [Attempt()], Attempt(args=("run",))),
        ({"exit": 0, "log": CADDY}, [FLAG], Attempt(args=("run", *FLAG.args))),
        ({"exit": 0, "log": CADDY}, [Attempt(), Attempt(args=("run",))],
         Attempt(args=("run", "run"))),
        ({"exit": 0, "log": "we run things"}, [Attempt()], None),
        ({"exit": 1, "log": "no such file"}, [FLAG], None),
        ({"log": CADDY}, [Attempt()], None),
        ({"ports": (80,), "log": CADDY}, [Attempt()], None),
    ],
)  # fmt: skip
def test_what_is_said_leads_to_another_attempt(
    what: dict[str, Any], tried: list[Attempt], expected: Attempt | None
) -> None:
    assert next_attempt(seen(**what), tried) == expected


@pytest.mark.parametrize(
    ("what", "args", "expected"),
    [
        ({"exit": 1, "log": "x: open data/a.txt: no such file or directory"}, (), ["data"]),
        ({"exit": 2, "log": "panic: open ./b: no such file or directory"}, ("a",), ["b", "a"]),
        ({"exit": 1}, ("-v", "-in=c/d.txt", "e", "c/f"), ["c", "e"]),
        ({"exit": 1, "log": "open /etc/x: no such file or directory"}, ("../g", "~/h", "."), []),
        ({"exit": 0, "log": "open a: no such file or directory"}, ("b",), ["a"]),
        ({"log": "open a: no such file or directory"}, ("b",), ["a"]),
        ({"exit": 0}, ("b",), []),
    ],
)
def test_what_a_program_may_have_missed(
    what: dict[str, Any], args: tuple[str, ...], expected: list[str]
) -> None:
    assert wanted(seen(**what), Attempt(args=args)) == expected


def test_files_and_failure_are_kept() -> None:
    found = conclude(program(), Attempt(files=("a",)), seen(exit=1), 4000)
    assert (found.files, found.failed) == (("a",), True)
    assert conclude(program(), Attempt(files=("a",)), seen(ports=(80,)), 80).files == ("a",)


def test_what_ends_well_at_once_is_idle() -> None:
    assert conclude(program(), Attempt(), seen(exit=0), 80).idle
    assert not conclude(program(), Attempt(), seen(exit=1), 80).idle
    assert not conclude(program(), Attempt(), seen(exit=0, cpu=9.0), 80).idle


def test_a_server_is_served_as_it_was_seen() -> None:
    guess = program(Server(args=FLAG.args, ready="/healthz", path="/orders"), endless=True)
    good = conclude(guess, FLAG, seen(ports=(9, 4000), answers={"/healthz": 200, "/": 404}), 4000)
    assert good.doubt is None
    assert good.server == Server(
        args=FLAG.args, ready="/healthz", path="/healthz", answers=True, fixed_port=None
    )
    assert good.server.port == "{port}"
    other = conclude(guess, Attempt(args=("run",)), seen(ports=(2019,), answers={"/": 404}), 4000)
    assert other.server == Server(
        args=("run",), ready=None, path="/orders", answers=False, fixed_port="2019"
    )
    assert other.server.port == "2019"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"exit": 0, "cpu": 0.05}, None),
        ({"exit": 0, "cpu": 0.004, "peak": 20 << 20}, None),
        ({"exit": 0, "cpu": 0.004}, "it ended at once, without work (4 ms of CPU)"),
        ({"exit": 3, "cpu": 2.0, "log": "a\nno luck\n\n"}, "it ended with status 3: no luck"),
        ({"exit": 2, "log": "panic: oh\n\ngoroutine 1"}, "it ended with status 2: panic: oh"),
        ({"exit": 1, "log": "open a: no such file or directory"},
         ("it ended with status 1: open a: no such file or directory; it runs in an empty "
         "directory: name files as {here}/FILE, or list them under files: in a matrix.yaml")),
        ({"exit": 2, "log": "flag provided but not defined: -x\nUsage of p:\n  -y int\n"},
         "it ended with status 2: flag provided but not defined: -x"),
        ({"exit": -1}, "a signal ended it"),
        ({"exit": 1, "log": "--- FAIL: BenchmarkX\n    x_test.go:3: no luck\nok: 1\nFAIL\n"},
         "it ended with status 1: x_test.go:3: no luck"),
        ({"exit": 2, "log": "Usage:\n\n  p FILE\n"},
         "it only tells how to use it (Usage: p FILE); give it arguments"),
        ({"exit": 2, "log": "x\nUsage: p FILE\n"},
         "it only tells how to use it (Usage: p FILE); give it arguments"),
        ({"seconds": 10.0, "cpu": 9.0}, None),
        ({"seconds": 10.0, "reads_input": True},
         ("it reads its standard input; write stdin: with a text or {file: PATH} in its entry of "
          "a matrix.yaml")),
        ({"seconds": 10.0},
         ("it did not end in 10 s, did little meanwhile and is no server; if it ends by itself, "
          "name it in a matrix.yaml")),
    ],
)  # fmt: skip
def test_what_does_no_work_has_a_reason(what: dict[str, Any], reason: str | None) -> None:
    guess = program(Server(), needs_arguments=True, endless=True)
    found = conclude(guess, Attempt(), seen(**what), 4000)
    assert (found.doubt, found.server) == (reason, None)
