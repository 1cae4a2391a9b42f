"""Runs a workload against one candidate, and the same SQL against the database."""

import http.client
import json
import re
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import cores
from .candidates import BENCH, Candidate
from .data import BUSY, DOOMED, NEW, PER_BUSY, TWENTY, Tables, Users
from .postgres import Cluster
from .processes import Failure

WORKLOADS = ["get", "list", "create", "complete", "delete", "mixed"]
# Of version 1.1 of the contract, which only builds of the service have: creations with a key,
# and changes where nothing has changed.
OF_1_1 = ["changes", "patch", "keyed"]
WRITES = {"create", "complete", "delete", "mixed", "patch", "keyed"}
# How many users are asked for their changes.
FOLLOWED = 500
MIX = {"get": 50, "list": 30, "create": 10, "complete": 10}

_COLUMNS = "id, user_id, title, description, completed, created_at, updated_at"
# The SQL that each endpoint needs, as pgbench's prepared statements. User names are
# numbers, so that pgbench can generate them.
_OWNED = f"\\set u random(1, :busy)\n\\set id :u + :busy * random(0, {PER_BUSY - 1})\n\\set u :u + {BUSY}\n"
SQL = {
    "get": _OWNED + f"SELECT {_COLUMNS} FROM tasks WHERE id = :id AND user_id = :u;\n",
    "list": f"\\set u random(1, :twenty) + {TWENTY}\n"
    f"SELECT {_COLUMNS} FROM tasks WHERE user_id = :u ORDER BY id DESC;\n",
    "create": f"\\set u random(1, :new) + {NEW}\n"
    "WITH granted AS (INSERT INTO task_counts AS held (user_id, tasks) VALUES (:u, 1) "
    "ON CONFLICT (user_id) DO UPDATE SET tasks = held.tasks + 1 WHERE held.tasks < 10000 "
    "RETURNING user_id) "
    "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
    "SELECT user_id, 'Buy oat milk on the way home', "
    "'Two litres, the blue one, and ask whether the red one is back', FALSE, now(), now() "
    f"FROM granted RETURNING {_COLUMNS};\n",
    "complete": _OWNED + "\\set done random(0, 1)\n"
    "UPDATE tasks SET completed = (:done = 1), "
    "updated_at = GREATEST(now(), updated_at + interval '1 microsecond') "
    f"WHERE id = :id AND user_id = :u RETURNING {_COLUMNS};\n",
    # Each client takes every `clients`-th of the prepared rows, as load.lua does.
    "delete": "\\set i :i + 1\n"
    "\\set k ((:client_id + :i * :clients) * 1000003) % :doomed\n"
    f"\\set id {DOOMED} + :k\n\\set u :k % :new + {NEW + 1}\n"
    "WITH gone AS (DELETE FROM tasks WHERE id = :id AND user_id = :u RETURNING user_id) "
    "UPDATE task_counts AS held SET tasks = tasks - 1 FROM gone WHERE held.user_id = gone.user_id;\n",
}


@dataclass
class Sample:
    """The result of one turn of a candidate."""

    rate: float
    p50: float | None
    p99: float | None
    server_cpu: float | None
    postgres_cpu: float
    resident: float | None
    requests: int
    bytes_each: float | None = None
    # Of each request: all of it, and what the full images of pages are of that.
    wal: float | None = None
    wal_images: float | None = None

    def as_dict(self) -> dict:
        return asdict(self)


