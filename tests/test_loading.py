"""Loading MNIST and cutting it into batches (handout 1.1)."""

import random

import numpy as np

import utils
from tests import InFolder, inside, made_up_images, shuffled, write_csv
from tests.checks import ComparisonTest, draw_sizes, generator_for, mnist_batch

PARTS = ("train_data", "train_label", "val_data", "val_label")


class TestLoading(InFolder, ComparisonTest):
    """`load_mnist_trainval` on a small CSV of made-up images."""

    def setUp(self):
        super().setUp()
        generator = generator_for("images")
        self.count = 5 * int(generator.integers(12, 15))
        self.labels, self.pixels = made_up_images(self.count, generator)
        write_csv(self.folder / "data/mnist_train.csv", self.labels, self.pixels)
        write_csv(self.folder / "data/mnist_test.csv", self.labels[:7], self.pixels[:7])

    def load(self):
        parts = self.unpack("load_mnist_trainval", utils.load_mnist_trainval(), *PARTS)
        if np.shape(parts[1])[1:] == (784,):
            self.fail(f"train_label holds images; expected the order {', '.join(PARTS)}")
        return parts

    def test_split(self):
        parts, cut = self.load(), self.count * 4 // 5
        for name, found in zip(PARTS, parts):
            percent, right = (80, cut) if "train" in name else (20, self.count - cut)
            mistakes = {
                f"it is {100 - percent} %, the length of the other part": self.count - right,
                "it contains all images; compute the cut from their number": self.count,
                "it is 5/6, as in a split into 50,000 and 10,000": self.count * 5 // 6,
            }
            what = f"the length of {name}, {percent} % of {self.count} images"
            self.compare(what, len(found), right, mistakes)
        images, labels = np.array([*parts[0], *parts[2]]), [*parts[1], *parts[3]]
        for name, found, right in (
            ("labels", np.array(labels, dtype=float), self.labels),
            ("images", images / images.max(), self.pixels / self.pixels.max()),
        ):
            mistakes = {"validation is taken from the front": np.roll(right, cut, axis=0)}
            what = f"the order of the {name}, training before validation"
            self.compare(what, found, right, mistakes)

    def test_scaling(self):
        train_data, _, val_data, _ = self.load()
        test_data, _ = utils.load_mnist_test()
        for name, images, count in (
            ("training and validation", [*train_data, *val_data], self.count),
            ("test", test_data, 7),
        ):
            # Sorted, because another test is concerned with the order.
            pixels = np.sort(self.pixels[:count].ravel().astype(float))
            found = np.sort(np.ravel(images))
            mistakes = {
                "they are not scaled; expected value / 255": pixels,
                "they are divided by 256 instead of 255": pixels / 256,
                "they are scaled twice": pixels / 255**2,
            }
            self.compare(f"the pixels of the {name} images, sorted", found, pixels / 255, mistakes)

    def test_types(self):
        for name, found in zip(PARTS, self.load()):
            what, right = ("images", "list") if "data" in name else ("labels", "int")
            mistakes = {
                "they are arrays; convert them with tolist()": "ndarray",
                "they are NumPy's; convert them with tolist() or int()": "int64",
            }
            kinds = ", ".join(sorted({type(each).__name__ for each in found})) or right
            self.compare(f"the type of the {what} in {name}", kinds, right, mistakes)


