"""The structure of the code: which file may import which, and how long a file may be.

`just structure` runs it, after the tests of the check itself. `imports.py` says what counts
as an import.
"""

import re
import subprocess
import sys
from pathlib import Path

from imports import read

# Rooms that every room above them may import.
LEAVES = ["server", "telemetry", "config", "duration", "output", "tls"]
# The rooms of src/, and the other rooms that each may import. A room names only rooms that
# stand below it, so there is no cycle between rooms. main.rs belongs to cli. lib.rs declares
# the rooms: it imports nothing, and nothing imports it.
ROOMS = {
    "lib": [],
    "cli": ["app", "store", "api", "auth", *LEAVES],
    "app": ["middleware", "store", "api", "auth", *LEAVES],
    "middleware": ["api", "auth", *LEAVES],
    "store": ["migration", "api", "auth", *LEAVES],
    "migration": [],
    "api": ["auth", *LEAVES],
    "auth": LEAVES,
    "server": ["telemetry", "duration"],
    "telemetry": ["config", "duration", "tls"],
    "config": ["duration"],
    "duration": [],
    "output": [],
    "tls": [],
}
# Crates that a room does not know: a token is verified without HTTP types and a database, and
# the document is printed without a database.
DATABASE = ["sea_orm", "sea_orm_migration", "sea_query", "sea_query_sqlx", "sqlx"]
CRATES = {"auth": ["poem", "poem_openapi", *DATABASE], "api": DATABASE}
# Folders of one room that do not import each other, with their module files.
APART = [
    ("src/api/rest", "src/api/tasks"),
    ("src/store/postgres", "src/store/sqlite"),
    ("src/store/sqlite", "src/store/postgres"),
]
# The mechanism below the contract works for any resource.
NAMES = {"src/api/rest": ["Task", "TaskError", "TaskService"]}
LINES = 400
GENERATED = ["clients/typescript/src/generated.ts"]


def room(file):
    """The room of a file: the first part of its path below src/."""
    if file.startswith("migration/"):
        return "migration"
    name = file.removeprefix("src/").split("/")[0].removesuffix(".rs")
    return "cli" if name == "main" else name


def within(file, module):
    """Whether a file is the module's own or lies in its folder."""
    return file == f"{module}.rs" or file.startswith(f"{module}/")


def shown(one):
    return f"{one.file}:{one.line}: imports {one.target} ({one.path})"


def forbidden(imports):
    """Imports against ROOMS, CRATES and APART."""
    for one in imports:
        source = room(one.file)
        if source not in ROOMS:
            yield f"{one.file}: room {source} is not in ROOMS"
        elif not one.target.endswith(".rs"):
            if one.target in CRATES.get(source, []):
                yield f"{shown(one)}, a crate that {source} does not use"
        elif room(one.target) not in [source, *ROOMS[source]]:
            yield f"{shown(one)}, but {source} does not import {room(one.target)}"
        for folder, other in APART:
            if within(one.file, folder) and within(one.target, other):
                yield f"{shown(one)}, but {folder} does not import {other}"


def cycles(imports):
    """Cycles of files of one room, with the imports that they consist of, once per file."""
    edges = {}
    for one in imports:
        if one.target.endswith(".rs") and room(one.file) == room(one.target):
            edges.setdefault(one.file, {}).setdefault(one.target, one)

    def reached(start):
        found, stack = set(), [start]
        while stack:
            new = set(edges.get(stack.pop(), ())) - found
            found |= new
            stack += new
        return found

    reach = {file: reached(file) for file in edges}
    for file in sorted(reach):
        members = {other for other in reach[file] if file in reach.get(other, ())}
        links = [edges[a][b] for a in sorted(members) for b in sorted(edges[a]) if b in members]
        if links:
            yield "\n    ".join([f"cycle of {len(members)} files:", *map(shown, links)])


def names(code):
    """Identifiers that a folder must not know."""
    for folder, unknown in NAMES.items():
        for file in sorted(file for file in code if within(file, folder)):
            for match in re.finditer(rf"\b({'|'.join(unknown)})\b", code[file]):
                line = code[file].count("\n", 0, match.start()) + 1
                yield f"{file}:{line}: names {match[1]}, which {folder} does not know"


def long_files(root, files):
    """Rust and TypeScript sources with more than LINES lines."""
    for file in sorted(files):
        if file.endswith((".rs", ".ts", ".tsx", ".mts")) and file not in GENERATED:
            lines = (root / file).read_text().count("\n")
            if lines > LINES:
                yield f"{file}: {lines} lines, more than {LINES}"


def violations(root, files):
    """What is wrong below `root`, one message each; `files` are the sources to measure."""
    imports, code = read(root)
    found = [*cycles(imports), *forbidden(imports), *names(code)]
    # Each file of a cycle yields the same message.
    return list(dict.fromkeys([*found, *long_files(root, files)]))


def main():
    root = Path(__file__).resolve().parents[2]
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    found = violations(root, [file for file in files.splitlines() if (root / file).is_file()])
    for message in found:
        print(message)
    print(f"structure: {len(found)} violations" if found else "structure: ok")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
