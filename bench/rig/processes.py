"""Starts programs, reads their resource usage from /proc, and stops them."""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

# Errors of a process that ended before its file was opened or read.
GONE = (FileNotFoundError, ProcessLookupError)
TICKS = os.sysconf("SC_CLK_TCK")
_running: list[subprocess.Popen] = []


class Failure(Exception):
    """An error that invalidates the run. Its text is shown to the user."""


def search_paths() -> dict[str, str]:
    """Where programs and their libraries are found. Nothing else of this environment is
    passed on: it may name another database."""
    names = ("PATH", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}


def _die_with_parent(how: int) -> None:
    # If this process is killed with SIGKILL, no handler of its own can run.
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)


def start(
    command: list[str], log: str, at_death: int = signal.SIGTERM, **options
) -> subprocess.Popen:
    """Starts a program in a separate process group. Ctrl-C then reaches this process
    only, which stops the programs in order. `at_death`: its signal if this process dies."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: _die_with_parent(at_death),
            **options,
        )
    _running.append(process)
    return process


def stop(process: subprocess.Popen, how: int = signal.SIGTERM) -> None:
    if process in _running:
        _running.remove(process)
    for send in (how, signal.SIGKILL):
        if process.poll() is not None:
            break
        # The program first, because it stops its own children.
        process.send_signal(send)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop_all() -> None:
    # In reverse order: Postgres was started before its clients.
    for process in reversed(_running[:]):
        stop(process, signal.SIGINT)


def guard() -> None:
    """Stops all started programs when this process ends for any reason."""
    atexit.register(stop_all)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(process: subprocess.Popen, port: int, log: str, name: str) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    with open(log, errors="replace") as lines:
        tail = "".join(lines.readlines()[-15:])
    raise Failure(f"{name} did not start:\n{tail}")


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    found, parents = [root], [root]
    while parents:
        pid = parents.pop()
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as children:
                    parents += (new := [int(child) for child in children.read().split()])
                    found += new
        except GONE:
            pass
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of a process and its descendants, including reaped ones."""
    ticks = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except GONE:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def resident_mib(root: int) -> float:
    """The resident set of a process and its descendants."""
    kib = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/status") as status:
                line = next((line for line in status if line.startswith("VmRSS:")), None)
        except GONE:
            continue
        kib += int(line.split()[1]) if line else 0
    return kib / 1024
