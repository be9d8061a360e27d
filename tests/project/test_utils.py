"""What utils.py offers beyond the handout: forms of CSV, arrays, lazy batches, progress."""

import contextlib
import io
import math
import unittest
from pathlib import Path

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
        self.header = ",".join(
            ["label", *(f"{row}x{col}" for row in range(28) for col in range(28))]
        )

    def test_accepted_forms(self):
        quoted = ",".join(f'"{name}"' for name in self.header.split(","))
        for name, text in {
            "plain": self.text,
            "no last line end": self.text.rstrip(),
            "header": f"{self.header}\n{self.text}",
            "quoted header": f"{quoted}\n{self.text}",
            "CRLF": f"{self.header}\n{self.text}".replace("\n", "\r\n"),
            "byte-order mark": f"\ufeff{self.text}",
            "blank lines": self.text.replace("\n", "\n\n"),
        }.items():
            with self.subTest(name):
                Path("some.csv").write_bytes(text.encode())
                data, labels = utils.load_csv("some.csv", as_array=True)
                np.testing.assert_array_equal(data, self.pixels / 255)
                np.testing.assert_array_equal(labels, self.labels)

    def test_zeros_are_not_taken_for_labels_in_the_last_column(self):
        Path("some.csv").write_text(",".join(["0"] * 785))
        self.assertEqual(utils.load_csv("some.csv")[1], [0])

    def test_mistakes(self):
        zeros = np.zeros((4, 785), dtype=int)
        zeros[:, 300] = 9
        zeros[:, 784] = [5, 0, 4, 1]
        labels_last = "\n".join(",".join(map(str, row)) for row in zeros)
        exponent = "7.000000000000000000e+00"  # as numpy.savetxt writes 7
        first, _, rest = self.text.split(",", 2)  # without the first pixel
        for name, text, expected in (
            ("empty", "", "no data"),
            ("only a header", self.header, "no data"),
            ("a web page", "<!DOCTYPE html>\n<html>\n", "'<!DOCTYPE html>'"),
            ("other separator", self.text.replace(",", ";"), "row 0, column 1"),
            ("UTF-16", self.text.encode("utf-16"), "codec can't decode"),
            ("a letter", f"{first},x,{rest}", "string 'x' to uint8 at row 0, column 2"),
            ("an empty cell", f"{first},,{rest}", "row 0, column 2"),
            ("a fraction", f"{first},0.5,{rest}", "0.5"),
            ("256", f"{first},256,{rest}", "'256' to uint8 at row 0, column 2"),
            ("-1", f"{first},-1,{rest}", "'-1'"),
            ("savetxt", f"{exponent},0,{rest}", f"'{exponent}' to uint8 at row 0, column 1"),
            ("label 12", f"{self.text}12,0,{rest}", "found label 12 at row 5; expected 0 to 9"),
            ("two columns", "1,2\n", "found 2 columns"),
            ("a short row", f"{self.text}1,2,3\n", "from 785 to 3 at row 6"),
            ("labels last", labels_last, "last column looks like the labels"),
            (
                "labels last, by the header",
                f"{self.header.replace('label,', 'pixel,', 1)[:-6]},class\n{self.text}",
                "last column looks like the labels",
            ),
        ):
            with self.subTest(name):
                Path("some.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
                with self.assertRaises(ValueError) as caught:
                    utils.load_csv("some.csv")
                self.assertIn("some.csv: ", str(caught.exception))
                self.assertIn(expected, str(caught.exception))
                self.assertNotIn("\n", str(caught.exception))

    def test_missing(self):
        with self.assertRaisesRegex(FileNotFoundError, "none.csv: no such file.*get_data.sh"):
            utils.load_csv("none.csv")

    def test_arrays(self):
        write_made_up_data(self.folder, train=9, test=3)
        for load in (utils.load_mnist_trainval, utils.load_mnist_test):
            for dtype, scale in ((np.float64, 1), (np.float32, 1), (np.uint8, 255)):
                for part, expected in zip(load(as_array=True, dtype=dtype), load()):
                    self.assertEqual(part.dtype, dtype if part.ndim == 2 else np.int64)
                    factor = scale if part.ndim == 2 else 1
                    np.testing.assert_allclose(part, factor * np.array(expected), rtol=1e-6)

    def test_lists_share_their_pixels(self):
        Path("some.csv").write_text(self.text)
        data, _ = utils.load_csv("some.csv")
        self.assertLessEqual(len({id(pixel) for image in data for pixel in image}), 256)


class TestLazyBatches(unittest.TestCase):
    def test_they_are_the_same_as_the_lists(self):
        labels, pixels = made_up_images(53)
        lists = utils.generate_batched_data(pixels / 255, labels, 10, shuffle=True, seed=0)
        lazy = utils.generate_batched_data(pixels, labels, 10, True, 0, lazy=True, dtype=float)
        np.testing.assert_array_equal(lists[1][0], labels[shuffled(53, 0)[:10]])
        for expected, batches in zip(lists, lazy):
            self.assertEqual(len(batches), 6)
            for number in range(-6, 6):
                np.testing.assert_array_equal(batches[number], expected[number])
            for batch, other in zip(batches[2:5], expected[2:5], strict=True):
                np.testing.assert_array_equal(batch, other)

    def test_floats_are_not_divided_again(self):
        images = np.ones((3, 784))
        (batch,), _ = utils.generate_batched_data(images, [0, 1, 2], dtype=float)
        np.testing.assert_array_equal(batch, images)

    def test_as_many_labels_as_images(self):
        with self.assertRaisesRegex(ValueError, "found 2 labels for 3 images"):
            utils.generate_batched_data(np.ones((3, 784)), [1, 2])


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestProgress(unittest.TestCase):
    def shown(self, stream: io.StringIO, debug: bool) -> str:
        """Return what an epoch writes to standard error."""
        labels, pixels = made_up_images(30)
        batches = utils.generate_batched_data(pixels / 255, labels, 10)
        with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(stream):
            model = SoftmaxRegression()
            utils.train(7, *batches, model, SGD(), debug=debug)
            utils.evaluate(*batches, model, debug=debug)
        return stream.getvalue()

    def test_a_line_that_replaces_itself(self):
        lines = self.shown(Terminal(), debug=True).split("\r")
        self.assertRegex(lines[0], r"^epoch 7: batch 1 of 3, loss 2\.30\d\d *$")
        self.assertRegex(lines[2], r"^epoch 7: batch 3 of 3, loss 2\.30\d\d *$")
        self.assertEqual(lines[3].strip(), "")  # wiped
        self.assertIn("evaluation: batch 3 of 3", lines[6])

    def test_silence(self):
        self.assertEqual(self.shown(Terminal(), debug=False), "")
        self.assertEqual(self.shown(io.StringIO(), debug=True), "")


class TestEvaluate(unittest.TestCase):
    def test_evaluate_uses_mode_valid(self):
        modes = []

        class Model:
            def forward(self, X, y, mode):
                modes.append(mode)
                return 1.0, 1.0

        utils.evaluate([np.ones((2, 784))], [np.zeros(2)], Model(), debug=False)
        self.assertEqual(modes, ["valid"])

    def test_averages_are_over_images(self):
        labels, pixels = made_up_images(25)
        results = [
            utils.evaluate(
                *utils.generate_batched_data(pixels / 255, labels, size), SoftmaxRegression(), False
            )
            for size in (10, 25)
        ]
        np.testing.assert_allclose(*results, rtol=1e-12)
        self.assertFalse(math.isclose(results[0][0], math.log(10), rel_tol=1e-9))


if __name__ == "__main__":
    unittest.main()
