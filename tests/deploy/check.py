"""Checks deploy/, the Dockerfile and the workflows without deploying them.

`just deploy-check` runs it. Linters check single files, and code here checks that the
numbers of different files agree. A missing tool is skipped, and the output says so.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import citations
import dashboard
import platforms
import workflows
from files import (
    ROOT,
    compose,
    connections,
    constant,
    dockerfile,
    drain,
    kubernetes,
    pod,
    read,
    seconds,
    unit_environment,
    unit_values,
)

TOOLS = Path(sys.executable).parent
# Seconds between the end of the drain and the kill: the last writes, closing the
# connections, and flushing the traces.
MARGIN = 5
# The oldest supported Kubernetes, and the newest that the tool knows.
KUBERNETES = ["1.30", "1.37"]


class Skip(Exception):
    """The reason why a check cannot run here."""


def tool(*command, **options):
    """Runs a tool; returns its exit code and output."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)
    said = (done.stdout + done.stderr).strip()
    return done.returncode, said


def fails(*command, **options):
    code, said = tool(*command, **options)
    return [] if code == 0 else [said or f"exit code {code}"]


def yaml_is_well_formed():
    """yamllint"""
    files = [str(path) for where in ["deploy", "examples"] for path in ROOT.glob(f"{where}/*.yaml")]
    return fails(TOOLS / "yamllint", "--strict", "-c", "tests/deploy/yamllint.yaml", *files)


def the_dockerfile_is_sound():
    """hadolint"""
    return fails(TOOLS / "hadolint", "Dockerfile", "examples/nextjs/Dockerfile")


