"""The report: JSON for programs, Markdown for people."""

import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from . import cores
from .candidates import BENCH, LABELS, YARDSTICKS
from .load import WORKLOADS, Sample

LIMIT = "pgbench"
# The file that names the commit where git cannot: in the archive of `bench/pack`.
COMMIT = "commit"

# Targets: the least ratio to the yardstick at 100,000 rows, on few and on many cores.
FEW = {
    ("get", 32): 2.0,
    ("list", 32): 1.8,
    ("create", 32): 3.5,
    ("complete", 32): 3.0,
    ("mixed", 32): 2.0,
    ("mixed", 256): 2.5,
} | {(workload, 1): 0.95 for workload in WORKLOADS if workload != "delete"}
MANY = {
    ("get", 64): 1.9,
    ("list", 64): 1.6,
    ("create", 64): 1.3,
    ("complete", 64): 1.3,
    ("mixed", 64): 1.5,
    ("get", 256): 2.3,
    ("list", 256): 2.2,
    ("create", 256): 1.8,
    ("complete", 256): 1.8,
    ("mixed", 256): 1.9,
}
TARGET_MIB = 40
TARGET_GROWTH = 0.9


@dataclass
class Cell:
    """The samples of all candidates for one workload, connection count and row count."""

    rows: int
    workload: str
    connections: int
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def mean(self, name: str, of: str) -> float | None:
        values = [getattr(sample, of) for sample in self.samples.get(name, [])]
        return mean(values) if values and None not in values else None

    def yardstick(self) -> str:
        """The fastest of the yardsticks; without any, the first candidate."""
        measured = [name for name in YARDSTICKS if name in self.samples]
        if not measured:
            return next(iter(self.samples))
        return max(measured, key=lambda name: self.mean(name, "rate") or 0)

    def ratio(self, name: str) -> float | None:
        own, other = self.mean(name, "rate"), self.mean(self.yardstick(), "rate")
        return own / other if own and other else None

    def spread(self, name: str) -> str:
        """The range of the turns relative to their mean; empty for one turn."""
        rates = [sample.rate for sample in self.samples[name]]
        return f"{(max(rates) - min(rates)) / mean(rates):.0%}" if len(rates) > 1 else ""


def commit() -> str:
    packed = BENCH / COMMIT
    if packed.exists():
        return packed.read_text()
    git = ["git", "-C", str(BENCH), "describe", "--always", "--dirty", "--abbrev=9"]
    return subprocess.run(git, capture_output=True, text=True).stdout.strip() or "unknown"


def machine(postgres: str) -> dict:
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if "model name" in line), "")
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "processors": cores.count(),
        "processor": model or platform.machine(),
        "kernel": platform.release(),
        "postgres": postgres,
    }


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def markdown(cells: list[Cell], about: dict) -> str:
    lines = [
        f"{about['processors']} × {about['processor']}, PostgreSQL {about['postgres']}, "
        f"commit {about['commit']}, {about['when']}, {about['seconds']} s a turn, "
        f"load generator and database on the same processors.",
        "",
    ]
    for rows in sorted({cell.rows for cell in cells}):
        lines += [
            f"### {rows:,} rows",
            "",
            "| workload | connections | candidate | requests/s | ratio | ± | p50 ms | p99 ms "
            "| CPU s/1,000: server | Postgres | WAL bytes | page images | MiB |",
            "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for cell in (cell for cell in cells if cell.rows == rows):
            for name in cell.samples:
                lines.append(
                    f"| {cell.workload} | {cell.connections} | {LABELS.get(name, name)} "
                    f"| {_number(cell.mean(name, 'rate'), 0)} | {_number(cell.ratio(name))} "
                    f"| {cell.spread(name)} "
                    f"| {_number(cell.mean(name, 'p50'))} | {_number(cell.mean(name, 'p99'))} "
                    f"| {_number(cell.mean(name, 'server_cpu'), 3)} "
                    f"| {_number(cell.mean(name, 'postgres_cpu'), 3)} "
                    f"| {_number(cell.mean(name, 'wal'), 0)} "
                    f"| {_number(cell.mean(name, 'wal_images'), 0)} "
                    f"| {_number(cell.mean(name, 'resident'), 0)} |"
                )
        lines.append("")
    if any("ours" in cell.samples and cell.yardstick() in YARDSTICKS for cell in cells):
        lines += ["### Targets", "", "| | target | measured | |", "|---|--:|--:|---|"]
        for what, target, got, held in check(cells):
            lines.append(f"| {what} | {target} | {got} | {'yes' if held else '**no**'} |")
        lines.append("")
    return "\n".join(lines)


def check(cells: list[Cell]) -> list[tuple[str, str, str, bool]]:
    """The targets of these cells: name, target, measured value, whether it is met."""
    found = []
    for cell in cells:
        ratio = cell.ratio("ours")
        if ratio is None:
            continue
        where = f"{cell.workload}, connections {cell.connections}, {cell.rows:,} rows"
        targets = MANY if cores.are_many() else FEW
        target = targets.get((cell.workload, cell.connections))
        if target and cell.rows == 100_000:
            found.append((where, f"{target:.2f}", f"{ratio:.2f}", ratio >= target))
        own, other = cell.mean("ours", "p99"), cell.mean(cell.yardstick(), "p99")
        found.append((f"p99: {where}", f"{other:.2f} ms", f"{own:.2f} ms", own <= other))
        if cell.connections == 256 and not cores.are_many():
            mib = max(sample.resident for sample in cell.samples["ours"])
            found.append((f"MiB: {where}", str(TARGET_MIB), f"{mib:.0f}", mib <= TARGET_MIB))
    rates = {(c.workload, c.connections, c.rows): c.mean("ours", "rate") for c in cells}
    for (workload, connections, rows), rate in rates.items():
        before = rates.get((workload, connections, 100_000))
        if workload in ("get", "mixed") and connections == 32 and rows == 1_000_000 and before:
            what = f"{workload}, 1,000,000 rows to 100,000"
            growth = rate / before
            found.append((what, f"{TARGET_GROWTH:.2f}", f"{growth:.2f}", growth >= TARGET_GROWTH))
    return found


def write(cells: list[Cell], about: dict, out: Path) -> str:
    """Writes `out`.json and `out`.md; returns the text."""
    text = markdown(cells, about)
    out.parent.mkdir(parents=True, exist_ok=True)
    shown = [
        {
            "rows": cell.rows,
            "workload": cell.workload,
            "connections": cell.connections,
            "ratios": {name: cell.ratio(name) for name in cell.samples},
            "samples": {
                name: [sample.as_dict() for sample in samples]
                for name, samples in cell.samples.items()
            },
        }
        for cell in cells
    ]
    out.with_suffix(".json").write_text(json.dumps({"about": about, "cells": shown}, indent=1))
    out.with_suffix(".md").write_text(text)
    return text
