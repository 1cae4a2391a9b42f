"""The files and tests that SECURITY.md and deploy/README.md cite."""

import re

from files import ROOT, read

DOCUMENTS = ["SECURITY.md", "deploy/README.md"]


def anchors(text):
    """The anchors of the headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def what_is_linked_is_there():
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)]+)\)", read(document)):
            path, _, anchor = link.partition("#")
            target = (ROOT / document).parent / path if path else ROOT / document
            if not target.exists():
                yield f"{document}: there is no {path}"
            elif anchor and anchor not in anchors(target.read_text()):
                yield f"{document}: {link} has no such heading"


def every_test_that_is_named_is_there():
    sources = [path for folder in ["src", "tests"] for path in (ROOT / folder).rglob("*.rs")]
    text = "".join(path.read_text() for path in sources)
    tests = set(re.findall(r"fn (\w+)\(", text))
    # Strings of the program: settings of the database, values.
    words = set(re.findall(r'"(\w+)"', text))
    for document in DOCUMENTS:
        # A name of three parts or more that is neither a metric nor a foreign setting.
        for name in re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`", read(document)):
            if name not in tests | words and not name.startswith(("tasks_api_", "stop_grace_", "max_prepared_")):
                yield f"{document}: there is no test {name}"
