import hashlib
from pathlib import Path

import pytest

from harness.cluster.worker import DIRECTORY, lacking, receive
from harness.errors import HarnessError

SENDER, OTHER = "a" * 64, "b" * 64
DATA = b"\x7fELF program"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A worker's directory and cache."""
    (tmp_path / "work").mkdir()
    monkeypatch.setenv(DIRECTORY, str(tmp_path / "work"))
    monkeypatch.setenv("GOMATRIX_CACHE", str(tmp_path / "cache"))
    return tmp_path


def kept(place: Path) -> list[bytes]:
    return [path.read_bytes() for path in (place / "cache").glob("shipped/*/file")]


def test_a_file_is_kept_once_its_last_part_has_come(place: Path) -> None:
    receive(SENDER, DIGEST, 0, len(DATA), DATA[:5])
    assert lacking([DIGEST]) == [DIGEST]
    receive(SENDER, DIGEST, 5, len(DATA), DATA[5:])
    assert lacking([DIGEST]) == []
    assert kept(place) == [DATA]
    assert list((place / "work").iterdir()) == []


def test_two_drivers_send_one_file_at_a_time(place: Path) -> None:
    receive(SENDER, DIGEST, 0, len(DATA), DATA[:5])
    receive(OTHER, DIGEST, 0, len(DATA), DATA)
    receive(SENDER, DIGEST, 5, len(DATA), DATA[5:])
    assert kept(place) == [DATA]


def test_content_that_was_changed_is_refused(place: Path) -> None:
    with pytest.raises(HarnessError, match="changed on the way"):
        receive(SENDER, DIGEST, 0, len(DATA), DATA[:-1] + b"?")
    assert kept(place) == []
    assert list((place / "work").iterdir()) == []


def test_a_part_that_was_lost_is_noticed() -> None:
    receive(SENDER, DIGEST, 0, len(DATA), DATA[:5])
    with pytest.raises(HarnessError, match="lost on the way"):
        receive(SENDER, DIGEST, 6, len(DATA), DATA[6:])


@pytest.mark.parametrize(("sender", "digest"), [("../x", DIGEST), (SENDER, "../../etc/x")])
def test_a_name_that_is_no_digest_is_refused(sender: str, digest: str, place: Path) -> None:
    with pytest.raises(HarnessError, match="other than its sha256"):
        receive(sender, digest, 0, 1, b"x")
    assert lacking([digest]) == [digest]
    assert list((place / "work").iterdir()) == []
