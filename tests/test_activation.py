"""Sigmoid, ReLU and their derivatives, held against `math` and central differences."""

import math
import unittest

import numpy as np

from models._base_network import _baseNetwork
from tests import warnings_are_errors

EXTREMES = np.array([-1.7e308, -1e6, -745.2, -709.8, -100.0, 0.0, 100.0, 709.8, 1e6, 1.7e308])


class TestActivation(unittest.TestCase):
    def setUp(self):
        self.network = _baseNetwork()
        self.x = np.random.default_rng(0).normal(scale=3, size=(7, 5))
        warnings_are_errors(self)

    def test_sigmoid(self):
        expected = [[1 / (1 + math.exp(-x)) for x in row] for row in self.x]
        np.testing.assert_allclose(self.network.sigmoid(self.x), expected, rtol=1e-14)
        self.assertEqual(self.network.sigmoid(np.zeros(1)), 0.5)

    def test_sigmoid_of_any_size(self):
        values = self.network.sigmoid(EXTREMES)
        self.assertTrue(np.all((values >= 0) & (values <= 1)))
        self.assertEqual(values[[0, -1]].tolist(), [0, 1])
        # 1 - s(x) = s(-x), also where s is tiny: nothing is lost by cancellation.
        self.assertAlmostEqual(values[4] / math.exp(-100), 1, places=12)
        single = self.network.sigmoid(np.array([-3e38, -89, 0, 3e38], dtype=np.float32))
        self.assertEqual(single.dtype, np.float32)
        self.assertTrue(np.all(np.isfinite(single)))

    def test_sigmoid_dev(self):
        step = 1e-6
        slope = (self.network.sigmoid(self.x + step) - self.network.sigmoid(self.x - step)) / 2e-6
        np.testing.assert_allclose(self.network.sigmoid_dev(self.x), slope, atol=1e-9)
        self.assertEqual(self.network.sigmoid_dev(np.zeros(1)), 0.25)
        self.assertTrue(np.all(np.isfinite(self.network.sigmoid_dev(EXTREMES))))

    def test_relu(self):
        expected = [[max(0.0, x) for x in row] for row in self.x.tolist()]
        self.assertEqual(self.network.ReLU(self.x).tolist(), expected)
        self.assertEqual(self.network.ReLU(np.array([-2, 0, 3])).tolist(), [0, 0, 3])

    def test_relu_dev(self):
        step = 1e-6
        slope = (self.network.ReLU(self.x + step) - self.network.ReLU(self.x - step)) / 2e-6
        np.testing.assert_allclose(self.network.ReLU_dev(self.x), slope, atol=1e-9)
        self.assertEqual(
            self.network.ReLU_dev(np.array([-1.0, 0.0, -0.0, 2.0])).tolist(), [0, 0, 0, 1]
        )

    def test_arguments_are_left_alone(self):
        before = self.x.copy()
        for function in ("sigmoid", "sigmoid_dev", "ReLU", "ReLU_dev", "softmax"):
            result = getattr(self.network, function)(self.x)
            self.assertFalse(np.shares_memory(result, self.x), function)
        np.testing.assert_array_equal(self.x, before)

    def test_float32_stays_float32(self):
        x = self.x.astype(np.float32)
        for function in ("sigmoid", "sigmoid_dev", "ReLU", "ReLU_dev", "softmax"):
            self.assertEqual(getattr(self.network, function)(x).dtype, np.float32, function)

    def test_whole_numbers(self):
        # They must neither wrap around nor be rounded.
        for function in ("sigmoid", "sigmoid_dev", "softmax"):
            method = getattr(self.network, function)
            for dtype in (np.int8, np.int64):
                x = np.array([[100, -100, 3]])
                np.testing.assert_array_equal(method(x.astype(dtype)), method(x.astype(float)))
            for dtype in (np.uint8, bool):
                x = np.array([[1, 0, 1]])
                np.testing.assert_array_equal(method(x.astype(dtype)), method(x.astype(float)))

    def test_lists(self):
        for function in ("sigmoid", "sigmoid_dev", "ReLU", "ReLU_dev", "softmax"):
            method = getattr(self.network, function)
            np.testing.assert_array_equal(method(self.x.tolist()), method(self.x))


if __name__ == "__main__":
    unittest.main()
