"""Reads the files of deploy/ and the Dockerfile for check.py."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def read(path):
    return (ROOT / path).read_text()


def constant(path, name):
    """A constant of the service's source: seconds, or a count."""
    pattern = rf"const {name}: \w+ = (?:Duration::from_secs\()?([\d_]+)"
    found = re.search(pattern, read(path))
    if not found:
        raise LookupError(f"no constant {name} in {path}: where is it now?")
    return int(found[1].replace("_", ""))


def drain():
    """The time limit for requests in flight when the service stops, in seconds."""
    return constant("src/server.rs", "SHUTDOWN_TIMEOUT")


def connections():
    """The limit of concurrent client connections, by default."""
    variables = read("src/config/variables.rs")
    return int(re.search(r'MAX_CONNECTIONS: Fixed\("(\d+)"\)', variables)[1])


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)?", str(text)).groups()
    return int(number) * (60 if unit == "m" else 1)


def unit_values(name):
    """Every value of a setting of the unit."""
    return re.findall(rf"^{name}=(.*)$", read("deploy/tasks-api.service"), re.MULTILINE)


def unit_environment():
    return dict(pair.split("=", 1) for line in unit_values("Environment") for pair in line.split())


def compose():
    return yaml.safe_load(read("deploy/compose.yaml"))


def kubernetes():
    documents = yaml.safe_load_all(read("deploy/kubernetes.yaml"))
    return {document["kind"]: document for document in documents if document}


def pod():
    return kubernetes()["Deployment"]["spec"]["template"]["spec"]


def dockerfile(instruction):
    text = re.sub(r"\\\n", " ", read("Dockerfile"))
    return re.findall(rf"^{instruction}\s+(.*)$", text, re.MULTILINE)
