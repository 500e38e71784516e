"""A rack of hosts on this machine: network namespaces around a switch, and what runs in them.

The switch is a bridge in a namespace of its own, where the scheduler and the driver are; addresses
exist only inside, so that several racks do not meet.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from documents import ROOT
from golang_support import NEW, OLD, get
from projects import Project
from waiting import wait_until

from harness.golang.cache import default_cache

PORT = 8786
HERE = "10.77.0.1"
"""The address of scheduler and driver."""
_PREFIX = "gomatrix"
_DISK = "400m"
"""A worker wants room as for a toolchain."""
_NAMESPACES = Path("/run/netns")
_SCRIPTS = Path(sys.executable).parent


def refusal() -> str | None:
    """Why there can be no rack on this machine."""
    missing = [
        p for p in ("ip", "nsenter", "taskset", "mount", "openssl") if shutil.which(p) is None
    ]
    if missing:
        return f"{', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"{_PREFIX}-{os.getpid()}-try"
    done = _try("ip", "netns", "add", name)
    if done.returncode == 0:
        done = _try("ip", "-n", name, "link", "add", "switch", "type", "bridge")
        _ip("netns", "delete", name)
    return done.stderr.strip() or None


def make_certificates(directory: Path) -> Path:
    """An authority and a certificate by it, as documented; the configuration that names them."""
    documented = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    commands = documented.partition("## Certificates")[2].partition("```console\n")[2]
    script = commands.partition("```")[0]
    assert script.startswith("openssl req -x509")
    subprocess.run(["/bin/sh", "-ec", script], cwd=directory, check=True, capture_output=True)
    lines = ["distributed:", "  comm:", "    require-encryption: true", "    tls:",
             f"      ca-file: {directory}/ca.pem"]  # fmt: skip
    for role in ("scheduler", "worker", "client"):
        lines += [f"      {role}:", f"        cert: {directory}/host.pem",
                  f"        key: {directory}/host.key"]  # fmt: skip
    config = directory / "dask.yaml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


@dataclass
class Machine:
    """A host: a namespace with an address, a home directory, and a worker."""

    name: str
    namespace: str
    port: str
    """Its link's end at the switch."""
    root: Path
    cpu: int
    config: Path
    nanny: subprocess.Popen[bytes] | None = None

    @property
    def shipped(self) -> dict[str, float]:
        """When each file came that a driver sent, by sha256."""
        files = (self.root / "cache" / "shipped").glob("*/file")
        return {path.parent.name: path.stat().st_mtime for path in files}

    @property
    def said(self) -> str:
        return (self.root / "worker.log").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start a worker, as systemd would."""
        (self.root / "bin").mkdir(parents=True, exist_ok=True)
        environment = {
            "HOME": str(self.root), "GOMATRIX_CACHE": str(self.root / "cache"),
            "PATH": str(self.root / "bin"), "OPENBLAS_NUM_THREADS": "1",
        }  # fmt: skip
        command = [*_inside(self.namespace), "taskset", "--cpu-list", str(self.cpu),
                   str(_SCRIPTS / "gomatrix"), "worker", f"tls://{HERE}:{PORT}",
                   "--name", self.name, "--directory", str(self.root / "work"),
                   "--cluster-config", str(self.config)]  # fmt: skip
        command = [shutil.which(word) or word for word in command[:3]] + command[3:]
        with (self.root / "worker.log").open("ab") as log:
            self.nanny = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=0,
            )  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        """All that run in its namespace."""
        return _processes(self.namespace)

    def worker(self) -> psutil.Process:
        """The process that takes trials, a child of the nanny."""
        found: list[psutil.Process] = []

        def there() -> bool:
            found[:] = [p for p in self.processes() if "spawn_main" in " ".join(_words(p))]
            return bool(found)

        wait_until(there)
        return found[0]

    def trials(self) -> list[psutil.Process]:
        """Programs that are measured, and their supervisors."""
        own = (str(_SCRIPTS), sys.executable, sys.base_prefix)
        return [p for p in self.processes() if (w := _words(p)) and not w[0].startswith(own)]

    def fill(self) -> None:
        """Leave no room on its disk."""
        with suppress(OSError), (self.root / "filler").open("wb") as file:
            while True:
                file.write(bytes(1 << 20))

    def make_room(self) -> None:
        (self.root / "filler").unlink()

    def link(self, switch: str, *, up: bool) -> None:
        """Pull the cable, or put it in again."""
        _ip("-n", switch, "link", "set", self.port, "up" if up else "down")

    def kill(self) -> None:
        """End whatever runs on it."""
        while left := self.processes():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.02)
        if self.nanny is not None:
            self.nanny.wait()
            self.nanny = None


@dataclass
class Rack:
    """A scheduler, its hosts, and the driver's place."""

    root: Path
    switch: str
    config: Path
    machines: list[Machine] = field(default_factory=list)
    scheduler: subprocess.Popen[bytes] | None = None

    @property
    def options(self) -> list[str]:
        return ["--cluster", f"tls://{HERE}:{PORT}", "--cluster-config", str(self.config)]

    def start_scheduler(self) -> None:
        log = (self.root / "scheduler.log").open("ab")
        tls = ["--tls-ca-file", "ca.pem", "--tls-cert", "host.pem", "--tls-key", "host.key"]
        command = [str(_SCRIPTS / "dask"), "scheduler", "--protocol", "tls", "--host", HERE,
                   "--port", str(PORT), "--no-dashboard", "--no-show", *tls]  # fmt: skip
        with log:
            self.scheduler = subprocess.Popen(
                [*_inside(self.switch), *command], cwd=self.root, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, process_group=0,
            )  # fmt: skip

    def kill_scheduler(self) -> None:
        if self.scheduler is not None:
            self.scheduler.kill()
            self.scheduler.wait()
            self.scheduler = None

    def start(self) -> None:
        """Start what does not run."""
        if self.scheduler is None:
            self.start_scheduler()
        for machine in self.machines:
            if machine.nanny is None or machine.nanny.poll() is not None:
                machine.start()

    def gomatrix(self, project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end at the driver's place."""
        return subprocess.run(
            self._command(arguments), cwd=project.root, capture_output=True, text=True, check=False
        )

    @contextmanager
    def started(self, project: Project, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs at the driver's place."""
        with (project.root / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                self._command(arguments), cwd=project.root, stdout=output,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [*_inside(self.switch), str(_SCRIPTS / "gomatrix"), *arguments]


@contextmanager
def rack_of(count: int, root: Path) -> Iterator[Rack]:
    """A rack of ``count`` hosts, without anything running; all of it is gone at the end."""
    sweep()
    base = f"{_PREFIX}-{os.getpid()}-{os.urandom(2).hex()}"
    cpus = sorted(os.sched_getaffinity(0))
    rack = Rack(root, f"{base}-switch", make_certificates(root))
    try:
        _ip("netns", "add", rack.switch)
        _ip("-n", rack.switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", rack.switch, "address", "add", f"{HERE}/24", "dev", "switch")
        for device in ("lo", "switch"):
            _ip("-n", rack.switch, "link", "set", device, "up")
        for number in range(1, count + 1):
            machine = Machine(
                f"host-{number}", f"{base}-{number}", f"port{number}", root / f"host-{number}",
                cpus[(number - 1) % len(cpus)], rack.config,
            )  # fmt: skip
            machine.root.mkdir()
            disk = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", base, str(machine.root)]
            subprocess.run(disk, check=True)
            rack.machines.append(machine)
            _ip("netns", "add", machine.namespace)
            _ip("-n", rack.switch, "link", "add", machine.port, "type", "veth",
                "peer", "name", "eth0", "netns", machine.namespace)  # fmt: skip
            _ip("-n", rack.switch, "link", "set", machine.port, "master", "switch", "up")
            address = f"10.77.0.{10 + number}/24"
            _ip("-n", machine.namespace, "address", "add", address, "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", machine.namespace, "link", "set", device, "up")
        yield rack
    finally:
        for machine in rack.machines:
            machine.kill()
        rack.kill_scheduler()
        _remove(base)


def sweep() -> None:
    """Remove what tests left that were killed."""
    for path in _NAMESPACES.glob(f"{_PREFIX}-*-switch"):
        base = path.name.removesuffix("-switch")
        owner = base.split("-")[1]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            _remove(base)


def _remove(base: str) -> None:
    for path in _NAMESPACES.glob(f"{base}-*"):
        for process in _processes(path.name):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _try("ip", "netns", "delete", path.name)
    for disk in psutil.disk_partitions(all=True):
        if disk.device == base:
            _try("umount", "--lazy", disk.mountpoint)


def _processes(namespace: str) -> list[psutil.Process]:
    found = []
    for word in _try("ip", "netns", "pids", namespace).stdout.split():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(word))
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _words(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.NoSuchProcess:
        return []
    return words


def _inside(namespace: str) -> list[str]:
    """Not ``ip netns exec``, which hides control groups."""
    return ["nsenter", f"--net={_NAMESPACES / namespace}"]


def _ip(*words: str) -> None:
    done = _try("ip", *words)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def _try(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


@contextmanager
def ready_rack(directory: Path) -> Iterator[Rack]:
    """A scheduler and three hosts, which nothing but the driver can reach; skips where none can be.

    What their runs need is fetched before: there is no network from inside.
    """
    if (reason := refusal()) is not None:
        pytest.skip(f"no hosts can be made here: {reason}")
    for version in (OLD, NEW):
        get(version, default_cache())
    with rack_of(3, directory) as made:
        made.start()
        yield made
