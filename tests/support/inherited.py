"""A process started as oddly as it can be, which then starts a program under the supervisor.

``python inherited.py SUPERVISOR DIRECTORY USER`` prints the supervisor's first answer, and then
what ``/bin/sh`` found that it had. USER is a number to become, after all has been set; 0 for none.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from harness.trial.process import Answer, Job, Supervised

ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC = 0x0040000, 0x0400000
PR_SET_THP_DISABLE, PR_SET_TIMERSLACK, PR_SET_MEMORY_MERGE = 41, 29, 67
MPOL_INTERLEAVE, SYS_SET_MEMPOLICY, SYS_IOPRIO_SET = 3, 238, 251
SEEN = """
cat /proc/self/status /proc/self/limits /proc/self/sched
for file in personality oom_score_adj coredump_filter timerslack_ns; do
  echo "$file: $(cat /proc/self/$file 2>/dev/null || cat /proc/$$/$file 2>/dev/null)"
done
echo "umask: $(umask)"; echo "nice: $(nice)"; echo "io: $(ionice 2>/dev/null)"
ls /proc/self/fd | sed 's/^/descriptor: /'
echo "placed: $(grep -v ' default' /proc/$$/numa_maps 2>/dev/null | head -1)"
if (: < /dev/tty) 2>/dev/null; then echo "terminal: yes"; else echo "terminal: no"; fi
"""


def be_odd() -> None:
    """Take on whatever a caller may hand down."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGCHLD,
                   signal.SIGTSTP, signal.SIGWINCH, signal.SIGRTMIN):  # fmt: skip
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    forever = resource.RLIM_INFINITY
    for limit, soft in (
        (resource.RLIMIT_STACK, forever), (resource.RLIMIT_CORE, forever),
        (resource.RLIMIT_DATA, 8 << 30), (resource.RLIMIT_AS, 64 << 30),
        (resource.RLIMIT_NOFILE, 200), (resource.RLIMIT_FSIZE, 1 << 30),
    ):  # fmt: skip
        hard = resource.getrlimit(limit)[1]
        with suppress(ValueError):  # above the hard limit
            resource.setrlimit(limit, (soft, hard if limit != resource.RLIMIT_AS else soft))
    os.umask(0o077)
    os.nice(7)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    Path("/proc/self/oom_score_adj").write_text("321", encoding="ascii")
    Path("/proc/self/coredump_filter").write_text("0x7f", encoding="ascii")
    libc.personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC)
    libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    libc.prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0)
    libc.prctl(PR_SET_TIMERSLACK, 777_000, 0, 0, 0)
    if os.uname().machine == "x86_64":
        libc.syscall(SYS_IOPRIO_SET, 1, 0, 3 << 13)  # idle
        libc.syscall(SYS_SET_MEMPOLICY, MPOL_INTERLEAVE, ctypes.byref(ctypes.c_ulong(1)), 64)
    os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)  # noqa: FBT003 - its signature


def main(supervisor: str, directory: str, user: int) -> None:
    """Be odd, and print what a program sees of it."""
    be_odd()
    if user:
        os.setgid(user)
        os.setuid(user)
    output = os.open(Path(directory) / "seen", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    job = Job(
        path=Path("/bin/sh"), args=("sh", "-c", SEEN), env=("PATH=/usr/local/bin:/usr/bin:/bin",),
        directory=Path(directory), cpus=(min(os.sched_getaffinity(0)),),
    )  # fmt: skip
    answers: list[Answer] = []
    with Supervised(Path(supervisor), job, answers.append, output=output) as supervised:
        while not supervised.closed:
            supervised.read()
    seen = os.pread(output, 1 << 20, 0).decode()
    sys.stdout.write(answers[0].model_dump_json() + "\n" + seen)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
