"""Softmax, cross-entropy and accuracy (handout 2.1 b and c)."""

import math
import unittest

import numpy as np

from models._base_network import _baseNetwork
from tests import oracle
from tests.checks import ComparisonTest, draw_sizes, generator_for

# In each row the probabilities of three classes; the labels are 1, 2 and 0.
KNOWN = np.array([[0.2, 0.5, 0.3], [0.5, 0.1, 0.4], [0.3, 0.3, 0.4]]), np.array([1, 2, 0])


class TestSoftmax(ComparisonTest):
    def setUp(self):
        self.network = _baseNetwork()

    def test_softmax(self):
        generator = generator_for("scores")
        scores = generator.normal(scale=2, size=draw_sizes(generator, 2))
        exponentials = np.array([[math.exp(z) for z in row] for row in scores])
        # Many subtract each row's maximum first, which changes the values that a mistake gives.
        shifted = exponentials / exponentials.max(axis=1, keepdims=True)
        axis = "the sum runs over the images (axis 0), not the classes (axis 1)"
        everything = "the sum runs over all entries, not over each row"
        undivided = "it is not divided by the sum"
        subtracted = ", after each row's maximum is subtracted"
        self.compare(
            "softmax(scores)",
            self.call(self.network, "softmax", scores),
            oracle.probabilities(scores),
            {
                axis: exponentials / exponentials.sum(axis=0),
                axis + subtracted: shifted / shifted.sum(axis=0),
                everything: exponentials / exponentials.sum(),
                everything + subtracted: shifted / shifted.sum(),
                undivided: exponentials,
                undivided + subtracted: shifted,
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
        """Each row has its own size, and differences from a fraction of 1 to 600."""
        generator = generator_for("large scores")
        for gap in (0.5, 3, 12, 30, 60, 150, 600):
            shift = float(generator.integers(-1000, 1000))
            z = shift + gap * np.array([[0.0, 0.5, 1.0], [-1.0, 0.0, 0.25]]) + [[0], [-900]]
            shifted = np.exp(z - z.max())
            with np.errstate(all="ignore"):
                own_maximum = shifted / shifted.sum(axis=1, keepdims=True)
                overflowing = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            mistakes = {
                "exp overflows, or is 0 in a whole row; subtract each row's maximum": overflowing,
                "the maximum of all rows is subtracted, which makes exp 0 in a whole row; subtract "
                "each row's own": own_maximum,
            }
            for limit in (10, 20, 50, 100, 500, 700):
                clipped = oracle.probabilities(np.clip(z, -limit, limit))
                mistakes[f"scores are clipped to {limit}; subtract each row's maximum"] = clipped
            what = f"softmax of {z.tolist()}"
            found = self.network.softmax(z.copy())
            self.compare(what, found, oracle.probabilities(z), mistakes)


class TestCrossEntropy(ComparisonTest):
    def setUp(self):
        self.network = _baseNetwork()

    def test_known_value(self):
        self.compare(
            "cross_entropy_loss(x_pred, y)",
            self.network.cross_entropy_loss(*(each.copy() for each in KNOWN)),
            0.937803,
        )

    def test_many_images(self):
        generator = generator_for("loss")
        count, classes = draw_sizes(generator, 2)
        # No probability is so small that a constant of 1e-8, for stability, would show.
        p = 0.5 / classes + generator.dirichlet(np.ones(classes), size=count) / 2
        y = generator.integers(classes, size=count)
        right = oracle.mean_loss(p, y)
        entropy = -np.log(p)
        self.compare(
            "cross_entropy_loss(x_pred, y)",
            self.call(self.network, "cross_entropy_loss", p, y),
            right,
            {
                "it is summed over the images instead of averaged": count * right,
                "the minus sign is missing": -right,
                "it is divided by N * C, not by the number of images N": right / classes,
                "it is divided by the number of classes, not of images": right * count / classes,
                "the minus sign is missing, and it is not divided by N": -count * right,
                "the logarithm has base 2": right / math.log(2),
                "the logarithm has base 10": right / math.log(10),
                "it is minus the mean probability, without the logarithm": -p[
                    range(count), y
                ].mean(),
                "x_pred[:, y] takes N columns of every row; take one entry of each: "
                "x_pred[np.arange(N), y]": entropy[:, y].mean(),
                "x_pred[:, y] takes N columns of every row; take one entry of each: "
                "x_pred[np.arange(N), y], and divide by N": entropy[:, y].sum() / count,
                "softmax is applied once more; x_pred holds probabilities": oracle.mean_loss(
                    oracle.probabilities(p), y
                ),
                "all classes are charged, not only the right one": entropy.sum() / count,
            },
        )

    def test_small_probabilities(self):
        """They count as they are, but for a constant of up to 1e-8 that avoids log(0)."""
        for p in (0.999999, 1e-2, 1e-4, 1e-6, 3e-8):
            rows = np.full((2, 5), (1 - p) / 4)
            rows[[0, 1], [3, 1]] = p
            self.compare(
                f"cross_entropy_loss of a probability of {p:g}",
                self.network.cross_entropy_loss(rows, np.array([3, 1])),
                -math.log(p),
                {
                    f"it is clipped at {q:g}": -math.log(q)
                    for q in 10.0 ** -np.arange(1, 8)
                    if q > p
                },
                tolerance=1e-6 + math.log1p(1e-8 / p) / max(1, -math.log(p)),
            )


class TestAccuracy(ComparisonTest):
    def test_accuracy(self):
        generator = generator_for("accuracy")
        count, classes = draw_sizes(generator, 2)
        p = oracle.probabilities(generator.normal(size=(count, classes)))
        y = p.argmax(axis=1)
        y[:2] = (y[:2] + 1) % classes  # two of them are wrong
        right = (count - 2) / count
        self.compare(
            "compute_accuracy(x_pred, y)",
            self.call(_baseNetwork(), "compute_accuracy", p, y),
            right,
            {
                "it is the number of right images, not their fraction": count - 2,
                "it is in percent; expected a fraction in [0, 1]": 100 * right,
                "it is the fraction of wrong images": 1 - right,
                "it is divided by N * C, not by the number of images N": right / classes,
                "it is divided by the number of classes, not of images": (count - 2) / classes,
                "it is the mean probability of the right class": p[range(count), y].mean(),
            },
        )

    def test_known_value(self):
        found = _baseNetwork().compute_accuracy(*(each.copy() for each in KNOWN))
        self.compare("compute_accuracy(x_pred, y)", found, 1 / 3)


if __name__ == "__main__":
    unittest.main()
