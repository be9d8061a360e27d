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
        """A byte-order mark, a quoted header, CRLF, blank lines, no line end at the end."""
        quoted = ",".join(f'"{name}"' for name in HEADER.split(","))
        other = f"\ufeff{quoted}\n{TEXT}".replace("\n", "\r\n\r\n").rstrip()
        for text in (TEXT, other):
            Path("some.csv").write_bytes(text.encode())
            data, labels = utils.load_csv("some.csv", as_array=True)
            np.testing.assert_array_equal(data, PIXELS / 255)
            np.testing.assert_array_equal(labels, LABELS)

    def test_mistakes(self):
        labels_last = "\n".join(299 * "0," + "9," + 484 * "0," + label for label in "5041")
        for text, expected in (
            ("", "no data"),
            (f"{TEXT}256{784 * ',0'}", "'256' to uint8 at row 5, column 1"),
            (f"{TEXT}10{784 * ',0'}", "found label 10 at row 5; expected 0 to 9"),
            (f",{HEADER}\n0,{TEXT}", "found 786 columns; expected 785"),  # by pandas
            (f"{HEADER}\n300,{TEXT}", "found 786 columns; expected 785"),  # by R
            (labels_last, "last column looks like the labels"),
        ):
            Path("some.csv").write_text(text)
            with self.assertRaisesRegex(ValueError, rf"^some.csv: .*{expected}"):
                utils.load_csv("some.csv")

    def test_the_parts_of_mnist(self):
        write_made_up_data(self.folder, train=9, test=3)
        lists = [*utils.load_mnist_trainval(), *utils.load_mnist_test()]
        self.assertEqual([len(part) for part in lists], [7, 7, 2, 2, 3, 3])
        shades = {id(pixel) for image in lists[0] for pixel in image}
        self.assertLessEqual(len(shades), 256)  # lists share their floats
        for dtype, scale in ((np.float32, 1), (np.uint8, 255)):
            arrays = [*utils.load_mnist_trainval(True, dtype), *utils.load_mnist_test(True, dtype)]
            for images, expected in zip(arrays[::2], lists[::2]):
                self.assertEqual(images.dtype, dtype)
                np.testing.assert_allclose(images, scale * np.array(expected), rtol=1e-6)
            np.testing.assert_equal([*map(list, arrays[1::2])], lists[1::2])
        Path(utils.TRAIN_CSV).write_text(TEXT.splitlines()[0])
        with self.assertRaisesRegex(ValueError, "train.csv: found 1 image; expected at least 2"):
            utils.load_mnist_trainval()


class TestBatches(unittest.TestCase):
    def test_lists_and_lazy_batches_are_the_same(self):
        """Bytes are divided by 255; floats are not divided again."""
        labels, pixels = made_up_images(53)
        rows = np.array_split(shuffled(53, 0), range(10, 53, 10))
        for images, lazy in ((pixels / 255, False), (pixels, True)):
            batches = utils.generate_batched_data(images, labels, 10, True, 0, lazy, float)
            self.assertEqual([isinstance(each, list) for each in batches], [not lazy] * 2)
            for X, y, row in zip(*batches, rows, strict=True):
                np.testing.assert_array_equal(X, pixels[row] / 255)
                np.testing.assert_array_equal(y, labels[row])

    def test_as_many_labels_as_images(self):
        for count in (2, 4):
            with self.assertRaisesRegex(ValueError, f"found {count} labels for 3 images"):
                utils.generate_batched_data(np.ones((3, 784)), [1] * count)


class TestProgress(unittest.TestCase):
    def test_a_line_that_replaces_itself(self):
        lines = [f"epoch 7: batch {number} of 500, loss 2.3026" for number in (126, 252, 378)]
        shown = "\r".join([*lines, " " * 60, ""])
        batches = [np.zeros((1, 784))] * 500, [np.zeros(1, int)] * 500
        for on_terminal, debug in itertools.product((True, False), repeat=2):
            with contextlib.redirect_stderr(io.StringIO()) as stderr:
                stderr.isatty = mock.Mock(return_value=on_terminal)
                utils.train(7, *batches, SoftmaxRegression(), SGD(), debug)
            self.assertEqual(stderr.getvalue(), shown if on_terminal and debug else "")
