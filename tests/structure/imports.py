"""The imports of Rust sources, file by file: what `use` and in-line paths name.

A path belongs to the file of the longest module that it begins with, as it is written: an
import of a name that a parent re-exports is an import of the parent, whose declaration of a
child is no import. Code under `cfg(test)` is left out, with the files that it declares.
Limits: calls of methods are not seen, nor what a glob import brings into scope, and the file
of a module is `name.rs`, never `name/mod.rs`.
"""

import re
from typing import NamedTuple

# The crates of the workspace: the folder of their sources and the file of their root.
CRATES = {
    "main": ("src", "main.rs"),
    "tasks_api": ("src", "lib.rs"),
    "tasks_api_migration": ("migration/src", "lib.rs"),
}
# Comments and literals.
NOISE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | \b[bc]?r(\#*)".*?"\1 | "(?:\\.|[^"\\])*"
    | '(?:\\[^\n]+?|[^\\'\n])'""",
    re.VERBOSE | re.DOTALL,
)
TEST = re.compile(r"#\[cfg\((?:test|all\([^\]]*\btest\b[^\]]*\))\)\]")


class Import(NamedTuple):
    file: str
    line: int
    path: str
    # A file of the workspace, or the name of another crate.
    target: str


def blank(match):
    """Spaces in place of a match, so that offsets and lines stay as they are."""
    return re.sub(r"[^\n]", " ", match[0])


def item_end(text, start):
    """The end of the item at `start`: its `;` or the end of its body."""
    depth = 0
    for match in re.compile(r"[][(){};]").finditer(text, start):
        depth += (match[0] in "[({") - (match[0] in "])}")
        if match[0] in ";}" and depth <= 0:
            return match.end()
    return len(text)


def code(text):
    """The text of a file with blanks in place of noise and of tests."""
    text = NOISE.sub(blank, text)
    while match := TEST.search(text):
        start, end = match.start(), item_end(text, match.end())
        text = text[:start] + blank([text[start:end]]) + text[end:]
    return text


def leaves(tree):
    """The paths of a use tree, each with the name that it brings into scope."""
    tree = re.sub(r"\s", "", re.sub(r"\s+as\s+", "=", tree))
    while "{" in tree:  # The innermost braces first.
        tree = re.sub(
            r"([\w:]*)\{([^{}]*)\}",
            lambda m: ",".join(m[1] + part for part in m[2].split(",") if part),
            tree,
        )
    for leaf in tree.split(","):
        path, _, name = leaf.partition("=")
        path = path.removesuffix("::self").split("::")
        yield path, name or path[-1]


def paths(text):
    """The paths of a file as (offset, path, name in scope); in-line paths bring no name."""
    use = re.compile(r"\buse\s+([\w:{][^;]*);")
    for match in use.finditer(text):
        for path, name in leaves(match[1]):
            yield match.start(), path, name
    text = re.sub(r"\bpub\s*\(\s*in\b[^)]*\)", blank, use.sub(blank, text))
    for match in re.finditer(r"(?:(?<![\w>])::)?\w+(?:\s*::\s*\w+)+", text):
        yield match.start(), re.split(r"\s*::\s*", match[0]), None


def declared(text):
    """The modules that a file declares: (start, end of the body or 0, path below the file)."""
    found = []
    for match in re.finditer(r"\bmod\s+(\w+)\s*([;{])", text):
        end = item_end(text, match.start()) if match[2] == "{" else 0
        found.append((match.start(), end, (*enclosing(found, match.start()), match[1])))
    return found


def enclosing(modules, offset):
    """The path below the file of the in-line module around `offset`."""
    around = [path for start, end, path in modules if start < offset < end]
    return around[-1] if around else ()


def resolve(module, path, names, modules):
    """The module or item that a path means, from its crate's root; or another crate."""
    first, *rest = path
    if first == "":  # A leading `::`.
        return rest[0]
    if first == "crate":
        return module[:1] + tuple(rest)
    if first in ("self", "super"):
        while path and path[0] in ("self", "super"):
            module = module[:-1] if path[0] == "super" else module
            path = path[1:]
        return module + tuple(path)
    if first in names:
        return names[first] + tuple(rest)
    if module + (first,) in modules:
        return module + tuple(path)
    return tuple(path) if first in CRATES else first


def read(root):
    """The imports of the workspace's files, and the code of each file."""
    modules, files = {}, {}
    unread = [((crate,), src, f"{src}/{file}") for crate, (src, file) in CRATES.items()]
    while unread:
        module, src, file = unread.pop()
        text = code((root / file).read_text())
        modules[module] = file
        files[file] = (module, text)
        for _, end, path in declared(text):
            if not end:
                child = module + path
                unread.append((child, src, f"{src}/{'/'.join(child[1:])}.rs"))
    imports = [one for file in files for one in imports_of(file, *files[file], modules)]
    return imports, {file: text for file, (_, text) in files.items()}


def imports_of(file, module, text, modules):
    """What one file imports from other files and crates."""
    inline = declared(text)
    found = [
        (text.count("\n", 0, offset) + 1, module + enclosing(inline, offset), path, name)
        for offset, path, name in paths(text)
    ]
    names = {}
    for _, here, path, name in found:
        target = resolve(here, path, names, modules)
        if name and target in modules:
            names[name] = target
    for line, here, path, _ in found:
        target = resolve(here, path, names, modules)
        if isinstance(target, tuple):
            while target not in modules:
                target = target[:-1]
            target = modules[target]
        if target != file:
            yield Import(file, line, "::".join(path), target)
