"""Loading CSV files and cutting them into batches.

Long lists are compared by NumPy: of two that differ, `assertEqual` takes minutes to say where.
"""

import csv
import random
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import utils
from tests import csv_lines, made_up_images, mnist, shuffled


class TestMnist(unittest.TestCase):
    """The real files, in both forms."""

    def setUp(self):
        self.train, self.train_label, self.val, self.val_label, self.test, self.test_label = mnist()

    def test_sizes_and_ranges(self):
        for images, labels, count in (
            (self.train, self.train_label, 48_000),
            (self.val, self.val_label, 12_000),
            (self.test, self.test_label, 10_000),
        ):
            self.assertEqual(images.shape, (count, 784))
            self.assertEqual(labels.shape, (count,))
            self.assertEqual(images.dtype, np.float64)
            self.assertEqual((images.min(), images.max()), (0, 1))
            self.assertEqual(set(labels.tolist()), set(range(10)))

    def test_known_images(self):
        # The first labels of MNIST, and of the part that starts at image 48,000 of the file.
        self.assertEqual(self.train_label[:10].tolist(), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
        self.assertEqual(self.test_label[:10].tolist(), [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
        with open(utils.TRAIN_CSV) as file:
            rows = [row for number, row in enumerate(csv.reader(file)) if number in (0, 48_000)]
        for row, image, label in zip(
            rows, (self.train[0], self.val[0]), (self.train_label[0], self.val_label[0])
        ):
            self.assertEqual(int(row[0]), label)
            np.testing.assert_array_equal(image, [int(value) / 255 for value in row[1:]])

    def test_lists_are_plain_python(self):
        data, labels, val_data, val_labels = utils.load_mnist_trainval()
        test_data, test_labels = utils.load_mnist_test()
        self.assertEqual((len(data), len(labels)), (48_000, 48_000))
        self.assertEqual((len(val_data), len(val_labels)), (12_000, 12_000))
        self.assertEqual((len(test_data), len(test_labels)), (10_000, 10_000))
        for part in (data, labels, val_data, val_labels, test_data, test_labels):
            self.assertIs(type(part), list)
        self.assertTrue(all(type(image) is list for image in data))
        self.assertTrue(all(len(image) == 784 for image in val_data))
        self.assertTrue(all(type(pixel) is float for pixel in data[-1]))
        self.assertTrue(all(type(label) is int for label in labels + val_labels + test_labels))

        np.testing.assert_array_equal(labels, self.train_label)
        np.testing.assert_array_equal(val_labels, self.val_label)
        np.testing.assert_array_equal(val_data, self.val)
        np.testing.assert_array_equal(test_data, self.test)
        np.testing.assert_array_equal(data[47_999], self.train[47_999])

    def test_lists_share_their_pixels(self):
        data, _ = utils.load_mnist_test()
        self.assertLessEqual(len({id(pixel) for image in data[:100] for pixel in image}), 256)


class TestCsvForms(unittest.TestCase):
    """Files as people have them, and as they should not be."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "images.csv"
        self.labels, self.pixels = made_up_images(5)
        self.lines = csv_lines(self.labels, self.pixels)
        self.header = ",".join(
            ["label", *(f"{row}x{column}" for row in range(28) for column in range(28))]
        )

    def write(self, text: str, encoding: str = "utf-8") -> None:
        self.path.write_bytes(text.encode(encoding))

    def test_accepted_forms(self):
        plain = "\n".join(self.lines) + "\n"
        forms = {
            "plain": plain.encode(),
            "no last line end": plain.rstrip("\n").encode(),
            "header": f"{self.header}\n{plain}".encode(),
            "header of long words": f"{self.header.replace(',', ',the brightness from black to white of the pixel at ')}\n{plain}".encode(),
            "header of one word": f"label{',pixel' * 784}\n{plain}".encode(),
            "header of numbers": f"{','.join(map(str, range(785)))}\n{plain}".encode(),
            "CRLF": plain.replace("\n", "\r\n").encode(),
            "byte-order mark": plain.encode("utf-8-sig"),
            "all of these": f"{self.header}\n{plain}".replace("\n", "\r\n").encode("utf-8-sig"),
            "blank lines": plain.replace("\n", "\n\n").encode(),
            "blanks around values": plain.replace(",", " , ").encode(),
        }
        for name, content in forms.items():
            with self.subTest(name):
                self.path.write_bytes(content)
                for path in (self.path, str(self.path)):
                    data, labels = utils.load_csv(path, as_array=True)
                    np.testing.assert_array_equal(data, self.pixels / 255)
                    np.testing.assert_array_equal(labels, self.labels)
                data, labels = utils.load_csv(self.path)
                self.assertIs(type(data), list)
                np.testing.assert_array_equal(data, self.pixels / 255)
                self.assertEqual(labels, self.labels.tolist())

    def test_one_image(self):
        self.write(self.lines[0])
        data, labels = utils.load_csv(self.path, as_array=True)
        self.assertEqual((data.shape, labels.shape), ((1, 784), (1,)))

    def test_float32(self):
        self.write("\n".join(self.lines))
        data, _ = utils.load_csv(self.path, as_array=True, dtype=np.float32)
        self.assertEqual(data.dtype, np.float32)
        np.testing.assert_array_equal(data, self.pixels / np.float32(255))

    def test_bytes(self):
        self.write("\n".join(self.lines))
        for dtype in (np.uint8, "uint8"):
            data, _ = utils.load_csv(self.path, as_array=True, dtype=dtype)
            self.assertEqual(data.dtype, np.uint8)
            np.testing.assert_array_equal(data, self.pixels)

    def test_malformed(self):
        first, second, *rest = self.lines
        end = "\n" + "\n".join(rest) + "\n"

        def with_value(column: int, value: str) -> str:
            fields = second.split(",")
            fields[column - 1] = value
            return f"{first}\n" + ",".join(fields) + end

        short = second.rsplit(",", 1)[0]
        cases = {
            "a column short": (f"{first}\n{short}{end}", "line 2: found 784 columns; expected 785"),
            "a column long": (f"{first}\n{second},0{end}", "line 2: found 786 columns"),
            "all lines long": (f"{first},0\n{second},0\n", "line 1: found 786 columns"),
            "all lines short": ("1,2,3\n4,5,6\n", "line 1: found 3 columns; expected 785"),
            "cut last row": (f"{first}\n{second}\n{rest[0][:99]}", "line 3: found "),
            "other separator": ("\n".join(self.lines).replace(",", ";"), "line 1: found 1 column;"),
            "letters": (with_value(3, "x"), "line 2, column 3: found 'x'; expected a pixel"),
            "empty cell": (with_value(4, ""), "line 2, column 4: found ''"),
            "fraction": (with_value(785, "1.5"), "line 2, column 785: found '1.5'"),
            "fraction that is whole": (with_value(2, "1.0"), "line 2, column 2: found '1.0'"),
            "256": (
                with_value(2, "256"),
                "column 2: found '256'; expected a pixel, a whole number from 0 to 255",
            ),
            "999": (with_value(2, "999"), "column 2: found '999'; expected a pixel"),
            "negative": (with_value(2, "-1"), "line 2, column 2: found '-1'"),
            "not a number": (with_value(2, "nan"), "line 2, column 2: found 'nan'"),
            "huge": (with_value(2, "1" * 5000), "line 2, column 2: found '1111"),
            "256 behind zeros": (with_value(2, "0" * 5000 + "256"), "column 2: found '0000"),
            "not ASCII": (with_value(2, "\u0665"), "line 2, column 2: found '\u0665'"),
            "underscore": (with_value(2, "1_0"), "line 2, column 2: found '1_0'"),
            "after a sign and zeros": (
                with_value(2, "+007").replace(",+007", ",+007,") + "x",
                "line 2: found 786 columns",
            ),
            "a fault behind a sign": (
                f"+{first}\n{short},256{end}",
                "line 2, column 785: found '256'",
            ),
            "a line of blanks": (f"{first}\n \n", "line 2: found 1 column;"),
            "label 10": (
                with_value(1, "10"),
                "line 2, column 1: found '10'; expected a label, a whole number from 0 to 9",
            ),
            "label 12": (with_value(1, "12"), "line 2, column 1: found '12'; expected a label"),
            "label missing": (with_value(1, ""), "line 2, column 1: found ''"),
            "two headers": (
                f"{self.header}\n{self.header}\n{first}\n",
                "line 2, column 1: found 'label'",
            ),
            "a header a name long": (f"{self.header},x\n{first}\n", "line 1: found 786 columns"),
            "damaged first line": (
                with_value(1, "x").split("\n", 1)[1],
                "line 1, column 1: found 'x'",
            ),
            "damaged first line, all but one value": (
                f"x{',x' * 783},0\n{first}\n",
                "line 1, column 1: found 'x'",
            ),
            "after blank lines": (f"{first}\n\n\n{short}\n", "line 4: found 784 columns"),
            "after a header": (f"{self.header}\n{first}\n{short}\n", "line 3: found 784 columns"),
            "empty": ("", "line 1: found no image"),
            "only line ends": ("\n\n\n", "line 1: found no image"),
            "only a header": (f"{self.header}\n", "line 1: found no image"),
            "a web page": ("<!DOCTYPE html>\n<html>\n", "line 1: found 1 column;"),
        }
        for name, (text, expected) in cases.items():
            with self.subTest(name):
                self.write(text)
                for as_array in (False, True):
                    with self.assertRaises(ValueError) as caught:
                        utils.load_csv(self.path, as_array=as_array)
                    message = str(caught.exception)
                    self.assertIn(str(self.path), message)
                    self.assertIn(expected, message)
                    self.assertLess(len(message.splitlines()), 2)

    def test_a_fault_that_only_numpy_sees(self):
        self.write("\n".join(self.lines))
        with (
            mock.patch("numpy.loadtxt", side_effect=ValueError("too odd")),
            self.assertRaisesRegex(ValueError, "images.csv, too odd$"),
        ):
            utils.load_csv(self.path)

    def test_numpy_is_spared_what_may_crash_it(self):
        self.write(self.lines[0] + "\n" + self.lines[1].replace(",", ",\U0010ffff", 1))
        seen = []
        with (
            mock.patch("numpy.loadtxt", side_effect=lambda lines, **_: seen.extend(lines)),
            self.assertRaisesRegex(ValueError, "line 2, column 2: found"),
        ):
            utils.load_csv(self.path)
        self.assertEqual(seen, [self.lines[0] + "\n"])

    def test_not_text(self):
        text = "\n".join(self.lines)
        for name, content in {
            "UTF-16": text.encode("utf-16"),
            "binary": bytes(range(256)) * 10,
            "zeros": bytes(1000),
        }.items():
            with self.subTest(name):
                self.path.write_bytes(content)
                with self.assertRaisesRegex(ValueError, "line 1"):
                    utils.load_csv(self.path)

    def test_missing(self):
        with self.assertRaises(FileNotFoundError) as caught:
            utils.load_csv(self.path)
        self.assertIn(str(self.path), str(caught.exception))
        self.assertIn("sh data/get_data.sh", str(caught.exception))

    def test_directory(self):
        self.path.mkdir()
        with self.assertRaises(OSError):
            utils.load_csv(self.path)

    def test_split_keeps_the_order(self):
        original = utils.TRAIN_CSV
        self.addCleanup(setattr, utils, "TRAIN_CSV", original)
        utils.TRAIN_CSV = str(self.path)
        for count, train in ((2, 1), (4, 3), (5, 4), (9, 7)):
            labels, pixels = made_up_images(count)
            self.write("\n".join(csv_lines(labels, pixels)))
            for as_array in (False, True):
                data, label, val_data, val_label = utils.load_mnist_trainval(as_array)
                self.assertEqual((len(data), len(val_data)), (train, count - train))
                np.testing.assert_array_equal([*label, *val_label], labels)
                np.testing.assert_array_equal([*data, *val_data], pixels / 255)

    def test_one_image_cannot_be_split(self):
        original = utils.TRAIN_CSV
        self.addCleanup(setattr, utils, "TRAIN_CSV", original)
        utils.TRAIN_CSV = str(self.path)
        self.write(self.lines[0])
        with self.assertRaisesRegex(ValueError, "images.csv: found 1 image; expected at least 2"):
            utils.load_mnist_trainval()


class TestBatches(unittest.TestCase):
    """`generate_batched_data` against `random` itself."""

    def setUp(self):
        self.labels, pixels = made_up_images(103)
        self.data = pixels / 255

    def assert_batches(self, batches, order, batch_size):
        data, labels = batches
        self.assertIs(type(data), list)
        self.assertIs(type(labels), list)
        sizes = [min(batch_size, len(order) - start) for start in range(0, len(order), batch_size)]
        self.assertEqual([images.shape for images in data], [(size, 784) for size in sizes])
        self.assertEqual([label.shape for label in labels], [(size,) for size in sizes])
        np.testing.assert_array_equal(np.concatenate(data), self.data[order])
        np.testing.assert_array_equal(np.concatenate(labels), self.labels[order])

    def test_in_order(self):
        for batch_size in (1, 2, 32, 102, 103, 104, 10_000):
            with self.subTest(batch_size=batch_size):
                batches = utils.generate_batched_data(self.data, self.labels, batch_size)
                self.assert_batches(batches, list(range(103)), batch_size)

    def test_default_batch_size(self):
        data, _ = utils.generate_batched_data(self.data, self.labels)
        self.assertEqual([len(images) for images in data], [32, 32, 32, 7])

    def test_shuffled_by_seed(self):
        for seed in (0, 1, 1024, 2**70):
            with self.subTest(seed=seed):
                batches = utils.generate_batched_data(self.data, self.labels, 10, True, seed)
                self.assert_batches(batches, shuffled(103, seed), 10)

    def test_seed_leaves_random_alone(self):
        state = random.getstate()
        utils.generate_batched_data(self.data, self.labels, 10, shuffle=True, seed=3)
        utils.generate_batched_data(self.data, self.labels, 10, shuffle=False)
        self.assertEqual(random.getstate(), state)

    def test_shuffled_by_the_state_of_random(self):
        self.addCleanup(random.setstate, random.getstate())
        random.seed(7)
        first = utils.generate_batched_data(self.data, self.labels, 10, shuffle=True)
        self.assert_batches(first, shuffled(103, 7), 10)
        second = utils.generate_batched_data(self.data, self.labels, 10, shuffle=True)
        self.assertFalse(np.array_equal(first[0][0], second[0][0]))

    def test_lists_and_arrays_give_the_same(self):
        for shuffle in (False, True):
            lists = utils.generate_batched_data(
                self.data.tolist(), self.labels.tolist(), 20, shuffle, seed=5
            )
            arrays = utils.generate_batched_data(self.data, self.labels, 20, shuffle, seed=5)
            for one, other in zip(lists[0] + lists[1], arrays[0] + arrays[1], strict=True):
                self.assertIsInstance(one, np.ndarray)
                np.testing.assert_array_equal(one, other)

    def test_the_callers_data_is_left_alone(self):
        data, labels = self.data.copy(), self.labels.copy()
        for shuffle in (False, True):
            for batch in utils.generate_batched_data(data, labels, 10, shuffle, seed=1):
                for array in batch:
                    array[:] = 0
        np.testing.assert_array_equal(data, self.data)
        np.testing.assert_array_equal(labels, self.labels)

    def test_lazy_batches_are_the_same(self):
        for shuffle, order in ((False, list(range(103))), (True, shuffled(103, 5))):
            data, labels = utils.generate_batched_data(
                self.data, self.labels, 10, shuffle, seed=5, lazy=True
            )
            self.assertEqual((len(data), len(labels)), (11, 11))
            whole = [list(data), list(labels)]
            for part, batches in zip((data, labels), whole):
                for some in (slice(3), slice(9, None), slice(None, None, -2)):
                    for one, other in zip(part[some], batches[some], strict=True):
                        np.testing.assert_array_equal(one, other)
                np.testing.assert_array_equal(part[-1], batches[-1])
            for _ in range(2):  # they can be gone through again
                self.assert_batches((list(data), list(labels)), order, 10)

    def test_lazy_batches_hold_no_copy_of_the_data(self):
        data, labels = utils.generate_batched_data(
            self.data, self.labels, 10, shuffle=True, lazy=True
        )
        kept = data[0].copy()
        data[0][:] = 0  # written to a batch that nobody keeps
        np.testing.assert_array_equal(data[0], kept)
        self.data[:] = 7
        self.assertTrue(np.all(data[0] == 7))
        self.assertIs(type(labels[0]), np.ndarray)

    def test_bytes_become_floats(self):
        pixels = np.round(self.data * 255).astype(np.uint8)
        for lazy in (False, True):
            for dtype in (np.float32, np.float64):
                for labels in (self.labels, self.labels.astype(np.uint8)):
                    images, batched_labels = utils.generate_batched_data(
                        pixels, labels, 10, lazy=lazy, dtype=dtype
                    )
                    self.assertEqual(images[0].dtype, dtype)
                    expected = np.divide(pixels, 255, dtype=dtype)
                    np.testing.assert_array_equal(np.concatenate(list(images)), expected)
                    np.testing.assert_array_equal(np.concatenate(list(batched_labels)), labels)

    def test_only_bytes_are_scaled(self):
        whole = np.ones((103, 784), np.int64)
        for data in (self.data, self.data.astype(np.float32), whole, whole.astype(bool)):
            images, _ = utils.generate_batched_data(data, self.labels, 103, dtype=np.float64)
            np.testing.assert_array_equal(images[0], data)
        pixels = np.full((103, 784), 255, np.uint8)
        images, _ = utils.generate_batched_data(pixels, self.labels, 103)
        self.assertEqual(images[0].dtype, np.uint8)
        np.testing.assert_array_equal(images[0], pixels)

    def test_kept_batches_stay_as_they_are(self):
        kept = utils.generate_batched_data(self.data, self.labels, 10, True, 1)
        utils.generate_batched_data(self.data, self.labels, 10, True, 2)
        self.assert_batches(kept, shuffled(103, 1), 10)

    def test_type_is_kept(self):
        images, labels = utils.generate_batched_data(
            self.data.astype(np.float32), self.labels.astype(np.int16), 10, shuffle=True
        )
        self.assertEqual(images[0].dtype, np.float32)
        self.assertEqual(labels[0].dtype, np.int16)

    def test_refused(self):
        with self.assertRaisesRegex(ValueError, "102 labels for 103 images"):
            utils.generate_batched_data(self.data, self.labels[1:])
        with self.assertRaisesRegex(ValueError, "103 labels for 102 images"):
            utils.generate_batched_data(self.data[1:], self.labels)
        for batch_size in (0, -1):
            with self.assertRaisesRegex(ValueError, f"batch_size is {batch_size}; expected"):
                utils.generate_batched_data(self.data, self.labels, batch_size)


if __name__ == "__main__":
    unittest.main()
