"""Softmax, cross-entropy and accuracy, held against known values and invariants."""

import math
import unittest
from fractions import Fraction

import numpy as np

from models._base_network import _baseNetwork
from tests import warnings_are_errors

PREDICTIONS = np.array([[0.2, 0.5, 0.3], [0.5, 0.1, 0.4], [0.3, 0.3, 0.4]])
LABELS = np.array([1, 2, 0])


class TestSoftmax(unittest.TestCase):
    def setUp(self):
        self.network = _baseNetwork()
        self.logits = np.random.default_rng(1).normal(scale=4, size=(6, 10))
        warnings_are_errors(self)

    def test_known_values(self):
        # Logits log 1, log 2, log 5 give probabilities 1/8, 2/8, 5/8.
        p = self.network.softmax(np.log([[1.0, 2.0, 5.0], [5.0, 5.0, 5.0]]))
        expected = [[Fraction(1, 8), Fraction(1, 4), Fraction(5, 8)], [Fraction(1, 3)] * 3]
        np.testing.assert_allclose(p, np.array(expected, dtype=float), rtol=1e-15)

    def test_one_row(self):
        np.testing.assert_array_equal(
            self.network.softmax(self.logits[0]), self.network.softmax(self.logits)[0]
        )

    def test_rows_are_probabilities(self):
        p = self.network.softmax(self.logits)
        self.assertTrue(np.all((p > 0) & (p < 1)))
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)

    def test_rows_do_not_depend_on_each_other(self):
        p = self.network.softmax(self.logits)
        for row, logits in zip(p, self.logits):
            np.testing.assert_array_equal(self.network.softmax(logits[np.newaxis])[0], row)

    def test_shift_changes_nothing(self):
        p = self.network.softmax(self.logits)
        for shift in (-1e3, 1e3, 12.5):
            np.testing.assert_allclose(self.network.softmax(self.logits + shift), p, rtol=1e-11)

    def test_logits_of_any_size(self):
        for huge in (750.0, 1e5, 1e308, 1.7e308):
            p = self.network.softmax(np.array([[huge, -huge, 0.0], [-huge, -huge, -huge]]))
            np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
        p = self.network.softmax(np.array([[3e38, -3e38]], dtype=np.float32))
        self.assertEqual(p.tolist(), [[1, 0]])

    def test_of_large_logits_the_differences_count(self):
        # 2**53 + 1 is no float64, 2**24 + 1 no float32, so adding 1 would be seen.
        for large, dtype in ((2.0**53, np.float64), (2.0**24, np.float32)):
            p = self.network.softmax(np.array([large, large + 2], dtype=dtype))
            np.testing.assert_array_equal(p, self.network.softmax(np.array([0, 2], dtype=dtype)))


class TestCrossEntropy(unittest.TestCase):
    def setUp(self):
        self.network = _baseNetwork()
        warnings_are_errors(self)

    def test_known_value(self):
        loss = self.network.cross_entropy_loss(PREDICTIONS, LABELS)
        self.assertIs(type(loss), float)
        self.assertAlmostEqual(loss, 0.937803, delta=1e-6)
        self.assertAlmostEqual(loss, -math.log(0.5 * 0.4 * 0.3) / 3, places=14)

    def test_lists(self):
        loss = self.network.cross_entropy_loss(PREDICTIONS.tolist(), LABELS.tolist())
        self.assertEqual(loss, self.network.cross_entropy_loss(PREDICTIONS, LABELS))

    def test_uniform_prediction_costs_the_log_of_the_classes(self):
        for classes in (2, 10, 1000):
            p = np.full((4, classes), 1 / classes)
            loss = self.network.cross_entropy_loss(p, np.zeros(4, dtype=int))
            self.assertAlmostEqual(loss, math.log(classes), places=12)

    def test_certainty_costs_nothing(self):
        for dtype in (float, np.float32, int):
            loss = self.network.cross_entropy_loss(np.eye(3, dtype=dtype), np.arange(3))
            self.assertEqual(str(loss), "0.0")  # and not -0.0

    def test_probability_zero_costs_a_finite_loss(self):
        for dtype, most in ((np.float64, 708.4), (np.float32, 87.34)):
            loss = self.network.cross_entropy_loss(np.eye(2, dtype=dtype), np.array([1, 0]))
            self.assertAlmostEqual(loss, most, delta=0.01)

    def test_not_a_number_is_not_hidden(self):
        p = np.array([[math.nan, math.nan], [0.5, 0.5]])
        self.assertTrue(math.isnan(self.network.cross_entropy_loss(p, np.array([0, 0]))))


class TestAccuracy(unittest.TestCase):
    def setUp(self):
        self.network = _baseNetwork()

    def test_known_value(self):
        accuracy = self.network.compute_accuracy(PREDICTIONS, LABELS)
        self.assertIs(type(accuracy), float)
        self.assertAlmostEqual(accuracy, 1 / 3, places=15)

    def test_range(self):
        self.assertEqual(self.network.compute_accuracy(np.eye(3), np.arange(3)), 1)
        self.assertEqual(self.network.compute_accuracy(np.eye(3), np.array([1, 2, 0])), 0)

    def test_a_column_of_labels_stays_in_range(self):
        column = np.zeros((3, 1), dtype=int)
        self.assertEqual(self.network.compute_accuracy(np.eye(3)[[0, 0, 0]], column), 1)
        loss = self.network.cross_entropy_loss(np.full((3, 3), 0.5), column)
        self.assertAlmostEqual(loss, math.log(2), places=15)

    def test_first_of_ties(self):
        self.assertEqual(self.network.compute_accuracy(np.ones((1, 3)), np.array([0])), 1)

    def test_lists(self):
        self.assertEqual(self.network.compute_accuracy(np.eye(3).tolist(), [0, 1, 0]), 2 / 3)


if __name__ == "__main__":
    unittest.main()