def the_dockerfile_copies_what_is_there():
    allowed = [line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")]
    for line in dockerfile("COPY"):
        *sources, _ = [word for word in line.split() if not word.startswith("--")]
        if "--from=" in line:
            continue
        for source in sources:
            if not (ROOT / source).exists():
                yield f"COPY {source}: no such file"
            if not any(fnmatch.fnmatch(source, pattern) for pattern in allowed):
                yield f"COPY {source}: .dockerignore keeps it out"


def the_dockerfile_builds_with_the_least_rust():
    wanted = re.search(r'^rust-version = "(.*)"', read("Cargo.toml"), re.MULTILINE)[1]
    base = dockerfile("FROM")[0]
    if not base.startswith(f"rust:{wanted}-"):
        yield f"FROM {base}, and Cargo.toml wants {wanted}"


def compose_follows_its_schema():
    """check-jsonschema"""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    return fails(TOOLS / "check-jsonschema", *schema, "deploy/compose.yaml", "examples/compose.yaml")


def compose_config(environment):
    if shutil.which("docker") and tool("docker", "compose", "version")[0] == 0:
        command, text = ["docker", "compose"], read("deploy/compose.yaml")
    elif shutil.which("docker-compose"):
        # Version 1 does not support the project's name.
        text = re.sub(r"^name:.*$", "", read("deploy/compose.yaml"), flags=re.MULTILINE)
        command = ["docker-compose"]
    else:
        raise Skip("neither docker compose nor docker-compose is installed")
    # No .env of this folder may take effect.
    with tempfile.TemporaryDirectory() as folder:
        command += ["--project-directory", folder, "-f", "-", "config"]
        return tool(*command, input=text, env={"PATH": os.environ["PATH"], **environment})


def compose_resolves():
    """docker compose config"""
    needed = {"POSTGRES_PASSWORD": "p4ssw0rd", "CORS_ORIGINS": "https://app.example.com"}
    code, said = compose_config(needed)
    if code != 0:
        yield said
    for name in needed:
        others = {key: value for key, value in needed.items() if key != name}
        code, said = compose_config(others)
        if code == 0 or "set it to" not in said:
            yield f"it resolves without {name}: {said}"


def compose_is_hardened():
    for name, service in compose()["services"].items():
        for key, value in [
            ("read_only", True),
            ("cap_drop", ["ALL"]),
            ("security_opt", ["no-new-privileges:true"]),
        ]:
            if service.get(key) != value:
                yield f"{name}: {key} is not {value}"
        for key, value in service["environment"].items():
            if "PASSWORD" in key and not value.startswith("${POSTGRES_PASSWORD:?"):
                yield f"{name}: {key} is not taken from the environment"


def compose_trusts_the_proxy_in_front():
    networks = compose()["networks"]["front"]["ipam"]["config"]
    trusted = compose()["services"]["api"]["environment"]["TRUSTED_PROXIES"]
    for network in networks:
        if trusted != f"${{TRUSTED_PROXIES:-{network['subnet']}}}":
            yield f"front is {network['subnet']}, and TRUSTED_PROXIES {trusted}"


def the_manifest_follows_its_schema():
    """kubernetes-validate"""
    for version in KUBERNETES:
        command = ["--strict", "--quiet", "-k", version, "deploy/kubernetes.yaml"]
        yield from fails(TOOLS / "kubernetes-validate", *command)


def the_kustomize_overlay_works():
    """kubectl kustomize, kubernetes-validate"""
    made = platforms.kustomize(platforms.overlay())
    if made is None:
        raise Skip("kubectl is not installed")
    yield from platforms.the_overlay_changes_what_it_says(made)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(made)
        file.flush()
        yield from fails(TOOLS / "kubernetes-validate", "--strict", "--quiet", "-k", KUBERNETES[-1], file.name)


def the_manifest_is_restricted():
    """The Pod Security Standard "restricted"."""
    pod_context, (container,) = pod()["securityContext"], pod()["containers"]
    context = container["securityContext"]
    for says, rule in [
        (pod_context.get("runAsNonRoot") is True, "runAsNonRoot"),
        (pod_context.get("runAsUser", 0) > 0, "runAsUser"),
        (pod_context.get("seccompProfile") == {"type": "RuntimeDefault"}, "seccompProfile"),
        (context.get("allowPrivilegeEscalation") is False, "allowPrivilegeEscalation"),
        (context.get("capabilities") == {"drop": ["ALL"]}, "capabilities"),
        (context.get("readOnlyRootFilesystem") is True, "readOnlyRootFilesystem"),
        (not any(key in pod() for key in ["hostNetwork", "hostPID", "hostIPC"]), "host"),
        (not pod().get("volumes"), "volumes"),
    ]:
        if not says:
            yield f"not restricted: {rule}"
    if "Secret" in kubernetes():
        yield "a Secret stands in the manifest: applying it would replace the real one"


def the_workflows_follow_their_schema():
    """check-jsonschema"""
    schema = ["--builtin-schema", "vendor.github-workflows"]
    return fails(TOOLS / "check-jsonschema", *schema, *workflows.files())


def the_workflows_are_safe():
    """zizmor: injection, permissions, credentials, unpinned actions"""
    return fails(TOOLS / "zizmor", "--offline", "--quiet", *workflows.files())


def the_unit_is_sound():
    """systemd-analyze verify, and security"""
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    with tempfile.TemporaryDirectory() as folder:
        # systemd-analyze requires that the program exists.
        unit = Path(folder) / "tasks-api.service"
        text = read("deploy/tasks-api.service")
        unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
        code, said = tool("systemd-analyze", "verify", unit)
        if code != 0 or said:
            yield said
        code, said = tool("systemd-analyze", "security", "--offline=yes", "--threshold=15", unit)
        if code != 0:
            yield said.splitlines()[-1]


def the_stop_fits_into_the_grace():
    service = compose()["services"]["api"]
    for where, delay, grace in [
        ("compose.yaml", service["environment"]["STOP_DELAY"], service["stop_grace_period"]),
        ("tasks-api.service", unit_environment()["STOP_DELAY"], unit_values("TimeoutStopSec")[0]),
        (
            "kubernetes.yaml",
            kubernetes()["ConfigMap"]["data"]["STOP_DELAY"],
            pod()["terminationGracePeriodSeconds"],
        ),
        *platforms.graces(),
    ]:
        needs = seconds(delay) + drain() + MARGIN
        if seconds(grace) < needs:
            yield f"{where}: {delay} + {drain()} + {MARGIN} s, and the grace is {grace}"


def the_ports_agree():
    (port,) = dockerfile("EXPOSE")
    container, data = pod()["containers"][0], kubernetes()["ConfigMap"]["data"]
    ports = {entry["name"]: str(entry["containerPort"]) for entry in container["ports"]}
    service = compose()["services"]["api"]
    annotations = kubernetes()["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    for where, found, wanted in [
        ("Dockerfile, PORT", re.search(r"\bPORT=(\d+)", read("Dockerfile"))[1], port),
        ("compose.yaml, PORT", service["environment"]["PORT"], port),
        ("compose.yaml, ports", service["ports"][0].rsplit(":", 1)[1], port),
        ("tasks-api.service, PORT", unit_environment()["PORT"], port),
        ("kubernetes.yaml, PORT", data["PORT"], port),
        ("kubernetes.yaml, http", ports["http"], port),
        ("kubernetes.yaml, metrics", ports["metrics"], data["METRICS_PORT"]),
        ("kubernetes.yaml, scrape", annotations["prometheus.io/port"], data["METRICS_PORT"]),
    ]:
        if found != wanted:
            yield f"{where}: {found}, not {wanted}"


def there_are_descriptors_for_every_connection():
    wanted = 2 * connections()
    nofile = compose()["services"]["api"]["ulimits"]["nofile"]
    for where, found in [
        ("compose.yaml, nofile", min(nofile["soft"], nofile["hard"])),
        ("tasks-api.service, LimitNOFILE", int(unit_values("LimitNOFILE")[0])),
    ]:
        if found < wanted:
            yield f"{where}: {found}, under twice the service's connections, {wanted}"


def the_image_runs_as_one_user():
    (user,) = dockerfile("USER")
    context = pod()["securityContext"]
    wanted = f"{context['runAsUser']}:{context['runAsGroup']}"
    if user != wanted or f"--chown={user}" not in read("Dockerfile"):
        yield f"Dockerfile: {user}; kubernetes.yaml: {wanted}"


def outer_timeouts_are_longer_than_the_services():
    """A shorter outer timeout would hide the reason of a failure."""
    (health,) = dockerfile("HEALTHCHECK")
    outside = int(re.search(r"--timeout=(\d+)s", health)[1])
    asks = constant("src/cli/health.rs", "TIMEOUT")
    if outside <= asks:
        yield f"HEALTHCHECK: {outside} s, and `tasks-api health` takes {asks}"
    if pod()["containers"][0]["readinessProbe"]["timeoutSeconds"] < asks:
        yield f"kubernetes.yaml: the readiness probe has under {asks} s"


def the_table_of_the_readme_is_true():
    row = r"^\| `?([^`|]+?)`? \| (\d[\d,]*)"
    rows = dict(re.findall(row, read("deploy/README.md"), re.MULTILINE))
    service = compose()["services"]["api"]
    for name, wanted in [
        ("STOP_DELAY", unit_environment()["STOP_DELAY"]),
        ("drain", drain()),
        ("stop_grace_period", seconds(service["stop_grace_period"])),
        ("TimeoutStopSec", unit_values("TimeoutStopSec")[0]),
        ("terminationGracePeriodSeconds", pod()["terminationGracePeriodSeconds"]),
        ("connections", connections()),
        ("LimitNOFILE", unit_values("LimitNOFILE")[0]),
        ("nofile", service["ulimits"]["nofile"]["soft"]),
        ("PORT", dockerfile("EXPOSE")[0]),
        ("METRICS_PORT", kubernetes()["ConfigMap"]["data"]["METRICS_PORT"]),
    ]:
        if rows.get(name, "none").replace(",", "") != str(wanted):
            yield f"{name}: the README says {rows.get(name)}, the files {wanted}"


CHECKS = [
    yaml_is_well_formed,
    the_dockerfile_is_sound,
    the_dockerfile_copies_what_is_there,
    the_dockerfile_builds_with_the_least_rust,
    compose_follows_its_schema,
    compose_resolves,
    compose_is_hardened,
    compose_trusts_the_proxy_in_front,
    the_manifest_follows_its_schema,
    the_manifest_is_restricted,
    the_unit_is_sound,
    the_kustomize_overlay_works,
    platforms.platforms_route_to_ready_instances,
    platforms.platforms_set_variables_that_exist,
    platforms.the_render_database_is_the_one_that_is_referred_to,
    platforms.the_example_has_one_address_everywhere,
    the_workflows_follow_their_schema,
    the_workflows_are_safe,
    workflows.a_release_builds_every_target,
    workflows.a_release_downloads_what_it_uploads,
    dashboard.the_dashboard_asks_for_what_is_measured,
    dashboard.the_dashboard_is_laid_out,
    the_stop_fits_into_the_grace,
    the_ports_agree,
    there_are_descriptors_for_every_connection,
    the_image_runs_as_one_user,
    outer_timeouts_are_longer_than_the_services,
    the_table_of_the_readme_is_true,
    citations.what_is_linked_is_there,
    citations.every_test_that_is_named_is_there,
]


def main():
    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            problems = list(check())
        except Skip as reason:
            print(f"skip  {name}: {reason}")
            continue
        except (LookupError, OSError, TypeError, ValueError) as error:
            problems = [f"{type(error).__name__}: {error}"]
        print(f"{'FAIL' if problems else 'ok  '}  {name}")
        for problem in problems:
            print(f"      {problem}")
        failed += bool(problems)
    sys.exit(f"{failed} of {len(CHECKS)} checks failed" if failed else 0)


if __name__ == "__main__":
    main()
