"""The processor cores of a run, and what depends on their number."""

import os

# From this number on, a run has the peers, connections and targets of a large machine.
MANY = 8


def use(wanted: int | None) -> int:
    """Pins this process, and with it all that it starts, to the first `wanted` of its
    cores, or leaves it all of them. Returns their number."""
    mine = sorted(os.sched_getaffinity(0))
    if wanted is not None:
        if not 1 <= wanted <= len(mine):
            raise ValueError(f"--cores: this process may use 1 to {len(mine)}")
        os.sched_setaffinity(0, mine[:wanted])
    return min(wanted or len(mine), len(mine))


def count() -> int:
    return len(os.sched_getaffinity(0))


def are_many() -> bool:
    return count() >= MANY


def load_threads(connections: int) -> int:
    """The threads of wrk and pgbench: enough not to be the limit, and few enough to leave
    the cores to what is measured. 2 on up to 7 cores, 6 on 16."""
    return max(1, min(connections, max(2, min(8, count() * 3 // 8))))
