import errno
import os
from pathlib import Path

import pytest

from harness.errors import HarnessError, reading, told, writing


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EACCES, "get permission"),
        (errno.EROFS, "mount"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.ENOENT, "removed"),
        (errno.ENOTDIR, "directory should be"),
        (errno.EISDIR, "file should be"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "dmesg"),
        (errno.ELOOP, "symbolic link"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ENOTRECOVERABLE, "what the system says"),
    ],
)
def test_errors_of_the_system_are_told_as_what_they_are(number: int, remedy: str) -> None:
    error = OSError(number, os.strerror(number), "some/file")
    with pytest.raises(HarnessError) as written, writing(Path("place"), "go elsewhere"):
        raise error
    with pytest.raises(HarnessError) as read, reading(Path("place")):
        raise error
    for text in (str(written.value), str(read.value), told(error)):
        assert os.strerror(number) in text
        assert remedy in text
        assert "some/file" in text
        assert ("make room" in text) == (number == errno.ENOSPC)
        assert ("permission" in text) == (number == errno.EACCES)
    assert str(written.value).endswith(", or go elsewhere")
    assert "cannot be read" in str(read.value)


def test_real_errors_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HarnessError, match=r"x{280}.*use shorter names"), writing(tmp_path, "…"):
        (tmp_path / ("x" * 280)).mkdir()
    with pytest.raises(HarnessError, match="Not a directory"), writing(tmp_path, "…"):
        (tmp_path / "file" / "y").mkdir()
