"""The templates for Render, Fly and Railway, the kustomization, and the example's Compose file."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import yaml

from files import ROOT, dockerfile, read, unit_environment


def render():
    return yaml.safe_load(read("deploy/render.yaml"))


def fly():
    return tomllib.loads(read("deploy/fly.toml"))


def railway():
    return json.loads(read("deploy/railway.json"))["deploy"]


def example():
    return yaml.safe_load(read("examples/compose.yaml"))["services"]


def graces():
    """The time between SIGTERM and the kill: file, STOP_DELAY, seconds."""
    # None of the files sets it; the unit has the default.
    delay = unit_environment()["STOP_DELAY"]
    yield "render.yaml", delay, render()["services"][0]["maxShutdownDelaySeconds"]
    yield "fly.toml", delay, fly()["kill_timeout"]
    yield "railway.json", delay, railway()["drainingSeconds"]


def platforms_route_to_ready_instances():
    for where, path in [
        ("render.yaml", render()["services"][0]["healthCheckPath"]),
        ("fly.toml", fly()["http_service"]["checks"][0]["path"]),
        ("railway.json", railway()["healthcheckPath"]),
    ]:
        if path != "/health/ready":
            yield f"{where}: the health check is {path}"
    (port,) = dockerfile("EXPOSE")
    if str(fly()["http_service"]["internal_port"]) != port:
        yield f"fly.toml: internal_port is not {port}"


def platforms_set_variables_that_exist():
    known = re.findall(r"^    ([A-Z_]+): ", read("src/config/variables.rs"), re.MULTILINE)
    for where, names in [
        ("render.yaml", [entry["key"] for entry in render()["services"][0]["envVars"]]),
        ("fly.toml", fly()["env"]),
        ("examples/compose.yaml", example()["api"]["environment"]),
    ]:
        for name in names:
            if name not in known:
                yield f"{where}: there is no variable {name}"


def the_render_database_is_the_one_that_is_referred_to():
    (service,), (database,) = render()["services"], render()["databases"]
    used = [entry["fromDatabase"]["name"] for entry in service["envVars"] if "fromDatabase" in entry]
    if used != [database["name"]]:
        yield f"render.yaml: DATABASE_URL is of {used}, and there is {database['name']}"


def the_example_has_one_address_everywhere():
    """The issuer of a token is what the browser, the example and the service call it."""
    api, web = example()["api"], example()["example"]
    port = "3000"
    for problem, wrong in [
        ("the example has a network of its own", web.get("network_mode") != "service:api"),
        ("its port is not published", f"127.0.0.1:{port}:{port}" not in api["ports"]),
        ("its origin is not the issuer", api["environment"]["BETTER_AUTH_URL"] != f"http://localhost:{port}"),
        ("it does not listen there", f"EXPOSE {port}" not in read("examples/nextjs/Dockerfile")),
    ]:
        if wrong:
            yield f"examples/compose.yaml: {problem}"


def kustomize(overlay):
    """The documents that kubectl makes of an overlay over deploy/; `None` without kubectl."""
    if not shutil.which("kubectl"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.relpath(ROOT / "deploy", Path(folder).resolve())
        text = re.sub(r"^  - \S*//deploy\S*$", f"  - {base}", overlay, flags=re.MULTILINE)
        (Path(folder) / "kustomization.yaml").write_text(text)
        done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return done.stdout


def overlay():
    """The overlay that deploy/README.md shows."""
    shown = re.search(r"```yaml\n(apiVersion: kustomize.*?)```", read("deploy/README.md"), re.DOTALL)
    return shown[1]


def the_overlay_changes_what_it_says(text):
    documents = {document["kind"]: document for document in yaml.safe_load_all(text)}
    wanted = yaml.safe_load(overlay())
    (image,), (config,) = wanted["images"], wanted["configMapGenerator"]
    (container,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    if container["image"] != f"{image['newName']}:{image['newTag']}":
        yield f"the image is {container['image']}"
    for literal in config["literals"]:
        name, value = literal.split("=", 1)
        if documents["ConfigMap"]["data"].get(name) != value:
            yield f"{name} is {documents['ConfigMap']['data'].get(name)}"
    for kind, document in documents.items():
        if document["metadata"].get("namespace") != wanted["namespace"]:
            yield f"{kind} is in another namespace"
