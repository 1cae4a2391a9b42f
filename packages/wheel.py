"""Writes a wheel that contains one program and nothing of Python.

The format: https://packaging.python.org/specifications/binary-distribution-format/. Files
under `<name>.data/scripts` are installed as programs.
"""

import base64
import hashlib
import zipfile


def write_wheel(folder, platform, crate, program, legal, readme):
    """Writes the wheel of a platform (a tag such as `win_amd64`) into a folder.

    The program and the licences are pairs of a file name and its content.
    """
    name = f"{crate['name'].replace('-', '_')}-{crate['version']}"
    info = f"{name}.dist-info"
    metadata = (
        "Metadata-Version: 2.1\n"
        f"Name: {crate['name']}\n"
        f"Version: {crate['version']}\n"
        f"Summary: {crate['description']}\n"
        f"License: {crate['license']}\n"
        "Description-Content-Type: text/markdown\n"
        f"\n{readme}"
    )
    tag = (
        "Wheel-Version: 1.0\n"
        "Generator: packages/wheel.py\n"
        "Root-Is-Purelib: false\n"
        f"Tag: py3-none-{platform}\n"
    )
    record = ""
    with zipfile.ZipFile(folder / f"{name}-py3-none-{platform}.whl", "w") as wheel:

        def add(path, content, mode=0o644):
            # The default time, 1980, makes equal binaries equal wheels.
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100000 | mode) << 16
            wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)

        for path, content, mode in [
            (f"{name}.data/scripts/{program[0]}", program[1], 0o755),
            *((f"{info}/licenses/{file}", content, 0o644) for file, content in legal),
            (f"{info}/METADATA", metadata.encode(), 0o644),
            (f"{info}/WHEEL", tag.encode(), 0o644),
        ]:
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(content)}\n"
            add(path, content, mode)
        add(f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())
