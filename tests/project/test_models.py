"""What our models and optimizer promise beyond the handout: extremes, types, checked input."""

import unittest

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from models._base_network import _baseNetwork
from optimizer import SGD


class TestFunctions(unittest.TestCase):
    network = _baseNetwork()

    def test_activations(self):
        """They take lists, hold numbers of any size, keep NaN and float32."""
        numbers = [-1.7e308, -100, 0, 1.7e308, np.nan]
        for function, x, expected in (
            ("sigmoid", numbers, [0, np.exp(-100), 0.5, 1, np.nan]),
            ("sigmoid_dev", numbers, [0, np.exp(-100), 0.25, 0, np.nan]),
            ("ReLU", numbers, [0, 0, 0, 1.7e308, np.nan]),
            ("ReLU_dev", numbers, [0, 0, 0, 1, 0]),
            ("softmax", numbers[:-1], [0, 0, 0, 1]),
        ):
            with self.subTest(function):
                method = getattr(self.network, function)
                np.testing.assert_allclose(method(x), expected, rtol=1e-12)
                self.assertEqual(method(np.float32([1, 2])).dtype, np.float32)

    def test_loss_and_accuracy(self):
        for x_pred, y, loss, accuracy in (
            (np.eye(2), [1, 0], 708.396, 0),
            (np.eye(2, dtype=np.float32), [1, 0], 87.3365, 0),
            (np.full((2, 4), 0.25), [0, 1], np.log(4), 0.5),  # the first of ties counts
            ([[np.nan, np.nan], [0.5, 0.5]], [0, 0], np.nan, 1),
        ):
            found = self.network.cross_entropy_loss(x_pred, y)
            np.testing.assert_allclose(found, loss, rtol=1e-5)
            self.assertEqual(self.network.compute_accuracy(x_pred, y), accuracy)

    def test_labels_that_do_not_fit_are_refused(self):
        p = np.full((3, 4), 1 / 4)
        for function in (self.network.cross_entropy_loss, self.network.compute_accuracy):
            for y in ([0, 1], [[0], [1], [2]], [0.0, 1.0, 2.0]):
                with self.assertRaisesRegex(ValueError, "expected 3 integers"):
                    function(p, y)
            for y in ([0, 1, 4], [0, 1, -1]):
                with self.assertRaisesRegex(ValueError, "expected 0 to 3"):
                    function(p, y)


class TestNetworks(unittest.TestCase):
    def test_float32(self):
        """It is close to float64, results are plain floats, and an update replaces the arrays."""
        generator, numpys_state = np.random.default_rng(0), np.random.get_state()
        X, y = generator.uniform(size=(20, 784)), generator.integers(10, size=20)
        for Model in (SoftmaxRegression, TwoLayerNet):
            double, single = Model(), Model(dtype=np.float32)
            for model in (double, single):
                for mode in ("train", "valid"):
                    types = [type(value) for value in model.forward(X, y, mode)]
                    self.assertEqual(types, [float, float])
                for array in (*model.weights.values(), *model.gradients.values()):
                    array.flags.writeable = False
                SGD(np.float64(0.1), np.float64(0.1)).update(model)
            for name, weight in single.weights.items():
                self.assertEqual(weight.dtype, np.float32)
                np.testing.assert_allclose(weight, double.weights[name], rtol=1e-3, atol=1e-6)
            np.testing.assert_equal(np.random.get_state(), numpys_state)

    def test_other_shapes_are_refused(self):
        for model in (SoftmaxRegression(4, 3), TwoLayerNet(4, 3, 5)):
            for shape in ((4,), (2, 3), (2, 5), (0, 4), (2, 4, 2)):
                with self.assertRaisesRegex(ValueError, r"X has shape .*; expected \(N, 4\)"):
                    model.forward(np.ones(shape), np.zeros(shape[0], dtype=int))
        model.gradients["b2"] = np.ones(4)
        with self.assertRaisesRegex(ValueError, "the gradient of b2 has shape"):
            SGD().update(model)
