"""What a run keeps of the processes that a program started."""

from harness.models import Frozen


class ChildProcess(Frozen):
    """What was seen of one child."""

    pid: int
    name: str
    peak: int
    """Bytes: the largest sample of its resident set."""
    cpu: float
    """Seconds of CPU, as last seen."""
    pss: int | None = None
    """Bytes, at the last snapshot that found it alive; ``None`` where none did."""
    uss: int | None = None
    """Bytes of its own alone, at the same instant."""
