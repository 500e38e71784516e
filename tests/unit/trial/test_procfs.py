from hypothesis import given
from hypothesis import strategies as st

from harness.trial.observe import procfs

SMAPS = b"""\
00400000-00401000 r-xp 00000000 08:01 42                                 /bin/with space (x)
Size:                  4 kB
Rss:                   4 kB
VmFlags: rd ex mr mw me
c000000000-c004000000 rw-p 00000000 00:00 0
Size:              65536 kB
Rss:                 100 kB
AnonHugePages:      2048 kB
7fff00000000-7fff00001000 rw-p 00000000 00:00 0                          [stack]
Rss:                   8 kB
"""


def test_parses_each_mapping_with_its_own_fields() -> None:
    text, heap, stack = procfs.parse_smaps(SMAPS)
    assert (text.name, text.size, text.inode) == ("/bin/with space (x)", 4096, 42)
    assert (heap.name, heap.fields["AnonHugePages"]) == ("", 2048 * 1024)
    assert (stack.name, stack.fields) == ("[stack]", {"Rss": 8 * 1024})


def test_status_knows_units() -> None:
    status = procfs.parse_status(b"Name:\tx 9 kB\nVmHWM:\t     12 kB\nThreads:\t7\nVmRSS:\t1")
    assert status == {"VmHWM": 12 * 1024, "Threads": 7, "VmRSS": 1}


def test_stat_survives_a_command_with_brackets() -> None:
    fields = [str(i) for i in range(4, 53)]
    stat = procfs.parse_stat(f"7 (a) b (c) R {' '.join(fields)}".encode())
    assert stat is not None
    assert (stat.state, stat.parent, stat.minor_faults, stat.start) == ("R", 4, 10, 22)


def test_statm_needs_a_whole_number() -> None:
    assert procfs.parse_statm(b"100 20 3 1 0 5 0\n") == 20 * procfs.PAGE
    assert procfs.parse_statm(b"100 2") is None
    assert procfs.parse_statm(b"") is None


@given(st.binary(), st.integers(0, len(SMAPS)), st.integers(0, len(SMAPS)))
def test_parsers_survive_anything(foreign: bytes, cut: int, place: int) -> None:
    text = (SMAPS[:place] + foreign + SMAPS[place:])[:cut]
    for mapping in procfs.parse_smaps(text):
        assert mapping.end >= 0
    procfs.parse_status(text)
    procfs.parse_stat(text)
    procfs.parse_statm(text)


def test_a_process_that_has_gone_is_none() -> None:
    gone = 2**22 + 1  # above the highest process id (PID_MAX_LIMIT)
    assert procfs.read(gone, "status") == b""
    assert procfs.open_files(gone) is None
