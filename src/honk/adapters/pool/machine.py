"""Whether this machine has room for what nobody asked for yet."""

import os
from pathlib import Path

#: bytes that must be free before another agent is started beforehand: its own and as much again for work
ROOM = 1 << 30
#: below this, agents that wait are given up
PRESSURE = 512 << 20


def available() -> int:
    """Bytes of memory that could be had now."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0


def busy() -> bool:
    """Whether more wants to run at this moment than there are processors, Honk itself not counted."""
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return running - 1 >= (os.cpu_count() or 1)