class TestBatches(ComparisonTest):
    """`generate_batched_data` on images that can be told apart: image k starts with k, label k."""

    def setUp(self):
        generator = generator_for("batches")
        [self.batch_size] = draw_sizes(generator, 1)
        self.count = 80 // self.batch_size * self.batch_size
        self.seeds = generator.choice(range(1, 1000), size=3, replace=False).tolist()
        self.images = generator.random((self.count, 784))
        self.images[:, 0] = range(self.count)
        self.data, self.label = self.images.tolist(), list(range(self.count))
        self.addCleanup(random.setstate, random.getstate())

    def batches(self, *arguments):
        """Return the batches of copies of the data."""
        returned = utils.generate_batched_data(self.data.copy(), self.label.copy(), *arguments)
        return self.unpack("generate_batched_data", returned, "batched_data", "batched_label")

    def order(self, *arguments) -> tuple[np.ndarray, np.ndarray]:
        """Return the order of the images and that of the labels."""
        data, labels = self.batches(self.batch_size, *arguments)
        for name, [batch, *_], shape in (("images", data, (784,)), ("labels", labels, ())):
            self.assertIsInstance(batch, np.ndarray, f"a batch of {name} is not a NumPy array")
            what = f"the shape of a batch of {name}, with batch_size {self.batch_size}"
            if batch.shape[1:] != shape:  # the number of images is another test's concern
                self.compare(what, str(batch.shape), str((self.batch_size, *shape)))
        # Empty batches are another test's concern.
        images, order = (np.concatenate([b for b in each if len(b)]) for each in (data, labels))
        self.compare("the number of images in all batches", len(images), self.count)
        self.compare("the first pixels of all images, sorted", sorted(images[:, 0]), self.label)
        rows = images[:, 0].astype(int)
        self.compare("the pixels of the images", images, self.images[rows])
        return rows, order

    def test_sizes(self):
        for count, size, arguments in (
            (self.count, 32, []),  # the default
            (self.count, self.batch_size, [self.batch_size]),
            (self.count - 3, self.batch_size, [self.batch_size]),
        ):
            del self.data[count:], self.label[count:]
            full, remainder = [size] * (count // size), count % size
            right = [*full, remainder] if remainder else full
            mistakes = {
                "the last batch, which is smaller, is dropped": f"{full}",
                "the last batch is padded; expected a smaller one": f"{[*full, size]}",
                "the remainder is merged into the last batch": f"{[*full[:-1], size + remainder]}",
                "there is an empty batch at the end": f"{[*right, 0]}",
            }
            for name, batches in zip(("images", "labels"), self.batches(*arguments)):
                what = f"the sizes of the batches of {count} {name}, with batch_size {size}"
                self.compare(what, str([len(batch) for batch in batches]), str(right), mistakes)

    def test_in_order(self):
        seed = self.seeds[0]
        mistakes = {"they are shuffled": shuffled(self.count, seed)}
        for what, arguments in (("by default", ()), ("with shuffle=False", (False, seed))):
            inside.random.seed(seed)
            images, labels = self.order(*arguments)
            self.compare(f"the order of the images {what}", images, self.label, mistakes)
            self.compare(f"the order of the labels {what}", labels, self.label, mistakes)
        message = f"the labels of a batch become {labels.dtype}; expected integers"
        self.assertIn(labels.dtype.kind, "iu", message)

    def test_shuffled_with_a_seed(self):
        for seed in self.seeds:
            generator = random.Random(seed)
            right, second = self.label.copy(), self.label.copy()
            generator.shuffle(right)
            generator.shuffle(second)
            numpy = np.random.RandomState(seed).permutation(self.count)
            mistakes = {
                "they are not shuffled": self.label,
                "it is NumPy's order; expected random.seed and random.shuffle": numpy,
                "images and labels are shuffled one after the other, into different orders": second,
            }
            for name, found in zip(("images", "labels"), self.order(True, seed)):
                self.compare(f"the order of the {name} with seed={seed}", found, right, mistakes)

    def test_shuffled_without_a_seed(self):
        orders = []
        for seed in (self.seeds[0], self.seeds[0], self.seeds[1]):
            inside.random.seed(seed)
            for _ in range(2):
                images, labels = self.order(True)
                mistakes = {"the images are shuffled, the labels are not": self.label}
                self.compare("the labels, in the images' order", labels, images, mistakes)
                orders.append(images.tolist())
        first, second, third, fourth, other, another = orders
        self.assertNotEqual(first, second, "two shuffles in a row, without a seed, are the same")
        message = "without a seed, the order is always the same, or `random` is reset after a call"
        self.assertTrue(first != other and second != another, message)
        message = "without a seed, use random.shuffle, and do not call random.seed at all"
        self.assertEqual([first, second], [third, fourth], message)

    def test_the_callers_lists_are_left_alone(self):
        arguments = self.data, self.label, self.batch_size, True, self.seeds[0]
        returned, (data, label, *_) = inside.call(utils.generate_batched_data, arguments)
        names = "batched_data", "batched_label"
        for name, batches in zip(names, self.unpack("generate_batched_data", returned, *names)):
            self.compare(f"the images in {name}", sum(map(len, batches)), self.count)
        for name, found, right in (("data", data, self.images), ("label", label, self.label)):
            self.compare(f"the caller's `{name}`, after the call (change a copy)", found, right)


class TestMnist(ComparisonTest):
    def test_split_of_mnist(self):
        images, labels = mnist_batch(10)
        parts = self.unpack("load_mnist_trainval", utils.load_mnist_trainval(), *PARTS)
        sizes = [len(part) for part in parts]
        self.compare("the sizes of MNIST's parts", sizes, [48_000, 48_000, 12_000, 12_000])
        self.compare("the first 10 training images", parts[0][:10], images)
        self.compare("the first 10 training labels", parts[1][:10], labels)
        self.compare("the first 5 validation labels", parts[3][:5], [4, 7, 8, 8, 5])
