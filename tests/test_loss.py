"""Softmax, cross-entropy and accuracy (handout 2.1 b and c)."""

import math
import unittest

import numpy as np

from models._base_network import _baseNetwork
from tests.checks import ComparisonTest, generator_for


class TestSoftmax(ComparisonTest):
    def setUp(self):
        self.network = _baseNetwork()
        generator = generator_for("scores")
        shape = generator.integers((2, 3), (6, 9))
        shape[1] += shape[1] == shape[0]  # not square, so that a sum over the wrong axis shows
        self.scores = generator.normal(scale=2, size=shape)

    def test_softmax(self):
        exponentials = np.array([[math.exp(z) for z in row] for row in self.scores])
        right = np.array([row / math.fsum(row) for row in exponentials])
        # Many subtract each row's maximum first, which makes other numbers of the same mistake.
        shifted = exponentials / exponentials.max(axis=1, keepdims=True)
        axis = "the sum runs over the images (axis 0), not the classes (axis 1)"
        everything = "the sum runs over all entries, not over each row"
        less_maximum = ", after each row's maximum is subtracted"
        self.compare(
            "softmax(scores)",
            self.network.softmax(self.scores.copy()),
            right,
            {
                axis: exponentials / exponentials.sum(axis=0),
                axis + less_maximum: shifted / shifted.sum(axis=0),
                everything: exponentials / exponentials.sum(),
                everything + less_maximum: shifted / shifted.sum(),
                "it is not divided by the sum": exponentials,
                "it is not divided by the sum" + less_maximum: shifted,
            },
        )

    def test_large_scores(self):
        nan = math.nan
        self.compare(
            "softmax of [[1000, 0, -1000]]",
            self.network.softmax(np.array([[1000.0, 0.0, -1000.0]])),
            [[1, 0, 0]],
            {
                "exp(1000) overflows; subtract each row's maximum first, which changes no "
                "probability": [[nan, 0, 0]],
            },
        )

    def test_rows_of_very_different_size(self):
        nan = math.nan
        self.compare(
            "softmax of [[1000, 1000], [-1000, -1000]]",
            self.network.softmax(np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])),
            [[0.5, 0.5], [0.5, 0.5]],
            {
                "exp(1000) overflows; subtract each row's maximum first": [[nan] * 2] * 2,
                "the maximum of all rows is subtracted, and exp(-2000) is 0; subtract each row's "
                "own": [[0.5, 0.5], [nan, nan]],
            },
        )


class TestCrossEntropy(ComparisonTest):
    def setUp(self):
        self.network = _baseNetwork()

    def compare_loss(self, p, y, expected, tolerance=1e-9):
        count, classes = p.shape
        self.compare(
            "cross_entropy_loss(x_pred, y)",
            self.network.cross_entropy_loss(p, y),
            expected,
            {
                "it is summed over the images instead of averaged": count * expected,
                "the minus sign is missing": -expected,
                "it is divided by N * C, not by the number of images N": expected / classes,
                "the minus sign is missing, and it is not divided by N": -count * expected,
                "the logarithm has base 2": expected / math.log(2),
                "the logarithm has base 10": expected / math.log(10),
                "it is minus the mean probability, without the logarithm": -p[
                    range(count), y
                ].mean(),
            },
            tolerance,
        )

    def test_known_value(self):
        p = np.array([[0.2, 0.5, 0.3], [0.5, 0.1, 0.4], [0.3, 0.3, 0.4]])
        self.compare_loss(p, np.array([1, 2, 0]), 0.937803, tolerance=1e-6)

    def test_many_images(self):
        generator = generator_for("loss")
        count, classes = generator.integers((5, 3), (20, 9))
        p = generator.dirichlet(np.ones(classes), size=count)
        y = generator.integers(classes, size=count)
        self.compare_loss(p, y, -sum(math.log(row[k]) for row, k in zip(p, y)) / count)


class TestAccuracy(ComparisonTest):
    def test_accuracy(self):
        generator = generator_for("accuracy")
        count, classes = generator.integers((5, 3), (20, 9))
        p = generator.dirichlet(np.ones(classes), size=count)
        y = p.argmax(axis=1)
        y[:2] = (y[:2] + 1) % classes  # two of them are wrong
        right = (count - 2) / count
        self.compare(
            "compute_accuracy(x_pred, y)",
            _baseNetwork().compute_accuracy(p, y),
            right,
            {
                "it is the number of right images, not their fraction": count - 2,
                "it is in percent; expected a fraction in [0, 1]": 100 * right,
                "it is the fraction of wrong images": 1 - right,
                "it is divided by N * C, not by the number of images N": right / classes,
            },
        )

    def test_known_value(self):
        p = np.array([[0.2, 0.5, 0.3], [0.5, 0.1, 0.4], [0.3, 0.3, 0.4]])
        found = _baseNetwork().compute_accuracy(p, np.array([1, 2, 0]))
        self.compare(
            "compute_accuracy(x_pred, y)",
            found,
            1 / 3,
            {
                "it is the number of right images, not their fraction": 1,
                "it is in percent; expected a fraction in [0, 1]": 100 / 3,
            },
        )


if __name__ == "__main__":
    unittest.main()
