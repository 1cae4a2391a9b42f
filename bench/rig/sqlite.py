"""Compares two builds of the service on SQLite, in turns, each on its own file on the
same disk."""

import subprocess
from pathlib import Path
from statistics import mean

from . import data, load, processes
from .candidates import Candidate
from .processes import Failure


def compare(
    before: str, after: str, connections: int, seconds: int, rounds: int, folder: Path, secret: str
) -> str:
    users = data.Users(100_000)
    tokens = folder / "tokens"
    data.write_tokens(tokens, secret, users)
    pair = []
    for name, program in (("before", before), ("after", after)):
        if not Path(program).is_file():
            raise Failure(f"no such program: {program}")
        candidate = Candidate(name, [str(Path(program).resolve())])
        url = f"sqlite://{folder / name}.db"
        environment = processes.search_paths() | {"DATABASE_URL": url, "BETTER_AUTH_SECRET": secret}
        migrate = [*candidate.command, "migrate", "up"]
        made = subprocess.run(migrate, env=environment, cwd=folder, capture_output=True, text=True)
        if made.returncode:
            raise Failure(f"{name}: migrate up: {made.stderr}")
        candidate.start(folder, secret, url)
        pair.append(candidate)
    samples: dict[str, list[load.Sample]] = {one.name: [] for one in pair}
    for turn in range(rounds):
        for candidate in pair if turn % 2 == 0 else reversed(pair):
            sample = load.drive(candidate, "create", connections, seconds, tokens, turn)
            samples[candidate.name].append(sample)
    for candidate in pair:
        candidate.stop()
    lines = [
        f"create on SQLite, {connections} connections",
        "",
        "| | requests/s | ratio | p50 ms | p99 ms | CPU s/1,000 | MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    base = mean(sample.rate for sample in samples["before"])
    for name, found in samples.items():
        rate = mean(one.rate for one in found)
        lines.append(
            f"| {name} | {rate:,.0f} | {rate / base:.2f} "
            f"| {mean(one.p50 for one in found):.2f} | {mean(one.p99 for one in found):.2f} "
            f"| {mean(one.server_cpu for one in found):.3f} "
            f"| {max(one.resident for one in found):.0f} |"
        )
    return "\n".join(lines) + "\n"
