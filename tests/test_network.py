"""Both networks: initial weights, gradients by central differences, invariants, bad input."""

import copy
import math
import pickle
import platform
import unittest
import warnings

import numpy as np

from models import SoftmaxRegression, TwoLayerNet
from models._base_network import _baseNetwork
from tests import ROOT, mnist, run_program

MODELS = (SoftmaxRegression, TwoLayerNet)


def random_batch(model, count: int, seed: int = 0):
    """Return a batch for a model, and give the model weights of ordinary size."""
    generator = np.random.default_rng(seed)
    for name, weight in model.weights.items():
        model.weights[name] = generator.normal(scale=0.5, size=weight.shape).astype(weight.dtype)
    X = generator.uniform(size=(count, model.input_size))
    return X, generator.integers(model.num_classes, size=count)


def small_models():
    """Yield networks of several shapes, small enough for a difference quotient per weight."""
    yield SoftmaxRegression(input_size=5, num_classes=3)
    yield SoftmaxRegression(input_size=12, num_classes=10)
    yield SoftmaxRegression(input_size=1, num_classes=2)
    yield TwoLayerNet(input_size=5, num_classes=3, hidden_size=4)
    yield TwoLayerNet(input_size=12, num_classes=10, hidden_size=7)
    yield TwoLayerNet(input_size=1, num_classes=2, hidden_size=1)


def central_differences(model, name: str, X, y, step: float = 1e-5) -> np.ndarray:
    """Return (L(w + step) - L(w - step)) / (2 step) for every weight w of one array."""
    weight = model.weights[name]
    slopes = np.empty_like(weight)
    for index in np.ndindex(weight.shape):
        value = weight[index]
        weight[index] = value + step
        above, _ = model.forward(X, y, mode="valid")
        weight[index] = value - step
        below, _ = model.forward(X, y, mode="valid")
        weight[index] = value
        slopes[index] = (above - below) / (2 * step)
    return slopes


class TestInitialValues(unittest.TestCase):
    def test_shapes(self):
        shapes = {
            SoftmaxRegression: {"W1": (784, 10)},
            TwoLayerNet: {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)},
        }
        for Model in MODELS:
            model = Model()
            for entries in (model.weights, model.gradients):
                self.assertEqual({name: a.shape for name, a in entries.items()}, shapes[Model])
                self.assertTrue(all(array.dtype == np.float64 for array in entries.values()))

    def test_default_sizes_of_the_base(self):
        network = _baseNetwork()
        self.assertEqual((network.input_size, network.num_classes), (784, 10))
        self.assertEqual((network.weights, network.gradients), ({}, {}))

    def test_values(self):
        model = TwoLayerNet(input_size=6, num_classes=3, hidden_size=4)
        for name, shape in (("W1", (6, 4)), ("W2", (4, 3))):
            normal = np.random.RandomState(1024).randn(*shape)
            np.testing.assert_array_equal(model.weights[name], 0.001 * normal)
        for array in (model.weights["b1"], model.weights["b2"], *model.gradients.values()):
            self.assertFalse(array.any())
        normal = np.random.RandomState(1024).randn(784, 10)
        np.testing.assert_array_equal(SoftmaxRegression().weights["W1"], 0.001 * normal)

    def test_global_random_state_is_left_alone(self):
        np.random.seed(5)
        expected = np.random.random()
        np.random.seed(5)
        for Model in MODELS:
            Model()
        self.assertEqual(np.random.random(), expected)

    def test_two_models_share_nothing(self):
        for Model in MODELS:
            one, other = Model(), Model()
            for name in one.weights:
                self.assertFalse(np.shares_memory(one.weights[name], other.weights[name]))
                self.assertFalse(np.shares_memory(one.gradients[name], other.gradients[name]))

    def test_loss_is_that_of_a_guess(self):
        images, labels, *_ = mnist()
        for Model in MODELS:
            loss, accuracy = Model().forward(images[:64], labels[:64])
            self.assertAlmostEqual(loss, math.log(10), delta=2e-3)
            self.assertLess(accuracy, 0.5)


