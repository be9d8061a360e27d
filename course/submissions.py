"""Read a submission: the Python files of a zip or a folder, within limits and without links."""

import os
import re
import stat
import zipfile
from itertools import islice
from pathlib import Path

from course import HERE

MOST_BYTES = 2**20  # of a file
MOST_ZIPPED = 50 * 2**20  # bytes of a zip, which may hold MNIST
MOST_NAMES, MOST_CODE = 20_000, 100  # of files in all, and of Python files
GIVEN = ("main.py", "models/__init__.py", "optimizer/__init__.py")  # students need not change them
# Python files, also in packages of the student's own, but no tests and no report.
CODE = re.compile(r"(?!(tests|report)/)([A-Za-z_]\w{0,60}/){0,2}[A-Za-z_]\w{0,60}\.py", re.ASCII)
NOT_CODE = re.compile(r"(^|/)(\.|__MACOSX/|__pycache__/)")  # hidden files and folders, caches


def read_submission(path: Path) -> dict[str, bytes]:
    """Return a submission's Python files by name; where one of GIVEN is missing, the skeleton's.

    Raises a ValueError that says why they cannot be read.
    """
    given = {name: (HERE / "skeleton" / name).read_bytes() for name in GIVEN}
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        read_files = read_folder if path.is_dir() else read_zip
        return given | read_files(path)
    except Exception as error:  # noqa: BLE001 (a zip can be damaged in many ways)
        raise ValueError(f"the submission cannot be read: {error}") from None


def read_zip(file: Path) -> dict[str, bytes]:
    if file.stat().st_size > MOST_ZIPPED:
        raise ValueError("the zip is larger than 50 MB")
    with zipfile.ZipFile(file) as archive:
        entries = {}
        for entry in archive.infolist():
            if not stat.S_ISLNK(entry.external_attr >> 16):
                name = entry.filename.replace("\\", "/")  # as Windows writes it
                entries[name.removeprefix("./")] = entry
        code = choose(entries)
        for name in code.values():
            if entries[name].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} is compressed in an unusual way; make a new zip")
        return {name: read(name, archive.open(entries[long])) for name, long in code.items()}


def read_folder(folder: Path) -> dict[str, bytes]:
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    files = (path for path in paths if path.is_file() and not path.is_symlink())
    code = choose(file.relative_to(folder).as_posix() for file in files)
    return {name: read(name, (folder / long).open("rb")) for name, long in code.items()}


def read(name: str, stream) -> bytes:
    """Read a file, and close it."""
    with stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{name} is larger than 1 MB")
    return content


def choose(names) -> dict[str, str]:
    """Find the shallowest folder with a utils.py; return its Python files by their names in it."""
    names = list(islice((name for name in names if not NOT_CODE.search(name)), MOST_NAMES + 1))
    if len(names) > MOST_NAMES:
        raise ValueError(f"it holds more than {MOST_NAMES:,} files")
    tops = [name.removesuffix("utils.py") for name in names if f"/{name}".endswith("/utils.py")]
    least = min((top.count("/") for top in tops), default=0)
    tops = sorted(top for top in tops if top.count("/") == least)
    if not tops:
        raise ValueError("there is no utils.py in it")
    if len(tops) > 1:
        raise ValueError(f"more than one folder has a utils.py: {' and '.join(tops[:3])[:200]}")
    inside = {name.removeprefix(tops[0]): name for name in names if name.startswith(tops[0])}
    code = {short: inside[short] for short in inside if CODE.fullmatch(short)}
    for short in list(code):  # Python would prefer a package utils/ to utils.py
        if (HERE / "skeleton" / f"{os.path.dirname(short)}.py").exists():
            del code[short]
    if len(code) > MOST_CODE:
        raise ValueError(f"it holds more than {MOST_CODE} Python files")
    return code
