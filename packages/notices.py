"""The licences of the libraries in the program, which ask to be passed on with it.

    python3 packages/notices.py > THIRD-PARTY-LICENSES
"""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|UNLICENSE|COPYRIGHT)([-._].*)?", re.IGNORECASE)


# Scripts that the program contains, although only its build depends on the crates.
EMBEDDED = {"scalar_api_reference", "utoipa-swagger-ui-vendored"}


def linked():
    """The crates that the program contains on some platform, from Cargo.lock."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    found, stack = set(), [metadata["resolve"]["root"]]
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            # Neither what only tests use nor what only builds use is linked.
            stack += [
                dep["pkg"]
                for dep in nodes[one]["deps"]
                if names[dep["pkg"]] in EMBEDDED
                or names[one] not in EMBEDDED and any(kind["kind"] is None for kind in dep["dep_kinds"])
            ]
    own = set(metadata["workspace_members"])
    packages = [package for package in metadata["packages"] if package["id"] in found - own]
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licence files of a crate, and those of the C libraries that it contains."""
    folder = Path(package["manifest_path"]).parent
    paths = [path for path in folder.rglob("*") if FILE.fullmatch(path.name) and path.is_file()]
    for path in sorted(paths):
        if text := path.read_text(errors="replace").strip():
            yield "\n".join(line.rstrip() for line in text.splitlines())


def notices():
    """Every licence once, under the crates that it belongs to."""
    crates = defaultdict(list)
    for package in linked():
        name = f"{package['name']} {package['version']} ({package['license']})"
        # A crate without a file names its licence, whose text stands under another crate.
        for text in dict.fromkeys(texts(package)) or [""]:
            crates[text].append(name)
    rule = "-" * 80
    parts = ["Libraries in the program tasks-api, and their licences."]
    for text, names in sorted(crates.items(), key=lambda item: item[1]):
        parts.append("\n".join([rule, *names, rule, text]).rstrip())
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(notices(), end="")
