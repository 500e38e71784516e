"""A run on many hosts: a Dask cluster, to whose workers rounds are dealt.

The only room that imports Dask (``distributed``), which is optional: nothing but this
module is imported in a run without a cluster.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import HarnessError


@contextmanager
def cluster_room() -> Iterator[None]:
    """Import what needs Dask.

    Raises:
        HarnessError: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        if error.name is not None and error.name.startswith("harness"):
            raise
        raise HarnessError(
            f"a cluster needs Dask, which is not installed here ({error}): "
            "pip install 'goexperiment-matrix[cluster]'"
        ) from None


def require_address(address: str | None, *others: object) -> None:
    """Refuse an address that is empty, and options of a cluster without the one that names it.

    Raises:
        HarnessError: it is empty, or some of the others were given, but no address.
    """
    if address is not None and not address.strip():
        raise HarnessError(
            "--cluster is empty, as of a variable that is not set: name a cluster, or leave the "
            "option out to measure here"
        )
    if address is None and any(others):
        raise HarnessError("options of a cluster need --cluster ADDRESS, which names it")
