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

LABELS, PIXELS = made_up_images(5)
TEXT = "\n".join(csv_lines(LABELS, PIXELS)) + "\n"
HEADER = ",".join(["label", *(f"{k // 28}x{k % 28}" for k in range(784))])


class TestCsv(InFolder):
    def test_accepted_forms(self):
        quoted = ",".join(f'"{name}"' for name in HEADER.split(","))
        for name, text in {
            "plain": TEXT,
            "no last line end": f"{HEADER}\n{TEXT}".rstrip(),
            "quoted header": f"{quoted}\n{TEXT}",
            "CRLF": f"{HEADER}\n{TEXT}".replace("\n", "\r\n"),
            "byte-order mark": f"\ufeff{TEXT}",
            "byte-order mark before a header": f"\ufeff{HEADER}\n{TEXT}",
            "blank lines": TEXT.replace("\n", "\n\n"),
        }.items():
            with self.subTest(name):
                Path("some.csv").write_bytes(text.encode())
                data, labels = utils.load_csv("some.csv", as_array=True)
                np.testing.assert_array_equal(data, PIXELS / 255)
                np.testing.assert_array_equal(labels, LABELS)

    def test_zeros_are_not_taken_for_labels_in_the_last_column(self):
        for last in (["0"], ["0", "10"]):
            Path("some.csv").write_text("\n".join(784 * "0," + pixel for pixel in last))
            self.assertEqual(utils.load_csv("some.csv")[1], [0] * len(last))

    def test_mistakes(self):
        labels_last = "\n".join(299 * "0," + "9," + 484 * "0," + label for label in "5041")
        by_header = f"{HEADER.replace('label,', 'pixel,', 1)[:-6]},class\n{TEXT}"
        first, _, rest = TEXT.split(",", 2)  # without the first pixel
        for name, text, expected in (
            ("empty", "", "no data"),
            ("only a header", HEADER, "no data"),
            ("256", f"{first},256,{rest}", "'256' to uint8 at row 0, column 2"),
            ("label 10", f"{TEXT}10,0,{rest}", "found label 10 at row 5; expected 0 to 9"),
            ("pandas' index", f",{HEADER}\n0,{TEXT}", "found 786 columns; expected 785"),
            ("row names", f"{HEADER}\n300,{TEXT}", "found 786 columns; expected 785"),
            ("a short row", f"{TEXT}1,2,3\n", "from 785 to 3 at row 6"),
            ("labels last", labels_last, "last column looks like the labels"),
            ("labels last, by the header", by_header, "last column looks like the labels"),
            ("UTF-16", TEXT.encode("utf-16"), "codec can't decode"),
        ):
            with self.subTest(name):
                Path("some.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
                with self.assertRaisesRegex(ValueError, rf"^some.csv: .*{expected}.*\Z"):
                    utils.load_csv("some.csv")

    def test_the_parts_of_mnist(self):
        write_made_up_data(self.folder, train=9, test=3)
        train, *others = utils.load_mnist_trainval()
        self.assertEqual([len(train), *map(len, others)], [7, 7, 2, 2])
        shades = {id(pixel) for image in train for pixel in image}
        self.assertLessEqual(len(shades), 256)  # lists share their floats
        for load in (utils.load_mnist_trainval, utils.load_mnist_test):
            for dtype, scale in ((np.float64, 1), (np.float32, 1), (np.uint8, 255)):
                for part, expected in zip(load(as_array=True, dtype=dtype), load()):
                    self.assertEqual(part.dtype, dtype if part.ndim == 2 else np.int64)
                    factor = scale if part.ndim == 2 else 1
                    np.testing.assert_allclose(part, factor * np.array(expected), rtol=1e-6)
                    self.assertIs(type(expected), list)
        Path(utils.TRAIN_CSV).write_text(TEXT.splitlines()[0])
        with self.assertRaisesRegex(ValueError, "train.csv: found 1 image; expected at least 2"):
            utils.load_mnist_trainval()


class TestBatches(unittest.TestCase):
    def test_lists_and_lazy_batches_are_the_same(self):
        """Bytes are divided by 255; floats are not divided again."""
        labels, pixels = made_up_images(53)
        rows = np.array_split(shuffled(53, 0), range(10, 53, 10))
        expected = [pixels[row] / 255 for row in rows], [labels[row] for row in rows]
        lists = utils.generate_batched_data(pixels / 255, labels, 10, True, 0, dtype=float)
        lazy = utils.generate_batched_data(pixels, labels, 10, True, 0, lazy=True, dtype=float)
        for number in (0, 1):
            self.assertEqual((type(lists[number]), len(lazy[number])), (list, 6))
            for batches in (lists[number], lazy[number]):
                for batch, right in zip(batches, expected[number], strict=True):
                    np.testing.assert_array_equal(batch, right)

    def test_as_many_labels_as_images(self):
        for count in (2, 4):
            with self.assertRaisesRegex(ValueError, f"found {count} labels for 3 images"):
                utils.generate_batched_data(np.ones((3, 784)), [1] * count)


class TestProgress(unittest.TestCase):
    def test_a_line_that_replaces_itself(self):
        lines = [f"epoch 7: batch {number} of 500, loss 2.3026" for number in (250, 500)]
        shown = "\r".join([*lines, " " * 60, ""])
        batches = [np.zeros((1, 784))] * 500, [np.zeros(1, int)] * 500
        for on_terminal, debug in itertools.product((True, False), repeat=2):
            with contextlib.redirect_stderr(io.StringIO()) as stderr:
                stderr.isatty = mock.Mock(return_value=on_terminal)
                utils.train(7, *batches, SoftmaxRegression(), SGD(), debug)
            self.assertEqual(stderr.getvalue(), shown if on_terminal and debug else "")
