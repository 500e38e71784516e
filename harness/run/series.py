"""A trial's memory over time: files below ``series/``."""

import json
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.files.document import count_values, parse_json
from harness.files.inside import read_inside, write_inside
from harness.files.unpack import Allowance

_SERIES_BYTES, _SERIES_VALUES = 32 << 20, 2_000_000
"""The largest file that is read."""
_POINTS = 10_000
"""The most points that are kept of a series when it is read."""

Series = list[tuple[float, int]]
"""Seconds since the start, resident bytes."""


def read_series(path: Path, name: str, allowance: Allowance) -> list[tuple[float, float]]:
    """A trial's memory over time: seconds since the start and resident bytes.

    Raises:
        HarnessError: there is no such file in the run, or it holds something else.
    """
    data = read_inside(path, name, _SERIES_BYTES)
    allowance.spend(min(data.count(b",") // 2, _POINTS), len(data))
    found = parse_json(data, str(path / name), values=_SERIES_VALUES)
    try:
        points = zip(found["seconds"], found["rss"], strict=True)
        return thinned([(float(seconds), float(rss)) for seconds, rss in points], _POINTS)
    except (ValueError, KeyError, TypeError):
        raise HarnessError(f"{path / name} is not a series") from None


def is_readable(data: bytes) -> bool:
    """Whether a file of a series is within the limits of ``read_series``."""
    return len(data) <= _SERIES_BYTES and count_values(data) <= _SERIES_VALUES


def thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most about ``most`` points: the highest of each stretch of neighbours."""
    step = -(-len(points) // most)
    if step <= 1:
        return points
    parts = [points[index : index + step] for index in range(0, len(points), step)]
    return [max(part, key=lambda point: point[1]) for part in parts]


def write_series(
    directory: Path,
    name: str,
    series: Series,
    tree: Series | None = None,
    children: Sequence[Series] = (),
) -> None:
    """Write one trial's series, of its tree and of each child."""
    write_inside(directory, name, encode_series(series, tree, children))


def encode_series(
    series: Series, tree: Series | None = None, children: Sequence[Series] = ()
) -> bytes:
    """The content of the file of a trial's series: columns."""
    content = {
        "schema": 1,
        "seconds": [t for t, _ in series],
        "rss": [rss for _, rss in series],
        "tree_seconds": [t for t, _ in tree or ()],
        "tree_rss": [rss for _, rss in tree or ()],
        "children": [
            {"seconds": [t for t, _ in child], "rss": [rss for _, rss in child]}
            for child in children
        ],
    }
    return json.dumps(content, separators=(",", ":")).encode()
