"""The candidates: how each is built and started."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from . import cores, processes
from .data import Tables
from .processes import Failure

BENCH = Path(__file__).resolve().parent.parent
CACHE = BENCH / ".cache"
AXUM = BENCH / "peers" / "axum-sqlx"
FASTAPI = BENCH / "peers" / "fastapi-sqlmodel"

# All ratios are relative to the fastest of these in a cell: which pool is best depends
# on the machine.
YARDSTICKS = ["axum", "axum-20", "axum-64"]
LABELS = {
    "ours": "tasks-api",
    "axum": "axum + sqlx",
    "axum-20": "axum + sqlx, pool of 20",
    "axum-64": "axum + sqlx, pool of 64",
    "axum-noping": "axum + sqlx, no ping",
    "fastapi": "FastAPI + SQLModel",
}


def default() -> list[str]:
    axum = ["axum-20", "axum-64"] if cores.are_many() else ["axum"]
    return ["ours", *axum, "fastapi"]


@dataclass
class Candidate:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    # How many instances share the connections, as behind a load balancer.
    instances: int = 1
    # A build of the service, which makes its own tables.
    is_service: bool = False
    tables: Tables | None = None
    ports: list[int] = field(default_factory=list)
    processes: list[subprocess.Popen] = field(default_factory=list)

    @property
    def label(self) -> str:
        return LABELS.get(self.name, self.name)

    @property
    def port(self) -> int:
        return self.ports[0]

    def start(self, folder: Path, secret: str, database_url: str | None = None) -> None:
        """Starts the instances on its tables, or on another database."""
        self.ports, self.processes = [], []
        for number in range(self.instances):
            log = str(folder / f"{self.name}-{number}.log")
            self._start_one(folder, log, database_url or self.tables.url, secret)

    def _start_one(self, folder: Path, log: str, database_url: str, secret: str) -> None:
        port = processes.free_port()
        environment = {
            **processes.search_paths(),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "BETTER_AUTH_SECRET": secret,
            "ENVIRONMENT": "production",
            # All requests come from one address, and the peers have no limits.
            "RATE_LIMIT_PER_USER": "off",
            "RATE_LIMIT_PER_ADDRESS": "off",
            "RATE_LIMIT_FAILED_AUTH": "off",
        }
        command = [part.replace("{port}", str(port)) for part in self.command]
        process = processes.start(
            command, log, env=environment | self.environment, cwd=self.cwd or folder
        )
        processes.wait_for_port(process, port, log, self.label)
        self.ports.append(port)
        self.processes.append(process)

    def stop(self) -> None:
        for process in self.processes:
            processes.stop(process)
        self.processes = []

    def has_ended(self) -> bool:
        return any(process.poll() is not None for process in self.processes)

    def cpu_seconds(self) -> float:
        return sum(processes.cpu_seconds(process.pid) for process in self.processes)

    def resident_mib(self) -> float:
        return sum(processes.resident_mib(process.pid) for process in self.processes)


def _cargo(folder: Path, *options: str) -> str:
    """Builds in release mode; returns the path of the program."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json", *options]
    built = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        raise Failure(f"cargo build failed in {folder}")
    messages = (json.loads(line) for line in built.stdout.splitlines())
    return next(one["executable"] for one in messages if one.get("executable"))


def service() -> str:
    return _cargo(BENCH.parent, "--package", "tasks-api", "--bin", "tasks-api")


def _venv() -> str:
    """Makes a virtual environment with the pinned packages; returns its Python."""
    folder = CACHE / "venv"
    wanted = FASTAPI / "requirements.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "-r", str(wanted)],
        ):
            if subprocess.run(command).returncode:
                raise Failure(f"failed: {' '.join(command)}")
        stamp.write_text(digest)
    return str(folder / "bin" / "python")


def axum() -> str:
    return _cargo(AXUM, "--target-dir", str(CACHE / "target"))


def build(names: list[str], ours: str, peer: str | None) -> list[Candidate]:
    """Builds the candidates of these names; `ours` is the service's program, and `peer` the
    axum peer's where it is built already."""
    if not peer and any(name.startswith("axum") for name in names):
        peer = axum()
    found = []
    for name in names:
        match name:
            case "ours":
                found.append(Candidate(name, [ours], is_service=True))
            case "axum":
                found.append(Candidate(name, [peer]))
            case "axum-20" | "axum-64":
                pool = name.removeprefix("axum-")
                found.append(Candidate(name, [peer], {"POOL": pool}))
            case "axum-noping":
                found.append(Candidate(name, [peer], {"PING": "off"}))
            case "fastapi":
                command = [_venv(), "-m", "uvicorn", "main:app", "--host", "127.0.0.1"]
                command += ["--port", "{port}", "--workers", str(max(2, cores.count())), "--loop", "uvloop"]
                command += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
                quiet = {"PYTHONDONTWRITEBYTECODE": "1"}
                found.append(Candidate(name, command, quiet, cwd=FASTAPI))
            case other:
                # NAME=PATH: another build of the service, to compare two versions.
                label, equals, path = other.partition("=")
                if not equals or not Path(path).is_file():
                    raise Failure(f"unknown candidate {other!r}: {', '.join(LABELS)} or NAME=PATH")
                program = str(Path(path).resolve())
                found.append(Candidate(label, [program], is_service=True))
    return found
