"""``gomatrix worker``: what it refuses, and where it listens."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import dask
import psutil
import pytest
from distributed import LocalCluster

from harness.cluster.address import Place
from harness.cluster.serve import Post, configure, serve
from harness.errors import HarnessError

ADDRESS = "tls://127.0.0.1:1"


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31mred", "a" * 101])
def test_a_name_can_be_shown(name: str, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="cannot be the name of a host"):
        serve(Post(Place(ADDRESS), name, tmp_path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("distributed: 3", "these certificates cannot be used"),
        ("distributed: {comm: {tls: {ca-file: [1], worker: {cert: 4}}}}", "cannot be used"),
        ("distributed: {comm: {tls: {ca-file: /gone/ca.pem}}}", "/gone/ca.pem cannot be read"),
        ("distributed: {comm: {tls: {cafile: /gone/ca.pem}}}", "needs certificates"),
    ],
)
def test_a_configuration_without_certificates_says_what_is_wrong(
    text: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "dask.yaml"
    path.write_text(text)

    before = deepcopy(dask.config.config)
    try:
        with pytest.raises(HarnessError, match=told):
            configure(Place(ADDRESS, path))
    finally:
        dask.config.config.clear()
        dask.config.config.update(before)


@contextmanager
def worker_of(address: str, directory: Path) -> Iterator[psutil.Process]:
    words = [sys.executable, "-m", "harness", "worker", address, "--directory", str(directory)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "serving" in process.stderr.readline()
        yield psutil.Process(process.pid)
        process.terminate()


def test_what_is_not_encrypted_is_served_to_this_machine_alone(tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=0, host="127.0.0.1", protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as cluster,
        worker_of(cluster.scheduler_address, tmp_path) as process,
    ):
        (worker,) = cluster.scheduler.workers.values()
        (serving,) = (
            listening.laddr.ip
            for child in process.children(recursive=True)
            for listening in child.net_connections("inet")
            if listening.laddr.port == worker.services["dashboard"]
        )

    assert serving == "127.0.0.1"


def test_a_worker_removes_nothing_of_a_directory_but_what_workers_made(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for file in (tmp_path / "photos" / "a", tmp_path / "film.part"):
        file.touch()
    left = tmp_path / "gomatrix-worker"
    (left / "tmp").mkdir(parents=True)
    (left / "0.part").touch()

    with pytest.raises(HarnessError, match="needs certificates"):
        serve(Post(Place(ADDRESS), "name", tmp_path))

    assert (tmp_path / "photos" / "a").exists()
    assert (tmp_path / "film.part").exists()
    assert [path.name for path in left.iterdir()] == ["worker.lock"]
    assert len(list(tmp_path.iterdir())) == 3
