"""Advice on failed trials, by outcome. Pure functions."""

import re

from harness.matrix.models import TrialsSpec, WorkloadSpec

_ADVICE = {
    "exit": "the program ended with that status; it runs in a directory of its own, without your "
    "environment: see args: and env:, and name files with {here}",
    "signal": "the program crashed or was killed; its last output says why, if anything does",
    "memory limit": "its processes together exceeded trials.memory_limit: raise it",
    "load failed": "see server.load: its url or command, and max_failed",
    "setup failed": "see the workload's setup:, files: and stdin:; paths start from the matrix "
    "file, and a command is looked for in /usr/local/bin, /usr/bin and /bin",
    "build failed": "fix the program, or exclude: this cell",
    "no benchmark": "benchmark.run matches none of the package's benchmarks",
}
"""By outcome, if neither log nor limits say more."""
_DIED = re.compile(r"^(panic|fatal error): ", re.MULTILINE)


def advise(outcome: str, log: str, workload: WorkloadSpec, trials: TrialsSpec) -> str:
    """Say in one sentence what the user can do about a trial; ``log`` is the end of its output."""
    if "address already in use" in log:
        return "its port is taken: use {port} in args: or env:, or trials: {lanes: 1}"
    first = outcome.split(" ", maxsplit=1)[0]
    kind = first if first in ("exit", "signal") else outcome
    if kind in ("exit", "signal") and workload.server is not None:
        return (
            "the server ended by itself, before it was told to stop; its last output says why, if "
            "anything does: see args: and env:"
        )
    if kind == "timeout" and _DIED.search(log):
        return (
            "it failed, by its output, but a part of it did not end: mend that first, as a longer "
            "timeout will not help"
        )
    if kind in ("timeout", "not ready"):
        return _too_late(kind, workload, trials)
    return _ADVICE.get(kind, "run it again; if it fails again, gomatrix doctor may say why")


def _too_late(kind: str, workload: WorkloadSpec, trials: TrialsSpec) -> str:
    server = workload.server
    if server is None:
        return (
            f"it ran longer than trials.timeout ({trials.timeout:g} s): raise it, or add server: "
            "for a program that does not end by itself"
        )
    if kind == "timeout":
        return "it did not stop when asked to: see server.stop and server.stop_within"
    return (
        f"server.ready ({server.ready.url or server.ready.log}) was not met within "
        f"server.ready_within ({server.ready_within:g} s): check that it listens there, for "
        "example on {port}"
    )
