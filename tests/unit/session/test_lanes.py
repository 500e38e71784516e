import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.session.lanes import cpu_quota, cut_lanes


@given(
    st.sets(st.integers(0, 255), min_size=1),
    st.integers(1, 16),
    st.floats(0.1, 300) | st.just(math.inf),
)
def test_lanes_are_disjoint_and_within_affinity_and_quota(
    available: set[int], cpus: int, quota: float
) -> None:
    lanes = cut_lanes(available, cpus, quota)
    used = [cpu for lane in lanes for cpu in lane]
    assert len(used) == len(set(used))
    assert set(used) <= available
    usable = max(1, int(min(len(available), quota)))
    assert len(lanes) == max(1, usable // cpus)
    assert all(len(lane) == min(cpus, len(available)) for lane in lanes)


def test_the_tightest_control_group_above_a_process_holds(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("0::/outer/inner\n")
    inner = tmp_path / "fs" / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(proc, tmp_path / "fs") == math.inf
    (inner.parent / "cpu.max").write_text("150000 100000\n")
    assert cpu_quota(proc, tmp_path / "fs") == 1.5


def test_control_groups_of_the_first_version_are_read(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("4:memory:/job\n3:cpu,cpuacct:/job\n")
    group = tmp_path / "fs" / "cpu,cpuacct" / "job"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("200000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(proc, tmp_path / "fs") == 2


def test_without_control_groups_nothing_limits(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path) == math.inf
