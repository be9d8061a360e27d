"""Loading MNIST and cutting it into batches (handout 1.1)."""

import random
import unittest

import numpy as np

import utils
from tests import InFolder, csv_lines, made_up_images, shuffled
from tests.checks import ComparisonTest, generator_for, mnist_batch, require_mnist


class TestLoading(InFolder, ComparisonTest):
    """`load_mnist_trainval` on a small CSV of made-up images."""

    def setUp(self):
        super().setUp()
        self.count = 5 * int(generator_for("loading").integers(4, 9))
        self.labels, self.pixels = made_up_images(self.count, generator_for("images"))
        (self.folder / "data").mkdir()
        for name in ("mnist_train.csv", "mnist_test.csv"):
            lines = "\n".join(csv_lines(self.labels, self.pixels))
            (self.folder / "data" / name).write_text(lines + "\n")

    def load(self):
        names = ("train_data", "train_label", "val_data", "val_label")
        return self.unpack("load_mnist_trainval", utils.load_mnist_trainval(), *names)

    def test_split(self):
        train_data, train_label, val_data, val_label = self.load()
        train = self.count * 4 // 5
        for name, found in (("images", train_data), ("labels", train_label)):
            self.compare(
                f"the number of training {name}, 80 % of {self.count}",
                len(found),
                train,
                {
                    "the parts are swapped": self.count - train,
                    "all are taken": self.count,
                    "one is missing": train - 1,
                    "one is in both parts, or missing in validation": train + 1,
                },
            )
        for name, found in (("images", val_data), ("labels", val_label)):
            self.compare(
                f"the number of validation {name}, 20 % of {self.count}",
                len(found),
                self.count - train,
                {"all are taken": self.count, "one is missing": self.count - train - 1},
            )

    def test_order(self):
        train_data, train_label, val_data, val_label = self.load()
        labels = np.array([*train_label, *val_label], dtype=float)
        images = np.array([*train_data, *val_data])
        front = np.roll(np.arange(self.count), -self.count // 5)
        for name, found, expected in (
            ("labels", labels, self.labels),
            ("images", images / images.max(), self.pixels / self.pixels.max()),
        ):
            self.compare(
                f"the sequence of the {name}, training before validation",
                found,
                expected,
                {"validation is taken from the front; expected the last 20 %": expected[front]},
            )

    def test_scaling(self):
        train_data, _, val_data, _ = self.load()
        test_data, _ = utils.load_mnist_test()
        pixels = np.sort(self.pixels.ravel().astype(float))
        for name, images in (
            ("training and validation", [*train_data, *val_data]),
            ("test", test_data),
        ):
            # Sorted, because the order is another test's concern.
            self.compare(
                f"the pixels of the {name} images, sorted",
                np.sort(np.ravel(images)),
                pixels / 255,
                {
                    "they are not scaled; expected value / 255": pixels,
                    "they are divided by 256, not 255": pixels / 256,
                    "they are scaled twice": pixels / 255**2,
                },
            )

    def test_types(self):
        train_data, train_label, val_data, val_label = self.load()
        for name, images, labels in (
            ("training", train_data, train_label),
            ("validation", val_data, val_label),
        ):
            self.compare(f"the type of a {name} image", type(images[0]).__name__, "list")
            self.compare(
                f"the type of a {name} label",
                type(labels[0]).__name__,
                "int",
                {
                    "labels are left as floats": "float",
                    "labels are left as text": "str",
                    "labels are NumPy's; convert them with tolist() or int()": "int64",
                },
            )


class TestBatches(ComparisonTest):
    """`generate_batched_data` on images that can be told apart: image k starts with k, label k."""

    def setUp(self):
        generator = generator_for("batches")
        self.batch_size = int(generator.integers(5, 12))
        self.count = int(self.batch_size * generator.integers(5, 9)) + 1
        self.seed = int(generator.integers(1, 1000))
        images = generator.random((self.count, 784))
        images[:, 0] = range(self.count)
        self.data, self.label = images.tolist(), list(range(self.count))
        self.addCleanup(random.setstate, random.getstate())
        random.seed(self.seed + 1)

    def batches(self, *arguments):
        """Return the batches of copies of the data."""
        data, label = self.data.copy(), self.label.copy()
        returned = utils.generate_batched_data(data, label, self.batch_size, *arguments)
        data, labels = self.unpack(
            "generate_batched_data", returned, "batched_data", "batched_label"
        )
        for name, batch in (("images", data[0]), ("labels", labels[0])):
            self.compare(f"the type of a batch of {name}", type(batch).__name__, "ndarray")
        return data, labels

    def order(self, *arguments) -> tuple[np.ndarray, np.ndarray]:
        """Return the order of the images and that of their labels."""
        data, labels = self.batches(*arguments)
        return np.concatenate(data)[:, 0], np.concatenate(labels)

    def test_sizes(self):
        full, rest = divmod(self.count, self.batch_size)
        sizes = [self.batch_size] * full
        for name, batches in zip(("images", "labels"), self.batches()):
            self.compare(
                f"the sizes of the batches of {name}",
                [len(batch) for batch in batches],
                [*sizes, rest],
                {
                    "the last batch, which is smaller, is dropped": sizes,
                    "the last batch is padded; expected a smaller one": [*sizes, self.batch_size],
                    "what is left over has joined the last batch": [
                        *sizes[:-1],
                        self.batch_size + rest,
                    ],
                },
            )

    def test_sizes_without_a_rest(self):
        self.data.pop()
        self.label.pop()
        sizes = [self.batch_size] * (self.count // self.batch_size)
        for name, batches in zip(("images", "labels"), self.batches()):
            self.compare(
                f"the sizes of the batches of {name}",
                [len(batch) for batch in batches],
                sizes,
                {"an empty batch stands at the end": [*sizes, 0]},
            )

    def test_default_batch_size(self):
        returned = utils.generate_batched_data([*self.data] * 2, [*self.label] * 2)
        data, _ = self.unpack("generate_batched_data", returned, "batched_data", "batched_label")
        self.compare("the default size of a batch", len(data[0]), 32)

    def test_contents(self):
        data, labels = self.batches()
        self.compare("the images in order, with shuffle=False", np.concatenate(data), self.data)
        self.compare("the labels in order, with shuffle=False", np.concatenate(labels), self.label)

    def test_shuffled_with_a_seed(self):
        images, labels = self.order(True, self.seed)
        generator = random.Random(self.seed)
        orders = [list(range(self.count)) for _ in range(2)]
        for order in orders:
            generator.shuffle(order)
        numpy = np.random.RandomState(self.seed).permutation(self.count)
        mistakes = {
            "shuffle=True has no effect": self.label,
            "it is NumPy's order; expected random.seed and random.shuffle": numpy,
            "it is the order of NumPy's default_rng; expected random.seed and random.shuffle": (
                np.random.default_rng(self.seed).permutation(self.count)
            ),
            "it is the order of random.sample; expected that of random.shuffle": random.Random(
                self.seed
            ).sample(self.label, self.count),
            "images and labels are shuffled one after the other, into different orders": orders[1],
        }
        for name, found in (("images", images), ("labels", labels)):
            self.compare(
                f"the order of the {name} with seed {self.seed}", found, orders[0], mistakes
            )

    def test_labels_belong_to_their_images(self):
        images, labels = self.order(True)
        self.compare(
            "the labels of the shuffled images",
            labels,
            images,
            {"the images are shuffled, the labels are not": self.label},
        )

    def test_shuffled_without_a_seed(self):
        images, _ = self.order(True)
        self.compare("the shuffled images, sorted", np.sort(images), self.label)
        self.assertNotEqual(images.tolist(), self.label, "shuffle=True has no effect")

    def test_the_callers_lists_are_left_alone(self):
        data, label = [image.copy() for image in self.data], self.label.copy()
        utils.generate_batched_data(data, label, self.batch_size, True, self.seed)
        mistakes = {"they are shuffled in place; shuffle a copy": shuffled(self.count, self.seed)}
        first_pixels = [image[0] for image in data]
        self.compare("the caller's images, after the call", first_pixels, self.label, mistakes)
        self.compare("the caller's labels, after the call", label, self.label, mistakes)


class TestMnist(ComparisonTest):
    def test_split_of_mnist(self):
        require_mnist()
        train_data, train_label, val_data, val_label = utils.load_mnist_trainval()
        sizes = [len(part) for part in (train_data, train_label, val_data, val_label)]
        self.compare("the sizes of MNIST's parts", sizes, [48_000, 48_000, 12_000, 12_000])
        images, labels = mnist_batch(10)
        self.compare("the first 10 training images", train_data[:10], images)
        self.compare("the first 10 training labels", train_label[:10], labels)
        self.compare("the first 5 validation labels", val_label[:5], [4, 7, 8, 8, 5])


if __name__ == "__main__":
    unittest.main()