class TestGradients(unittest.TestCase):
    def test_central_differences(self):
        for model in small_models():
            for count in (1, 2, 9):
                X, y = random_batch(model, count, seed=count)
                model.forward(X, y, mode="train")
                for name, gradient in model.gradients.items():
                    with self.subTest(model=type(model).__name__, count=count, name=name):
                        self.assertEqual(gradient.shape, model.weights[name].shape)
                        slopes = central_differences(model, name, X, y)
                        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-9)
                        self.assertGreater(np.abs(gradient).max(), 0)

    def test_on_images_at_the_initial_weights(self):
        # Of the large matrix, every 997th weight: the rest goes through the same lines.
        images, labels, *_ = mnist()
        X, y = images[:64], labels[:64]
        for Model in MODELS:
            model = Model()
            model.forward(X, y)
            for name, gradient in model.gradients.items():
                indices = list(np.ndindex(gradient.shape))[:: 997 if gradient.size > 2000 else 7]
                for index in indices:
                    value = model.weights[name][index]
                    # Softmax regression has a kink where a score is 0: a step too small to meet one.
                    model.weights[name][index] = value + 1e-7
                    above, _ = model.forward(X, y, "valid")
                    model.weights[name][index] = value - 1e-7
                    below, _ = model.forward(X, y, "valid")
                    model.weights[name][index] = value
                    self.assertAlmostEqual(gradient[index], (above - below) / 2e-7, delta=1e-7)

    def test_softmax_regression_learns_nothing_where_relu_is_shut(self):
        model = SoftmaxRegression(input_size=2, num_classes=3)
        model.weights["W1"] = np.array([[1.0, -1.0, 0.0], [1.0, -1.0, 0.0]])
        model.forward(np.ones((1, 2)), np.array([1]))
        self.assertTrue(model.gradients["W1"][:, 0].all())
        self.assertFalse(model.gradients["W1"][:, 1:].any())

    def test_gradients_belong_to_the_last_batch(self):
        for model in small_models():
            X, y = random_batch(model, 6)
            model.forward(X, y)
            first = model.gradients
            kept = {name: gradient.copy() for name, gradient in first.items()}
            arrays = dict(first)
            model.forward(X[:3], y[:3])
            model.forward(X, y)
            for name, gradient in model.gradients.items():
                np.testing.assert_array_equal(gradient, kept[name])
                np.testing.assert_array_equal(arrays[name], kept[name])


