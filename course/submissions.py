"""Read a submission: the Python files of a zip or a folder, within limits and without links."""

import itertools
import os
import re
import stat
import zipfile
from pathlib import Path

from course import HERE

MOST_BYTES = 2**20  # of a file
MOST_ZIPPED = 50 * 2**20  # bytes of a zip, which may hold MNIST
MOST_NAMES, MOST_FILES = 20_000, 100  # in all, and of those that are read
GIVEN = ("main.py", "models/__init__.py", "optimizer/__init__.py")  # students need not change them
CODE = re.compile(r"((models|optimizer)/)?[A-Za-z_]\w{0,60}\.py", re.ASCII)
NOT_CODE = re.compile(r"(^|/)(\.|__MACOSX/|__pycache__/)")  # hidden folders, among others


def read_submission(path: Path) -> dict[str, bytes]:
    """Read the Python files that belong to the assignment, by name; given ones may be missing.

    Raises a ValueError that says why they cannot be read.
    """
    files = {name: (HERE / "skeleton" / name).read_bytes() for name in GIVEN}
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        if path.is_dir():
            return files | read_folder(path)
        if path.stat().st_size > MOST_ZIPPED:
            raise ValueError("the zip is larger than 50 MB")
        with zipfile.ZipFile(path) as archive:
            return files | read_zip(archive)
    except Exception as error:  # noqa: BLE001 (a zip can be damaged in many ways)
        raise ValueError(f"the submission cannot be read: {error}") from None


def read_zip(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Read the code in a zip."""
    entries = {}
    for entry in archive.infolist():
        if not stat.S_ISLNK(entry.external_attr >> 16):
            parts = entry.filename.replace("\\", "/").split("/")  # "\\" is Windows'
            entries["/".join(part for part in parts if part not in ("", "."))] = entry
    files = {}
    for name, full_name in choose(entries).items():
        if entries[full_name].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in an unusual way; make the zip anew")
        with archive.open(entries[full_name]) as stream:
            files[name] = checked(name, stream.read(MOST_BYTES + 1))
    return files


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read the code in a folder."""
    walk = ((Path(top, name), name) for top, _, names in os.walk(folder) for name in names)
    paths = (path for path, _ in walk if not path.is_symlink() and path.is_file())
    entries = {
        path.relative_to(folder).as_posix(): path
        for path in itertools.islice(paths, MOST_NAMES + 1)
    }
    files = {}
    for name, full_name in choose(entries).items():
        with open(entries[full_name], "rb", opener=without_links) as stream:
            files[name] = checked(name, stream.read(MOST_BYTES + 1))
    return files


def without_links(path: str, flags: int) -> int:
    """Open a file, but not what a link leads to."""
    return os.open(path, flags | os.O_NOFOLLOW)


def checked(name: str, content: bytes) -> bytes:
    """Return the content of a file, or raise an error if it is too long."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"{name} is larger than 1 MB")
    return content


def choose(names) -> dict[str, str]:
    """Find the folder of the code; return the full names of its files by those in the folder.

    It is the one that lies least deep of those with a utils.py, and with models/ if one has them.
    """
    names = [name for name in names if not NOT_CODE.search(name)]
    if len(names) > MOST_NAMES:
        raise ValueError(f"it holds more than {MOST_NAMES:,} files")
    found = [name.removesuffix("utils.py") for name in names if f"/{name}".endswith("/utils.py")]
    with_models = {top for top in found for name in names if name.startswith(f"{top}models/")}
    folders = [top for top in found if top in with_models or not with_models]
    least = min((top.count("/") for top in folders), default=0)
    folders = [top for top in folders if top.count("/") == least]
    if len(folders) != 1:
        which = " and ".join(sorted(folders)[:3])[:200]
        raise ValueError(
            f"more than one folder has a utils.py: {which}" if folders else "no utils.py"
        )
    inside = {name.removeprefix(folders[0]): name for name in names if name.startswith(folders[0])}
    files = {short: name for short, name in inside.items() if CODE.fullmatch(short)}
    if len(files) > MOST_FILES:
        raise ValueError(f"it holds more than {MOST_FILES} Python files")
    return files
