"""Read a submission: the Python files of a zip or a folder, within limits and without links."""

import io
import os
import re
import zipfile
from functools import partial
from pathlib import Path

from course import HERE

SKELETON = HERE / "skeleton"
MOST_BYTES = 2**20  # of a file
MOST_ZIPPED = 50 * 2**20  # bytes of a zip, which may hold MNIST
MOST_NAMES, MOST_CODE = 100_000, 100  # of a zip's files, and of Python files
GIVEN = ("main.py", "models/__init__.py", "optimizer/__init__.py")  # students need not change them
# Python files, also in packages of the student's own, but no tests and no report. A tests.py, which
# tests/ hides from the student's Python, would hide our tests/inside.py. Python would prefer a
# package utils/ to utils.py.
OURS = "|".join(str(file.relative_to(SKELETON))[:-3] for file in SKELETON.rglob("*.py"))
CODE = rf"(?!tests[./]|report/|({OURS})/)([A-Za-z_]\w{{0,60}}/){{0,2}}[A-Za-z_]\w{{0,60}}\.py"
NOT_CODE = re.compile(r"(^|/)(\.|__MACOSX/|__pycache__/)")  # hidden files and folders, caches


def read_submission(path: Path) -> dict[str, bytes]:
    """Return a submission's Python files by name; where one of GIVEN is missing, the skeleton's.

    Raises a ValueError that says why they cannot be read.
    """
    contents = {name: (SKELETON / name).read_bytes() for name in GIVEN}
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        for name, open_file in choose(in_folder(path) if path.is_dir() else in_zip(path)).items():
            with open_file() as file:
                contents[name] = file.read(MOST_BYTES + 1)
            if len(contents[name]) > MOST_BYTES or len(contents) > MOST_CODE:
                raise ValueError(f"{name} is larger than 1 MB, or one of more than 100 files")
    except Exception as error:  # noqa: BLE001 (a zip can be damaged in many ways)
        raise ValueError(f"the submission cannot be read: {error}"[:400]) from None
    return contents


def in_zip(path: Path) -> dict[str, partial]:
    """Return functions that open files, by name; so does the next function."""
    with path.open("rb") as file:
        content = file.read(MOST_ZIPPED + 1)
    # ZipFile would take a kilobyte for each entry.
    if len(content) > MOST_ZIPPED or content.count(b"PK\1\2") > MOST_NAMES:
        raise ValueError("the zip is larger than 50 MB, or holds more than 100,000 files")
    archive, files = zipfile.ZipFile(io.BytesIO(content)), {}
    for entry in archive.infolist():
        name = entry.filename.replace("\\", "/").removeprefix("./")  # as Windows writes it
        if name.endswith(".py") and entry.compress_type not in (0, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in an unusual way; make a new zip")
        files[name] = partial(archive.open, entry)
    return files


def in_folder(folder: Path) -> dict[str, partial]:
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    files = (path for path in paths if path.is_file() and not path.is_symlink())
    return {file.relative_to(folder).as_posix(): partial(file.open, "rb") for file in files}


def choose(files: dict[str, partial]) -> dict[str, partial]:
    """Find the shallowest folder with a utils.py; return its Python files by their names in it."""
    names = [name for name in files if not NOT_CODE.search(name)]
    found = sorted((name.count("/"), name) for name in names if f"/{name}".endswith("/utils.py"))
    tops = [name.removesuffix("utils.py") for depth, name in found if depth == found[0][0]]
    if len(tops) != 1:
        found = " and ".join(tops[:3])[:200] or "none"
        raise ValueError(f"expected one folder with a utils.py, found {found}")
    code = {name.removeprefix(tops[0]): name for name in names if name.startswith(tops[0])}
    return {short: files[code[short]] for short in code if re.fullmatch(CODE, short, re.ASCII)}
