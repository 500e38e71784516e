"""Workers of a Dask cluster that only sleep, for ``cluster.py``.

    python benchmarks/simulated_hosts.py ADDRESS FIRST COUNT

Each is a host of its own with one lane; a process has several, as a real one is mostly waiting.
"""

import asyncio
import hashlib
import sys
import time

from distributed import Worker, get_worker

import harness
import harness.cluster.worker
from harness.cluster.parcels import Parcel
from harness.cluster.serve import LANE
from harness.cluster.worker import Introduction
from harness.metrics.catalogue import CATALOGUE
from harness.run.host import describe_host
from harness.run.records import TrialRecord

TRIAL = 0.2
"""Seconds of a trial."""
_SERIES, _PROFILE = bytes(6_000), bytes(12_000)
"""As large as those of a trial of a few seconds."""
_RUNTIME = {
    f"/memory/classes/simulated/number-{number}:bytes": 1e6 + number for number in range(90)
}
"""What a Go runtime tells of itself."""


def introduce() -> str:
    """Take the place of ``harness.cluster.worker.introduce``: each worker is another host."""
    name = str(get_worker().name)
    identity = hashlib.sha256(name.encode()).hexdigest()[:16]
    host = describe_host().model_copy(update={"name": name, "id": identity})
    return Introduction(host=host, cpus=1, harness=harness.__version__).model_dump_json()


def lacking(digests: list[str]) -> list[str]:  # noqa: ARG001 - called as that in whose place it is
    """Take the place of ``harness.cluster.worker.lacking``: each host has every file."""
    return []


def execute(text: str) -> tuple[str, bytes | None, bytes | None]:
    """Take the place of ``harness.cluster.worker.execute``: sleep, and tell as much as a trial."""
    started = time.time()
    time.sleep(TRIAL)
    trial = Parcel.model_validate_json(text).job.trial
    record = TrialRecord(
        workload=trial.workload, variant=trial.variant, round=trial.round, lane=0, host="",
        started=started, outcome="ok", metrics=dict.fromkeys(CATALOGUE, started),
        runtime=_RUNTIME,
    )  # fmt: skip
    return record.model_dump_json(), _SERIES, _PROFILE


async def serve(address: str, names: list[str]) -> None:
    """Serve until the scheduler ends."""
    workers = [
        Worker(address, name=name, nthreads=3, resources={LANE: 1}, memory_limit=0,
               dashboard=False, death_timeout=60)
        for name in names
    ]  # fmt: skip
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


if __name__ == "__main__":
    harness.cluster.worker.introduce = introduce
    harness.cluster.worker.lacking = lacking
    first, count = map(int, sys.argv[2:])
    asyncio.run(serve(sys.argv[1], [f"host-{number}" for number in range(first, first + count)]))
