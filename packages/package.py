"""Makes what a release consists of from built binaries: npm packages, archives, wheels.

    python3 packages/package.py TARGET=BINARY…

A target is one of `targets.json`. `target/packages` is made anew:

    npm/*.tgz                    the launcher, one package per target, the TypeScript client
    archives/*.tar.gz, *.zip     the program and the licences, and SHA256SUMS
    wheels/*.whl                 for pip, pipx and uvx

The version, the description and the licence are those of Cargo.toml; the client has the version
of the contract, and is built here, with npm. `--release` fails unless
every target is there, and if one of them needs a newer C library than GLIBC.
"""

import argparse
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from notices import notices
from wheel import write_wheel

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packages"
CRATE = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
TARGETS = {row["target"]: row for row in json.loads((HERE / "targets.json").read_text())}
# The C library that `just cross` links against, of 2012.
GLIBC = (2, 17)
# The time of every file, so that the same binaries make the same packages: 1980-01-01, the
# earliest that a zip file can have.
TIME = 315532800


def glibc(binary):
    """The version of the C library that a Linux binary needs; `None` if it is static."""
    versions = [
        tuple(map(int, match.split(b".")))
        for match in re.findall(rb"\0GLIBC_(\d+\.\d+)", binary)
    ]
    return max(versions, default=None)


def program(target):
    return "tasks-api.exe" if "windows" in target else "tasks-api"


def write(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def licences():
    """What every package with the program contains: file name, content."""
    own = (ROOT / "LICENSE").read_bytes()
    return [("LICENSE", own), ("THIRD-PARTY-LICENSES", notices().encode())]


def repository(**folder):
    """The field of a `package.json`, which npm compares with the provenance."""
    url = CRATE.get("repository")
    return {"repository": {"type": "git", "url": f"git+{url}.git", **folder}} if url else {}


def client_package(folder):
    """The TypeScript client, built, without what its development needs."""
    source = ROOT / "clients/typescript"
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)
    package = json.loads((source / "package.json").read_text())
    for name in package["files"]:
        shutil.copytree(source / name, folder / name)
    for name in ("README.md", "LICENSE"):
        shutil.copy(source / name, folder)
    del package["scripts"], package["devDependencies"]
    package |= repository(directory="clients/typescript")
    write(folder / "package.json", json.dumps(package, indent=2).encode())


def npm_packages(binaries, legal, staging, destination):
    """The launcher, the platform packages and the client, as `npm pack` makes them."""
    common = {
        "version": CRATE["version"],
        "description": CRATE["description"],
        "license": CRATE["license"],
        **repository(),
    }
    names = {target: f"@tasks-api/{row['npm']}" for target, row in TARGETS.items()}

    launcher = staging / "tasks-api"
    shutil.copytree(HERE / "npm", launcher)
    package = json.loads((launcher / "package.json").read_text()) | common
    package["optionalDependencies"] = dict.fromkeys(names.values(), CRATE["version"])
    write(launcher / "package.json", json.dumps(package, indent=2).encode())
    (launcher / "bin/tasks-api.js").chmod(0o755)
    shutil.copy(ROOT / "LICENSE", launcher)
    folders = [launcher]

    for target, binary in binaries.items():
        os_, cpu, *libc = TARGETS[target]["npm"].split("-")
        package = {
            "name": names[target],
            **common,
            "files": ["bin", "THIRD-PARTY-LICENSES"],
            "os": [os_],
            "cpu": [cpu],
            # Yarn would leave the binary in an archive, where it cannot be started.
            "preferUnplugged": True,
        }
        if libc:
            package["libc"] = ["glibc" if libc == ["gnu"] else "musl"]
        folder = staging / TARGETS[target]["npm"]
        readme = f"The binary of the package `tasks-api` for {target}.\n"
        write(folder / "package.json", json.dumps(package, indent=2).encode())
        write(folder / "README.md", readme.encode())
        for name, content in legal:
            write(folder / name, content)
        write(folder / "bin" / program(target), binary, 0o755)
        folders.append(folder)

    client_package(staging / "client")
    folders.append(staging / "client")

    destination.mkdir(parents=True)
    command = ["npm", "pack", "--silent", "--pack-destination", destination, *folders]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def archive(target, binary, legal, folder):
    """An archive as `package.metadata.binstall` of Cargo.toml names it."""
    top = f"tasks-api-{target}"
    files = [
        (f"{top}/{program(target)}", binary, 0o755),
        *((f"{top}/{name}", content, 0o644) for name, content in legal),
    ]
    if "windows" in target:
        path = folder / f"{top}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archived:
            for name, content, _ in files:
                archived.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return path
    path = folder / f"{top}.tar.gz"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archived:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, TIME
            archived.addfile(entry, io.BytesIO(content))
    # gzip's header has neither a name nor a time.
    path.write_bytes(subprocess.check_output(["gzip", "-9n"], input=packed.getvalue()))
    return path


def archives(binaries, legal, folder):
    """All archives, and their SHA-256 in the form that `sha256sum --check` reads."""
    folder.mkdir(parents=True)
    made = [archive(target, binary, legal, folder) for target, binary in binaries.items()]
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made]
    (folder / "SHA256SUMS").write_text("".join(sums))


def wheels(binaries, legal, folder):
    folder.mkdir(parents=True)
    readme = (HERE / "npm/README.md").read_text()
    for target, binary in binaries.items():
        platform = TARGETS[target].get("wheel")
        if platform is None:
            # Measured, since a binary that was not linked for an old system needs a new one.
            major, minor = glibc(binary)
            platform = f"manylinux_{major}_{minor}_{target.split('-')[0]}"
        write_wheel(folder, platform, CRATE, (program(target), binary), legal, readme)


def faults(binaries):
    """Why these binaries are no release."""
    for target in TARGETS:
        if target not in binaries:
            yield f"{target}: no binary"
        elif target.endswith("linux-musl") and glibc(binaries[target]):
            yield f"{target}: the binary is not static"
        elif target.endswith("linux-gnu") and glibc(binaries[target]) > GLIBC:
            yield f"{target}: needs glibc {glibc(binaries[target])}, which is newer than {GLIBC}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binaries", nargs="+", metavar="TARGET=BINARY")
    parser.add_argument("--release", action="store_true")
    arguments = parser.parse_args()
    paths = dict(pair.split("=", 1) for pair in arguments.binaries)
    if unknown := paths.keys() - TARGETS.keys():
        parser.error(f"unknown target: {', '.join(sorted(unknown))}")
    binaries = {target: Path(paths[target]).read_bytes() for target in TARGETS if target in paths}
    if arguments.release and (found := list(faults(binaries))):
        sys.exit("\n".join(found))

    out = ROOT / "target/packages"
    shutil.rmtree(out, ignore_errors=True)
    legal = licences()
    npm_packages(binaries, legal, out / "staging", out / "npm")
    archives(binaries, legal, out / "archives")
    wheels(binaries, legal, out / "wheels")
    shutil.rmtree(out / "staging")
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>12,}  {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
