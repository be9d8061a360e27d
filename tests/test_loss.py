"""Softmax, cross-entropy and accuracy (handout 2.1 b and c)."""

import math

import numpy as np

from models._base_network import _baseNetwork
from tests import oracle
from tests.checks import ComparisonTest, draw_sizes, generator_for, mistakes_in_a_mean


class TestSoftmax(ComparisonTest):
    def test_softmax(self):
        generator = generator_for("scores")
        scores = generator.normal(scale=2, size=draw_sizes(generator, 2))
        mistakes = {}
        # Many subtract each row's maximum first, which changes the values that a mistake gives.
        for z in (scores, scores - scores.max(axis=1, keepdims=True)):
            e, first = np.exp(z), ", after each row's maximum is subtracted" * (z is not scores)
            mistakes |= {
                f"the sum is over the images (axis 0), not the classes{first}": e / e.sum(axis=0),
                f"the sum is over all entries, not over each row{first}": e / e.sum(),
                f"it is not divided by the sum{first}": e,
            }
        found = self.call(_baseNetwork(), "softmax", scores)
        self.assertIsInstance(found, np.ndarray, "softmax does not return a NumPy array")
        self.compare("softmax(scores)", found, oracle.softmax(scores), mistakes)

    def test_large_scores(self):
        for gap in (0.5, 3, 12, 30, 60, 150, 600, 2000):
            size = gap * generator_for(f"scores of size {gap}").uniform(1, 1.2)
            z = (size * np.array([[1.0, 1.5, 2.0], [-1.0, -1.25, -2.1]])).round(2)
            exponentials = np.exp(z), np.exp(z - z.max())
            plain, shifted = (e / e.sum(axis=1, keepdims=True) for e in exponentials)
            mistakes = {
                "exp overflows, or is 0 in a whole row; subtract each row's maximum": plain,
                "the maximum of all rows is subtracted; subtract each row's own": shifted,
            }
            found = _baseNetwork().softmax(z.copy())
            self.compare(f"softmax of {z.tolist()}", found, oracle.softmax(z), mistakes)


class TestCrossEntropy(ComparisonTest):
    def test_many_images(self):
        generator = generator_for("loss")
        count, classes = draw_sizes(generator, 2)
        # No probability is so small that a constant of 1e-8, for stability, would show.
        p = 0.5 / classes + generator.dirichlet(np.ones(classes), size=count) / 2
        y = generator.integers(classes, size=count)
        right, columns = oracle.cross_entropy_loss(p, y), -np.log(p)[:, y].mean()
        twice = oracle.cross_entropy_loss(oracle.softmax(p), y)
        mistakes = mistakes_in_a_mean(right, count, classes) | {
            "the logarithm is missing": -p[range(count), y].mean(),
            "the logarithm has base 10": right / math.log(10),
            "the logarithm has base 2": right / math.log(2),
            "all classes count, not only the right one": -np.log(p).sum() / count,
            "x_pred[:, y] takes N entries of each row; use x_pred[np.arange(N), y]": columns,
            "softmax is applied to x_pred, which holds probabilities already": twice,
        }
        found = self.call(_baseNetwork(), "cross_entropy_loss", p, y)
        self.compare("cross_entropy_loss(x_pred, y)", found, right, mistakes)

    def test_small_probabilities(self):
        for p in (0.999999, 1e-2, 1e-4, 1e-6, 3e-8):
            rows = np.full((2, 5), (1 - p) / 4)
            rows[[0, 1], [3, 1]] = p
            found, right = _baseNetwork().cross_entropy_loss(rows, np.array([3, 1])), -math.log(p)
            limits = 10.0 ** -np.arange(1, 8)
            mistakes = {f"it is clipped at {limit:g}": -math.log(max(p, limit)) for limit in limits}
            mistakes |= {f"{limit:g} is added to it": -math.log(p + limit) for limit in limits}
            # To avoid log(0), a constant of up to 1e-8 may be added.
            tolerance = 1e-6 + math.log1p(1e-8 / p) / max(1, right)
            what = f"cross_entropy_loss of a probability of {p:g}"
            self.compare(what, found, right, mistakes, tolerance)


class TestAccuracy(ComparisonTest):
    def test_accuracy(self):
        generator = generator_for("accuracy")
        count, classes = draw_sizes(generator, 2)
        p = oracle.softmax(generator.normal(size=(count, classes)))
        for wrong in (1, 2):
            y = p.argmax(axis=1)
            y[:wrong] = (y[:wrong] + 1) % classes
            right = (count - wrong) / count
            mistakes = {
                "it is in percent; expected a fraction in [0, 1]": 100 * right,
                "it is not divided by the number of images": count * right,
                "it is the fraction of wrong images": 1 - right,
            }
            found = self.call(_baseNetwork(), "compute_accuracy", p, y)
            self.compare("compute_accuracy(x_pred, y)", found, right, mistakes)
