"""What our models and optimizer promise beyond the handout: extremes, types, checked input."""

import unittest

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from models._base_network import _baseNetwork
from optimizer import SGD
from optimizer._base_optimizer import _BaseOptimizer

ACTIVATIONS = ("sigmoid", "sigmoid_dev", "ReLU", "ReLU_dev", "softmax")


class TestFunctions(unittest.TestCase):
    def setUp(self):
        self.network = _baseNetwork()
        self.x = np.random.default_rng(0).normal(scale=3, size=(7, 5))

    def test_numbers_of_any_size(self):
        x = np.array([-1.7e308, -745.2, -100, 0, 100, 745.2, 1.7e308])
        s = self.network.sigmoid(x)
        self.assertEqual(s[[0, 3, -1]].tolist(), [0, 0.5, 1])
        self.assertAlmostEqual(s[2] / np.exp(-100), 1, places=12)
        self.assertTrue(np.isfinite(self.network.sigmoid_dev(x)).all())
        self.assertEqual(self.network.softmax(x).tolist(), [0, 0, 0, 0, 0, 0, 1])

    def test_nan_is_not_hidden(self):
        for function in ("sigmoid", "sigmoid_dev", "ReLU", "softmax"):
            self.assertTrue(np.isnan(getattr(self.network, function)([np.nan, 0])[0]), function)
        p = np.array([[np.nan, np.nan], [0.5, 0.5]])
        self.assertTrue(np.isnan(self.network.cross_entropy_loss(p, [0, 0])))

    def test_types(self):
        for function in ACTIVATIONS:
            method = getattr(self.network, function)
            self.assertEqual(method(self.x.astype(np.float32)).dtype, np.float32, function)
            np.testing.assert_array_equal(method(self.x.tolist()), method(self.x))

    def test_a_probability_of_zero_costs_a_finite_loss(self):
        for dtype, loss in ((np.float64, 708.4), (np.float32, 87.34)):
            p = np.eye(2, dtype=dtype)
            self.assertAlmostEqual(self.network.cross_entropy_loss(p, [1, 0]), loss, delta=0.01)

    def test_the_first_of_ties_counts(self):
        self.assertEqual(self.network.compute_accuracy(np.ones((2, 3)), [0, 1]), 0.5)

    def test_labels_that_do_not_fit_are_refused(self):
        p = np.full((3, 4), 1 / 4)
        for function in (self.network.cross_entropy_loss, self.network.compute_accuracy):
            for y in ([0, 1], [[0], [1], [2]], np.eye(3, dtype=int), [True] * 3, [0.0, 1.0, 2.0]):
                with self.assertRaisesRegex(ValueError, "expected 3 integers"):
                    function(p, y)
            for y in ([0, 1, 4], [0, 1, -1]):
                with self.assertRaisesRegex(ValueError, "expected 0 to 3"):
                    function(p, y)


class TestNetworks(unittest.TestCase):
    def test_results_are_plain_floats(self):
        for model in (SoftmaxRegression(4, 3), TwoLayerNet(4, 3, 5, dtype=np.float32)):
            for mode in ("train", "valid"):
                result = model.forward(np.ones((2, 4)), [0, 1], mode)
                self.assertEqual([type(value) for value in result], [float, float])

    def test_forward_refuses_other_shapes(self):
        for model in (SoftmaxRegression(4, 3), TwoLayerNet(4, 3, 5)):
            for shape in ((4,), (2, 3), (2, 5), (0, 4), (2, 2, 2)):
                with self.assertRaisesRegex(ValueError, r"X has shape .*; expected \(N, 4\)"):
                    model.forward(np.ones(shape), np.zeros(shape[0], dtype=int))
            with self.assertRaisesRegex(ValueError, "y holds labels"):
                model.forward(np.ones((2, 4)), [0, 3])

    def test_numpys_random_state_is_left_alone(self):
        self.addCleanup(np.random.set_state, np.random.get_state())
        np.random.seed(7)
        TwoLayerNet(4, 3, 5)
        self.assertEqual(np.random.rand(), np.random.RandomState(7).rand())

    def test_the_base_classes(self):
        network, optimizer = _baseNetwork(), _BaseOptimizer()
        self.assertEqual((network.input_size, network.num_classes), (784, 10))
        for method, arguments in ((network.forward, (0, 0)), (optimizer.update, (0,))):
            with self.assertRaisesRegex(NotImplementedError, "_[bB]ase.* does not define"):
                method(*arguments)

    def test_float32_is_close_to_float64(self):
        generator = np.random.default_rng(0)
        X, y = generator.uniform(size=(20, 784)), generator.integers(10, size=20)
        for Model in (SoftmaxRegression, TwoLayerNet):
            double, single = Model(), Model(dtype=np.float32)
            for model in (double, single):
                model.forward(X, y)
                SGD(np.float64(0.1), np.float64(0.1)).update(model)
            for name, weight in single.weights.items():
                self.assertEqual(weight.dtype, np.float32)
                np.testing.assert_allclose(weight, double.weights[name], rtol=1e-3, atol=1e-6)

    def test_an_update_does_not_write_to_arrays(self):
        model = TwoLayerNet(4, 3, 5)
        for array in (*model.weights.values(), *model.gradients.values()):
            array.flags.writeable = False
        SGD(0.1, 0.1).update(model)

    def test_a_gradient_of_another_shape_is_refused(self):
        for name, shape in (("W1", (1, 5)), ("b2", (1,))):
            model = TwoLayerNet(4, 3, 5)
            model.gradients[name] = np.ones(shape)
            with self.assertRaisesRegex(ValueError, f"the gradient of {name} has shape"):
                SGD().update(model)
