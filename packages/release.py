"""Checks that a tag can be released, and prints the release notes.

    python3 packages/release.py v1.2.3 https://github.com/owner/repository

The tag is the version of Cargo.toml, Cargo.toml names the repository, and CHANGELOG.md has a
section of the version, which is what it prints.
"""

import re
import sys

from package import CRATE, ROOT


def notes(version):
    """The section of a version in the changelog; `None` without one."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    section = rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |^\[|\Z)"
    found = re.search(section, changelog, re.MULTILINE | re.DOTALL)
    return found and found[1].strip()


def faults(tag, repository):
    """Why the tag cannot be released."""
    version = CRATE["version"]
    if tag != f"v{version}":
        yield f"the tag is {tag}, and the version in Cargo.toml {version}"
    if CRATE.get("repository") != repository:
        # npm rejects packages that come from another repository than they say.
        yield f'Cargo.toml needs repository = "{repository}"'
    if not notes(version):
        yield f"CHANGELOG.md has no section [{version}]"


def main():
    tag, repository = sys.argv[1:]
    if found := list(faults(tag, repository)):
        sys.exit("\n".join(found))
    print(notes(CRATE["version"]))


if __name__ == "__main__":
    main()
