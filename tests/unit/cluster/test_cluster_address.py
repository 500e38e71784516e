"""Which clusters are spoken to, and how."""

from pathlib import Path

import pytest

from harness.cluster.address import Place, check, local_workers, read_config
from harness.errors import HarnessError


@pytest.mark.parametrize(
    "address", ["tls://scheduler.lab:8786", "tls://10.0.0.7:8786", "tcp://127.0.0.1:8786",
                "tcp://localhost:1", "tcp://[::1]:8786", "local:1", "local:256"],
)  # fmt: skip
def test_addresses_that_are_safe(address: str) -> None:
    check(Place(address))


@pytest.mark.parametrize("address", ["tcp://10.0.0.7:8786", "tcp://scheduler.lab:8786"])
def test_no_run_speaks_in_the_clear_unless_it_is_told_to(address: str) -> None:
    with pytest.raises(HarnessError, match="without TLS, whoever can reach the cluster"):
        check(Place(address))
    check(Place(address, insecure=True))


@pytest.mark.parametrize(
    "address", ["", "scheduler:8786", "tls://scheduler", "tls://a:0", "tls://a:65536", "local:",
                "http://a:1", "tls://a:1/../x", "tls://a b:1", "inproc://a:1"],
)  # fmt: skip
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(HarnessError, match="is no cluster; write the address"):
        check(Place(address, insecure=True))


@pytest.mark.parametrize("address", ["local:0", "local:257"])
def test_local_clusters_have_a_size(address: str) -> None:
    with pytest.raises(HarnessError, match="write local:1 to local:256"):
        local_workers(address)


@pytest.mark.parametrize(
    "place", [Place("local:2", config=Path("dask.yaml")), Place("local:2", insecure=True)]
)
def test_local_clusters_need_no_certificates(place: Place) -> None:
    with pytest.raises(HarnessError, match="leave out --cluster-config and --insecure"):
        check(place)


@pytest.mark.parametrize("text", ["- a", "a: [", "", "\x00"])
def test_a_configuration_is_a_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dask.yaml"
    path.write_text(text)
    with pytest.raises(HarnessError, match=r"dask\.yaml is no"):
        read_config(path)
    path.write_text("distributed: {comm: {require-encryption: true}}")
    assert read_config(path) == {"distributed": {"comm": {"require-encryption": True}}}
