"""A private Postgres cluster in a temporary folder."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from . import processes
from .processes import Failure

# The settings of a small production server. None trades safety for speed: an
# acknowledged commit is on the disk.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_connections": "1200",
    "max_wal_size": "8GB",
    # Both run explicitly between measurements, so that neither affects the turn of one
    # candidate only.
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}


def binaries() -> Path:
    """The folder of initdb, which is not on Debian's PATH."""
    found = shutil.which("initdb") or max(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"),
        key=lambda path: int(path.split("/")[4]),
        default=None,
    )
    if found is None:
        raise Failure("Postgres is not installed: no initdb on the PATH")
    return Path(found).resolve().parent


def _unprivileged() -> pwd.struct_passwd:
    """The user that runs Postgres in place of root, where no package made one as well."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise Failure("no user named postgres or nobody: run it as another user than root")


class Cluster:
    def __init__(self, folder: Path):
        self.bin = binaries()
        self.folder = folder / "postgres"
        self.folder.mkdir(mode=0o700)
        self.port = processes.free_port()
        # Postgres refuses to run as root.
        drop = {}
        if os.getuid() == 0:
            user = _unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            drop = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = str(self.folder / "data")
        initdb = [str(self.bin / "initdb"), "-D", data, "-U", "bench", "-A", "trust"]
        initdb += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        try:
            made = subprocess.run(initdb, capture_output=True, text=True, cwd="/", **drop)
        except PermissionError as error:
            raise Failure(f"the user that runs Postgres may not enter: {error}") from None
        if made.returncode:
            raise Failure(f"initdb failed:\n{made.stderr}")
        settings = SETTINGS | {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        command = [str(self.bin / "postgres"), "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        log = str(folder / "postgres.log")
        self.process = processes.start(command, log, signal.SIGINT, cwd="/", **drop)
        processes.wait_for_port(self.process, self.port, log, "Postgres")
        for _ in range(100):
            if self._psql("postgres", "SELECT 1").returncode == 0:
                break

    def create(self, database: str) -> None:
        self.run(f"CREATE DATABASE {database}", database="postgres")

    def url(self, database: str) -> str:
        return f"postgres://bench@127.0.0.1:{self.port}/{database}"

    @property
    def version(self) -> str:
        return self.run("SHOW server_version", database="postgres")

    def _psql(self, database: str, sql: str) -> subprocess.CompletedProcess:
        command = [str(self.bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", str(self.folder), "-p", str(self.port), "-U", "bench", database]
        return subprocess.run(command, input=sql, capture_output=True, text=True)

    def run(self, sql: str, database: str) -> str:
        """Runs statements over the socket, each in its own transaction."""
        done = self._psql(database, sql)
        if done.returncode:
            raise Failure(f"Postgres: {done.stderr.strip()}\nin: {sql.strip()[:300]}")
        return done.stdout.strip()

    def wal_position(self) -> str:
        return self.run("SELECT pg_current_wal_flush_lsn()", database="postgres")

    def wal_since(self, position: str) -> tuple[int, int]:
        """The bytes of WAL since a position, and what the full images of pages are of that: the
        first change of a page after a checkpoint. (`pg_stat_wal` is seconds late.)"""
        sql = (
            "CREATE EXTENSION IF NOT EXISTS pg_walinspect; "
            "SELECT sum(record_size + fpi_size), sum(fpi_size) "
            f"FROM pg_get_wal_stats('{position}', pg_current_wal_flush_lsn())"
        )
        if self.wal_position() == position:
            return 0, 0
        total, images = self.run(sql, database="postgres").split("|")
        return int(total), int(images)

    def cpu_seconds(self) -> float:
        return processes.cpu_seconds(self.process.pid)

    def stop(self) -> None:
        processes.stop(self.process, signal.SIGINT)