def write_cursors(candidate: Candidate, tokens: Path) -> None:
    """Writes where the changes of some users end, for load.lua."""
    users = (tokens / "twenty").read_text().split()[:FOLLOWED]
    connection = http.client.HTTPConnection("127.0.0.1", candidate.port)
    cursors = []
    for token in users:
        connection.request("GET", "/api/tasks", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        cursors.append(response.headers["ETag"].strip('"'))
    (tokens / "cursors").write_text("\n".join(cursors) + "\n")


def most_deleted(seconds: int) -> int:
    """More tasks than are deleted in so many seconds; a deletion of a task that is not there
    would be a failure."""
    return 50_000 * (seconds + 1) * max(1, cores.count() // 4)


class Highest:
    """The largest resident set during the measurement."""

    def __init__(self, candidate: Candidate):
        self.candidate = candidate
        self.value = 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while True:
            self.value = max(self.value, self.candidate.resident_mib())
            if self.over.wait(0.5):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def drive(
    candidate: Candidate,
    workload: str,
    connections: int,
    seconds: int,
    tokens: Path,
    seed: int,
    cluster: Cluster | None = None,
    doomed: int = 0,
) -> Sample:
    """Runs wrk against one candidate, one process for each instance. `doomed` rows are there
    to be deleted. An unsuccessful response is a `Failure`."""
    each = max(1, connections // candidate.instances)
    threads = max(1, cores.load_threads(connections) // candidate.instances)
    database_cpu = cluster.cpu_seconds if cluster else lambda: 0.0
    position = cluster.wal_position() if cluster else None
    server, database = candidate.cpu_seconds(), database_cpu()
    with Highest(candidate) as resident:
        running = []
        for number, port in enumerate(candidate.ports):
            command = ["wrk", f"-t{threads}", f"-c{each}", f"-d{seconds}s"]
            command += ["--timeout", "10s", "-s", str(BENCH / "load.lua")]
            # Each process sends different requests.
            command += [f"http://127.0.0.1:{port}", "--", workload]
            command += [str(seed + 32 * number), str(tokens)]
            command += [str(doomed), str(DOOMED), str(number * threads), str(len(candidate.ports) * threads)]
            piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            running.append(subprocess.Popen(command, **piped))
        done = [one.communicate() for one in running]
    server, database = candidate.cpu_seconds() - server, database_cpu() - database
    wal = cluster.wal_since(position) if cluster else None
    parts = []
    for out, error in done:
        try:
            parts.append(json.loads(error.strip().splitlines()[-1]))
        except (ValueError, IndexError):
            raise Failure(f"wrk failed: {error.strip() or out}") from None
    told = {key: sum(part[key] for part in parts) for key in parts[0]}
    # The worst of several: single latencies are not known.
    told |= {key: max(part[key] for part in parts) for key in ("seconds", "p50", "p99")}
    what = f"{candidate.label}, {workload}, {connections} connections"
    failed = {key: told[key] for key in ("failed_status", "failed_socket", "timeouts") if told[key]}
    if failed or not told["requests"]:
        raise Failure(f"{what}: {told['requests']} responses, {failed}")
    if candidate.has_ended():
        raise Failure(f"{what}: the process ended")
    thousands = told["requests"] / 1000
    return Sample(
        rate=told["requests"] / told["seconds"],
        p50=told["p50"],
        p99=told["p99"],
        server_cpu=server / thousands,
        postgres_cpu=database / thousands,
        resident=resident.value,
        requests=told["requests"],
        bytes_each=told["bytes"] / told["requests"],
        wal=wal and wal[0] / told["requests"],
        wal_images=wal and wal[1] / told["requests"],
    )


def limit(
    tables: Tables,
    workload: str,
    connections: int,
    seconds: int,
    users: Users,
    folder: Path,
    doomed: int = 0,
) -> Sample:
    """Runs pgbench with the endpoints' SQL: the database without a service."""
    cluster = tables.cluster
    command = [str(cluster.bin / "pgbench"), "-n", "-M", "prepared"]
    command += ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "bench"]
    # pgbench's clock includes the time to connect, which matters for hundreds.
    seconds += connections // 128
    command += ["-c", str(connections), "-j", str(cores.load_threads(connections)), "-T", str(seconds)]
    for name in ("busy", "twenty", "new"):
        command += ["-D", f"{name}={getattr(users, name)}"]
    command += ["-D", f"doomed={doomed}", "-D", f"clients={connections}", "-D", "i=-1"]
    for name, weight in (MIX if workload == "mixed" else {workload: 1}).items():
        script = folder / f"{name}.sql"
        script.write_text(SQL[name])
        command += ["-f", f"{script}@{weight}"]
    position, database = cluster.wal_position(), cluster.cpu_seconds()
    done = subprocess.run(command + [tables.database], capture_output=True, text=True)
    # The CPU time of its backends is counted once they have ended.
    time.sleep(0.2)
    database = cluster.cpu_seconds() - database
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
    count = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M)
    failed = re.search(r"^number of failed transactions: ([1-9]\d*)", done.stdout, re.M)
    if done.returncode or not rate or not count or failed:
        raise Failure(f"pgbench failed: {done.stderr or done.stdout}")
    requests = int(count.group(1))
    wal = cluster.wal_since(position)
    return Sample(
        rate=float(rate.group(1)),
        p50=None,
        p99=None,
        server_cpu=None,
        postgres_cpu=database / requests * 1000,
        resident=None,
        requests=requests,
        wal=wal[0] / requests,
        wal_images=wal[1] / requests,
    )
