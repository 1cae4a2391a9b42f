""".github/workflows: the release builds each target of packages/targets.json."""

import fnmatch
import json
import tomllib

import yaml

from files import ROOT, read


def files():
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/workflows/*.yml"))


def jobs():
    return yaml.safe_load(read(".github/workflows/release.yml"))["jobs"]


def targets():
    return [row["target"] for row in json.loads(read("packages/targets.json"))]


def a_release_builds_every_target():
    rows = jobs()["build"]["strategy"]["matrix"]["include"]
    built = [row["target"] for row in rows]
    if sorted(built) != sorted(targets()):
        yield f"release.yml builds {built}, and packages/targets.json has {targets()}"
    checked = tomllib.loads(read("deny.toml"))["graph"]["targets"]
    if sorted(checked) != sorted(targets()):
        yield f"deny.toml checks {checked}, and packages/targets.json has {targets()}"
    for row in rows:
        if (row.get("suffix") == ".exe") != ("windows" in row["target"]):
            yield f"release.yml: the suffix of {row['target']} is {row.get('suffix')}"


def a_release_downloads_what_it_uploads():
    steps = [(name, step) for name, job in jobs().items() for step in job["steps"]]
    used = [(name, step["uses"], step["with"]) for name, step in steps if "artifact@" in step.get("uses", "")]
    uploaded = [values["name"] for _, uses, values in used if "upload-" in uses]
    # A matrix uploads one for each target.
    names = [name.replace("${{ matrix.target }}", target) for name in uploaded for target in targets()]
    for job, uses, values in used:
        pattern = values.get("name") or values.get("pattern")
        if "download-" in uses and not fnmatch.filter(names, pattern):
            yield f"release.yml, {job}: downloads {pattern}, and the jobs upload {uploaded}"