class TestForward(unittest.TestCase):
    def test_against_plain_python(self):
        """Both forward passes once more, number by number."""

        def linear(x, W, b):
            return [sum(x[i] * W[i][j] for i in range(len(x))) + b[j] for j in range(len(b))]

        for model in small_models():
            X, y = random_batch(model, 4)
            loss = right = 0
            for x, label in zip(X.tolist(), y.tolist()):
                if isinstance(model, TwoLayerNet):
                    weights = [model.weights[name].tolist() for name in ("W1", "b1", "W2", "b2")]
                    z = linear(x, *weights[:2])
                    logits = linear([1 / (1 + math.exp(-v)) for v in z], *weights[2:])
                else:
                    W1 = model.weights["W1"].tolist()
                    logits = [max(0, z) for z in linear(x, W1, [0] * model.num_classes)]
                exponentials = [math.exp(z) for z in logits]
                loss -= math.log(exponentials[label] / sum(exponentials)) / 4
                right += logits.index(max(logits)) == label
            found_loss, found_accuracy = model.forward(X, y, mode="valid")
            self.assertAlmostEqual(found_loss, loss, places=12)
            self.assertEqual(found_accuracy, right / 4)

    def test_results_are_plain_floats(self):
        for model in small_models():
            X, y = random_batch(model, 3)
            for mode in ("train", "valid"):
                self.assertEqual([type(value) for value in model.forward(X, y, mode)], [float] * 2)

    def test_only_training_stores_gradients(self):
        for model in small_models():
            X, y = random_batch(model, 3)
            weights, gradients = copy.deepcopy((model.weights, model.gradients))
            expected = [model.forward(X, y, mode) for mode in ("valid", "test", "eval")]
            for name in weights:
                np.testing.assert_array_equal(model.weights[name], weights[name])
                np.testing.assert_array_equal(model.gradients[name], gradients[name])
            self.assertEqual(expected, [model.forward(X, y)] * 3)  # 'train' is the default
            for name in weights:
                np.testing.assert_array_equal(model.weights[name], weights[name])
                self.assertTrue(model.gradients[name].any())
            # The mode may come from anywhere: equal text is enough.
            model.gradients = copy.deepcopy(gradients)
            model.forward(X, y, mode="TRAIN".lower())
            for name in weights:
                np.testing.assert_array_equal(model.weights[name], weights[name])
                self.assertTrue(model.gradients[name].any())

    def test_the_order_of_a_batch_does_not_matter(self):
        for model in small_models():
            X, y = random_batch(model, 8)
            loss, accuracy = model.forward(X, y)
            gradients = dict(model.gradients)
            order = np.random.default_rng(3).permutation(8)
            other_loss, other_accuracy = model.forward(X[order], y[order])
            self.assertAlmostEqual(loss, other_loss, places=13)
            self.assertEqual(accuracy, other_accuracy)
            for name, gradient in gradients.items():
                np.testing.assert_allclose(model.gradients[name], gradient, atol=1e-14)

    def test_a_batch_is_the_mean_of_its_images(self):
        for model in small_models():
            X, y = random_batch(model, 5)
            whole = model.forward(X, y)
            gradients = dict(model.gradients)
            single = []
            sums = {name: np.zeros_like(gradient) for name, gradient in gradients.items()}
            for i in range(5):
                single.append(model.forward(X[i : i + 1], y[i : i + 1]))
                for name in sums:
                    sums[name] += model.gradients[name]
            np.testing.assert_allclose(np.mean(single, axis=0), whole, rtol=1e-13)
            for name, gradient in gradients.items():
                np.testing.assert_allclose(sums[name] / 5, gradient, atol=1e-14)

    def test_arguments_are_left_alone(self):
        for model in small_models():
            X, y = random_batch(model, 3)
            X.flags.writeable = y.flags.writeable = False
            model.forward(X, y)

    def test_weights_of_any_size(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for model in small_models():
                X, y = random_batch(model, 3)
                for scale in (1e3, 1e150, 1e306):
                    for name, weight in model.weights.items():
                        model.weights[name] = scale * np.sign(weight)
                    loss, _ = model.forward(X, y)
                    self.assertTrue(math.isfinite(loss))
                    for gradient in model.gradients.values():
                        self.assertTrue(np.isfinite(gradient).all())

    def test_copies_are_whole(self):
        for model in small_models():
            X, y = random_batch(model, 3)
            for clone in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
                self.assertEqual(clone.forward(X, y), model.forward(X, y))
                for name in model.weights:
                    self.assertFalse(np.shares_memory(clone.weights[name], model.weights[name]))


class TestTypes(unittest.TestCase):
    def test_float32_through_and_through(self):
        for Model in MODELS:
            model = Model(input_size=6, num_classes=3, dtype=np.float32)
            X, y = random_batch(model, 4)
            for batch in (X, X.astype(np.float32)):
                loss, accuracy = model.forward(batch, y)
                self.assertEqual((type(loss), type(accuracy)), (float, float))
                for entries in (model.weights, model.gradients):
                    self.assertTrue(all(array.dtype == np.float32 for array in entries.values()))

    def test_float32_agrees_with_float64(self):
        single, double = (TwoLayerNet(20, 4, 5, dtype=dtype) for dtype in ("float32", "float64"))
        X, y = random_batch(double, 10)
        single.weights = {name: w.astype(np.float32) for name, w in double.weights.items()}
        np.testing.assert_allclose(single.forward(X, y), double.forward(X, y), rtol=1e-5)
        for name, gradient in double.gradients.items():
            np.testing.assert_allclose(single.gradients[name], gradient, atol=1e-6)

    def test_float64_is_not_lost_to_float32_images(self):
        model = TwoLayerNet(6, 3, 4)
        X, y = random_batch(model, 4)
        single = X.astype(np.float32)
        self.assertEqual(model.forward(single, y), model.forward(single.astype(np.float64), y))
        self.assertTrue(all(a.dtype == np.float64 for a in model.gradients.values()))

    def test_lists_and_whole_numbers(self):
        model = TwoLayerNet(2, 3, 4)
        expected = model.forward(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([2, 1]))
        self.assertEqual(model.forward([[0, 1], [1, 1]], [2, 1]), expected)
        for dtype in (np.uint8, bool):
            images = np.array([[0, 1], [1, 1]], dtype=dtype)
            self.assertEqual(model.forward(images, np.array([2, 1], dtype=np.uint8)), expected)

    def test_weights_that_others_put_there(self):
        model = SoftmaxRegression(2, 3)
        X, y = np.array([[0.25, 0.5], [0.75, 0.5]]), np.array([2, 1])
        weight = np.array([[1, 2, 3], [3, 2, 1]])
        for dtype, expected in ((float, np.float64), (int, np.float64), (np.float32, np.float32)):
            model.weights["W1"] = weight.astype(dtype)
            loss, _ = model.forward(X, y)
            self.assertAlmostEqual(loss, 1.2443, places=4)
            self.assertEqual(model.gradients["W1"].dtype, expected)

    def test_a_batch_in_the_right_type_is_not_copied(self):
        for dtype in (np.float32, np.float64):
            X = np.ones((2, 5), dtype)
            checked, _ = SoftmaxRegression(5, 3, dtype)._check_batch(X, [0, 1])
            self.assertTrue(np.shares_memory(checked, X))

    def test_name_of_the_type(self):
        for Model in MODELS:
            self.assertEqual(Model(dtype="float32").dtype, np.dtype(np.float32))


@unittest.skipUnless(platform.libc_ver()[0] == "glibc", "other allocators have other rules")
class TestMemory(unittest.TestCase):
    def test_freed_memory_is_used_again(self):
        """Once the models are imported, glibc keeps it: a new batch causes no page faults."""
        done = run_program(
            "-c",
            "import resource, sys; import numpy as np\n"
            f"sys.path.insert(0, {str(ROOT)!r})\n"
            "def page_faults():\n"
            "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
            "    for _ in range(8):\n"
            "        arrays = [np.ones(2**17) for _ in range(40)]\n"
            "        del arrays\n"
            "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
            "usual = page_faults(); import models; print(usual, page_faults())",
            cwd=ROOT,
        )
        self.assertEqual(done.stderr, "")
        usual, found = map(int, done.stdout.split())
        if usual < 1000:
            self.skipTest("glibc has been told to keep it anyway")
        self.assertLess(found, usual / 4)


class TestBadInput(unittest.TestCase):
    """What `forward` refuses, and what it says."""

    def test_refused(self):
        X, y = np.zeros((3, 5)), np.array([0, 1, 2])
        cases = {
            "one image without its axis": (X[0], y[:1], r"X has shape \(5,\)"),
            "images as squares": (np.zeros((3, 5, 5)), y, r"X has shape \(3, 5, 5\)"),
            "a column short": (X[:, :4], y, r"X has shape \(3, 4\); expected \(N, 5\)"),
            "a column long": (np.zeros((3, 6)), y, r"X has shape \(3, 6\); expected \(N, 5\)"),
            "no image": (X[:0], y[:0], r"X has shape \(0, 5\)"),
            "text": (X.astype(str), y, "X holds <U32; expected numbers"),
            "objects": (X.astype(object), y, "X holds object"),
            "complex": (X.astype(complex), y, "X holds complex128"),
            "a label short": (X, y[:2], r"y has shape \(2,\)"),
            "labels as a column": (X, y[:, np.newaxis], r"y has shape \(3, 1\)"),
            "one-hot labels": (X, np.eye(3, dtype=int), r"y has shape \(3, 3\)"),
            "one label": (X, 1, r"y has shape \(\)"),
            "labels as fractions": (X, y / 2, "y holds float64; expected integer labels"),
            "labels as truth values": (X, y > 1, "y holds bool"),
            "a label too large": (X, y + 1, "y holds labels from 1 to 3; expected 0 to 2"),
            "a label much too large": (X, y + 9, "y holds labels from 9 to 11; expected 0 to 2"),
            "a negative label": (X, y - 1, "y holds labels from -1 to 1"),
        }
        models = (SoftmaxRegression(5, 3), TwoLayerNet(5, 3, 4))
        for name, (images, labels, message) in cases.items():
            for model in models:
                for mode in ("train", "valid"):
                    with self.subTest(name, model=type(model).__name__):
                        with self.assertRaisesRegex(ValueError, message):
                            model.forward(images, labels, mode)
                        self.assertFalse(model.gradients["W1"].any())


if __name__ == "__main__":
    unittest.main()
