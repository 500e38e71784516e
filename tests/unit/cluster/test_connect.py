"""Connecting ends within a time, and says what is there instead of a scheduler."""

import gc
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster
from rack import make_certificates
from services import missing

from harness.cluster import connect
from harness.cluster.address import Place
from harness.cluster.connect import connected
from harness.errors import HarnessError

STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
"""What Python asks of certificates by default since 3.13."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with certificates, as documented."""
    if shutil.which("openssl") is None:
        missing("there is no openssl")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(connect, "_CONNECT", 2)
    monkeypatch.setattr(connect, "_REACH", 1)
    before = deepcopy(dask.config.config)
    yield
    dask.config.config.clear()
    dask.config.config.update(before)


def _silent(peer: socket.socket) -> None:
    while peer.recv(1 << 16):
        pass


def _closes(peer: socket.socket) -> None:
    peer.recv(1)


def _web(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def _zeros(peer: socket.socket) -> None:
    peer.sendall(bytes(800))
    _silent(peer)


@contextmanager
def serving(answer: Callable[[socket.socket], None], tls: Path | None) -> Iterator[int]:
    """A port of something that is no scheduler; with a certificate where it speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls is not None:
        context.load_cert_chain(tls / "host.pem", tls / "host.key")

    def serve(peer: socket.socket) -> None:
        with suppress(OSError), peer:
            if tls is None:
                answer(peer)
            else:
                with context.wrap_socket(peer, server_side=True) as secured:
                    answer(secured)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Dask drops sockets that it gives up
@pytest.mark.parametrize("answer", [_silent, _closes, _web, _zeros])
@pytest.mark.parametrize("speaks", ["tcp", "tls"])
@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_what_is_no_scheduler_is_told_in_time(
    scheme: str, speaks: str, answer: Callable[[socket.socket], None], config: Path
) -> None:
    with serving(answer, config.parent if speaks == "tls" else None) as port:
        place = Place(f"{scheme}://127.0.0.1:{port}", config if scheme == "tls" else None)
        told = "accepts connections but does not answer as a Dask scheduler: (?!.*Cancelled)"
        with pytest.raises(HarnessError, match=told), connected(place, print):
            pass
    gc.collect()  # what is left half made complains here, which fails the test


def test_where_nothing_listens_no_scheduler_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = Place(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    told = "no scheduler answers at .*Connection refused; start one"
    with pytest.raises(HarnessError, match=told), connected(place, print):
        pass


def test_a_scheduler_is_connected_to() -> None:
    lines: list[str] = []
    with (
        LocalCluster(
            n_workers=0, host="127.0.0.1", protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as cluster,
        connected(Place(cluster.scheduler_address), lines.append),
    ):
        assert lines == [f"cluster {cluster.scheduler_address}"]


def test_certificates_of_the_driver_must_be_there(config: Path, tmp_path: Path) -> None:
    only = tmp_path / "dask.yaml"
    only.write_text(config.read_text().partition("      client:")[0])
    told = "ca-file, and cert and key of client"
    with (
        pytest.raises(HarnessError, match=told),
        connected(Place("tls://127.0.0.1:1", only), print),
    ):
        pass


def test_documented_certificates_hold_where_python_is_strict(config: Path) -> None:
    def context(protocol: int) -> ssl.SSLContext:
        made = ssl.SSLContext(protocol)
        made.load_cert_chain(config.parent / "host.pem", config.parent / "host.key")
        made.load_verify_locations(config.parent / "ca.pem")
        made.check_hostname, made.verify_mode = False, ssl.CERT_REQUIRED
        made.verify_flags |= STRICT
        return made

    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(one, other)
    server = context(ssl.PROTOCOL_TLS_SERVER).wrap_bio(other, one, server_side=True)
    for _ in range(3):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert client.getpeercert()
    assert server.getpeercert()


def test_the_last_words_of_a_local_worker_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho one >&2\necho 'Error: no room on disk' >&2\nexit 2\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    one = r"the worker local-[12] ended \(exit status 2\): Error: no room on disk"
    told = f"^{one}(; {one})?$"
    with pytest.raises(HarnessError, match=told), connected(Place("local:2"), print):
        pass


def test_local_workers_serve_when_the_cluster_is_there() -> None:
    lines: list[str] = []
    with connected(Place("local:1"), lines.append):
        assert [line for line in lines if line.startswith("cluster tls://127.0.0.1:")]


def _ask(tmp_path: Path, *words: str) -> str:
    """What a command says that ends before it measures."""
    (tmp_path / "matrix.yaml").write_text(
        "go: [go1.24.3]\nworkloads: [{name: a, package: ./a}]\ntrials: 1\n"
    )
    command = [sys.executable, "-m", "harness", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode > 1
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", ["run", "bisect", "explain"])
@pytest.mark.parametrize("address", ["", " "])
def test_an_empty_address_is_refused(command: str, address: str, tmp_path: Path) -> None:
    assert "--cluster is empty" in _ask(tmp_path, command, "--cluster", address)


@pytest.mark.parametrize("lanes", ["2", "auto"])
def test_lanes_here_are_refused_beside_a_cluster(lanes: str, tmp_path: Path) -> None:
    told = _ask(tmp_path, "run", "--cluster", "local:1", "-n", lanes)
    assert "--cluster and -n exclude each other" in told
    assert "cluster tls://" not in told


def test_no_lanes_here_are_no_contradiction(tmp_path: Path) -> None:
    assert "write local:1 to local:256" in _ask(tmp_path, "run", "--cluster", "local:0", "-n", "0")
