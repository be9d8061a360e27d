"""What utils.py offers beyond the handout: forms of CSV, arrays, lazy batches, progress."""

import contextlib
import io
import itertools
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import utils
from models import SoftmaxRegression
from optimizer import SGD
from tests import InFolder, csv_lines, made_up_images, shuffled
from tests.project import write_made_up_data


class TestCsv(InFolder):
    def setUp(self):
        super().setUp()
        self.labels, self.pixels = made_up_images(5)
        self.lines = csv_lines(self.labels, self.pixels)
        self.text = "\n".join(self.lines) + "\n"
        self.header = ",".join(["label", *(f"{k // 28}x{k % 28}" for k in range(784))])

    def test_accepted_forms(self):
        quoted = ",".join(f'"{name}"' for name in self.header.split(","))
        for name, text in {
            "plain": self.text,
            "no last line end": f"{self.header}\n{self.text}".rstrip(),
            "quoted header": f"{quoted}\n{self.text}",
            "CRLF": f"{self.header}\n{self.text}".replace("\n", "\r\n"),
            "byte-order mark": f"\ufeff{self.text}",
            "byte-order mark before a header": f"\ufeff{self.header}\n{self.text}",
            "blank lines": self.text.replace("\n", "\n\n"),
        }.items():
            with self.subTest(name):
                Path("some.csv").write_bytes(text.encode())
                data, labels = utils.load_csv("some.csv", as_array=True)
                np.testing.assert_array_equal(data, self.pixels / 255)
                np.testing.assert_array_equal(labels, self.labels)

    def test_zeros_are_not_taken_for_labels_in_the_last_column(self):
        for last in (["0"], ["0", "10"]):
            Path("some.csv").write_text("\n".join(784 * "0," + pixel for pixel in last))
            self.assertEqual(utils.load_csv("some.csv")[1], [0] * len(last))

    def test_mistakes(self):
        zeros = np.zeros((4, 785), dtype=int)
        zeros[:, 300] = 9
        zeros[:, 784] = [5, 0, 4, 1]
        labels_last = "\n".join(",".join(map(str, row)) for row in zeros)
        by_header = f"{self.header.replace('label,', 'pixel,', 1)[:-6]},class\n{self.text}"
        first, _, rest = self.text.split(",", 2)  # without the first pixel
        for name, text, expected in (
            ("empty", "", "no data"),
            ("only a header", self.header, "no data"),
            ("a web page", "<!DOCTYPE html>\n<html>\n", "found 1 columns; expected 785"),
            ("UTF-16", self.text.encode("utf-16"), "codec can't decode"),
            ("256", f"{first},256,{rest}", "'256' to uint8 at row 0, column 2"),
            ("label 10", f"{self.text}10,0,{rest}", "found label 10 at row 5; expected 0 to 9"),
            ("pandas' index", f",{self.header}\n0,{self.text}", "found 786 columns; expected 785"),
            ("row names", f"{self.header}\n300,{self.text}", "found 786 columns; expected 785"),
            ("a short row", f"{self.text}1,2,3\n", "from 785 to 3 at row 6"),
            ("labels last", labels_last, "last column looks like the labels"),
            ("labels last, by the header", by_header, "last column looks like the labels"),
        ):
            with self.subTest(name):
                Path("some.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
                with self.assertRaises(ValueError) as caught:
                    utils.load_csv("some.csv")
                self.assertIn("some.csv: ", str(caught.exception))
                self.assertIn(expected, str(caught.exception))
                self.assertNotIn("\n", str(caught.exception))

    def test_the_parts_of_mnist(self):
        write_made_up_data(self.folder, train=9, test=3)
        train, train_labels, valid, valid_labels = utils.load_mnist_trainval()
        self.assertEqual((len(train), len(train_labels)), (7, 7))
        rows = utils.load_csv(utils.TRAIN_CSV)
        self.assertEqual((train + valid, train_labels + valid_labels), rows)
        for load in (utils.load_mnist_trainval, utils.load_mnist_test):
            for dtype, scale in ((np.float64, 1), (np.float32, 1), (np.uint8, 255)):
                for part, expected in zip(load(as_array=True, dtype=dtype), load()):
                    self.assertEqual(part.dtype, dtype if part.ndim == 2 else np.int64)
                    factor = scale if part.ndim == 2 else 1
                    np.testing.assert_allclose(part, factor * np.array(expected), rtol=1e-6)
        Path(utils.TRAIN_CSV).write_text(self.lines[0])
        with self.assertRaisesRegex(ValueError, "train.csv: found 1 image; expected at least 2"):
            utils.load_mnist_trainval()

    def test_lists_share_their_pixels(self):
        Path("some.csv").write_text(self.text)
        data, _ = utils.load_csv("some.csv")
        self.assertLessEqual(len({id(pixel) for image in data for pixel in image}), 256)


class TestBatches(unittest.TestCase):
    def test_lazy_batches_are_the_same_as_lists(self):
        labels, pixels = made_up_images(53)
        lists = utils.generate_batched_data(pixels / 255, labels, 10, shuffle=True, seed=0)
        lazy = utils.generate_batched_data(pixels, labels, 10, True, 0, lazy=True, dtype=float)
        np.testing.assert_array_equal(np.concatenate(lists[1]), labels[shuffled(53, 0)])
        for expected, batches in zip(lists, lazy):
            self.assertEqual((type(expected), len(batches)), (list, 6))
            for batch, other in zip(batches, expected, strict=True):
                np.testing.assert_array_equal(batch, other)

    def test_floats_are_not_divided_again(self):
        images = np.ones((3, 784))
        (batch,), _ = utils.generate_batched_data(images, [0, 1, 2], dtype=float)
        np.testing.assert_array_equal(batch, images)

    def test_as_many_labels_as_images(self):
        for count in (2, 4):
            with self.assertRaisesRegex(ValueError, f"found {count} labels for 3 images"):
                utils.generate_batched_data(np.ones((3, 784)), [1] * count)


class TestProgress(unittest.TestCase):
    def shown(self, terminal: bool, debug: bool) -> str:
        """Return what 100 batches in three seconds write to standard error."""
        stream = io.StringIO()
        stream.isatty = lambda: terminal
        batches = [np.zeros((1, 784))] * 100, [np.zeros(1, dtype=int)] * 100
        clock = itertools.count(0, 0.03)
        with (
            mock.patch("time.monotonic", lambda: next(clock)),
            contextlib.redirect_stderr(stream),
            contextlib.redirect_stdout(io.StringIO()) as stdout,
        ):
            model = SoftmaxRegression()
            utils.train(7, *batches, model, SGD(), debug=debug)
            utils.evaluate(*batches, model, debug=debug)
        self.assertEqual(stdout.getvalue(), "")
        return stream.getvalue()

    def test_a_line_that_replaces_itself(self):
        """It changes a few times a second, and is wiped in the end."""
        lines = []
        for title in ("epoch 7", "evaluation"):
            states = [f"{title}: batch {number} of 100, loss 2.3026" for number in range(9, 100, 9)]
            lines += [f"{state:60}\r" for state in (*states, "")]
        self.assertEqual(self.shown(terminal=True, debug=True), "".join(lines))

    def test_silence(self):
        self.assertEqual(self.shown(terminal=True, debug=False), "")
        self.assertEqual(self.shown(terminal=False, debug=True), "")
