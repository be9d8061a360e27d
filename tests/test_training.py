"""Regularization, SGD, an epoch of training and of evaluation, and both default configs."""

import contextlib
import copy
import io
import itertools
import re
import unittest
from types import SimpleNamespace
from unittest import mock

import numpy as np

import main
import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD
from optimizer._base_optimizer import _BaseOptimizer
from tests import ROOT, made_up_images, mnist, warnings_are_errors


def trained_once() -> TwoLayerNet:
    """Return a small network with weights of ordinary size and the gradients of a batch."""
    model = TwoLayerNet(input_size=6, num_classes=3, hidden_size=4)
    generator = np.random.default_rng(0)
    for name, weight in model.weights.items():
        model.weights[name] = generator.normal(size=weight.shape)
    model.forward(generator.uniform(size=(5, 6)), generator.integers(3, size=5))
    return model


class TestOptimizer(unittest.TestCase):
    def test_defaults(self):
        for optimizer in (_BaseOptimizer(), SGD()):
            self.assertEqual((optimizer.learning_rate, optimizer.reg), (1e-4, 1e-3))

    def test_numpy_scalars_do_not_change_the_type_of_weights(self):
        model = TwoLayerNet(6, 3, 4, dtype=np.float32)
        SGD(np.float64(0.1), np.float64(0.1)).update(model)
        self.assertEqual(model.weights["W1"].dtype, np.float32)

    def test_regularization_adds_to_matrices_only(self):
        model = trained_once()
        before = copy.deepcopy(model)
        _BaseOptimizer(learning_rate=0.5, reg=0.3).apply_regularization(model)
        for name in ("W1", "W2"):
            added = model.gradients[name] - before.gradients[name]
            np.testing.assert_allclose(added, 0.3 * before.weights[name], atol=1e-15)
        for name in ("b1", "b2"):
            np.testing.assert_array_equal(model.gradients[name], before.gradients[name])
        for name, weight in model.weights.items():
            np.testing.assert_array_equal(weight, before.weights[name])

    def test_only_matrices_are_regularized(self):
        shapes = {"scalar": (), "bias": (3,), "matrix": (2, 3), "images": (2, 3, 3)}
        model = SimpleNamespace(
            weights={name: np.ones(shape) for name, shape in shapes.items()},
            gradients={name: np.zeros(shape) for name, shape in shapes.items()},
        )
        SGD(reg=0.5).apply_regularization(model)
        for name, gradient in model.gradients.items():
            np.testing.assert_array_equal(gradient, 0.5 if name == "matrix" else 0)

    def test_regularization_is_the_gradient_of_its_term(self):
        model = trained_once()
        for name, gradient in model.gradients.items():
            model.gradients[name] = np.zeros_like(gradient)
        SGD(reg=0.3).apply_regularization(model)

        def penalty():
            return 0.3 / 2 * sum((model.weights[name] ** 2).sum() for name in ("W1", "W2"))

        weight = model.weights["W1"]
        for index in np.ndindex(weight.shape):
            value = weight[index]
            weight[index] = value + 1e-5
            above = penalty()
            weight[index] = value - 1e-5
            slope = (above - penalty()) / 2e-5
            weight[index] = value
            self.assertAlmostEqual(model.gradients["W1"][index], slope, places=8)

    def test_update(self):
        model = trained_once()
        before = copy.deepcopy(model)
        SGD(learning_rate=0.5, reg=0.3).update(model)
        for name, weight in before.weights.items():
            decay = 0.3 if name.startswith("W") else 0
            for index in np.ndindex(weight.shape):
                step = 0.5 * (before.gradients[name][index] + decay * weight[index])
                self.assertAlmostEqual(model.weights[name][index], weight[index] - step, places=14)

    def test_update_takes_gradients_that_others_put_there(self):
        for model in (SoftmaxRegression(), TwoLayerNet()):
            gradient = np.ones((784, model.weights["W1"].shape[1]))
            model.gradients["W1"] = gradient
            before = model.weights["W1"].copy()
            SGD(learning_rate=0.1, reg=0).update(model)
            np.testing.assert_allclose(model.weights["W1"], before - 0.1, rtol=1e-12)

    def test_nobodys_arrays_are_written_to(self):
        model = trained_once()
        for array in (*model.weights.values(), *model.gradients.values()):
            array.flags.writeable = False
        before = dict(model.weights)
        SGD(learning_rate=0.5, reg=0.3).update(model)
        for name, weight in before.items():
            self.assertFalse(np.array_equal(weight, model.weights[name]))

    def test_a_small_step_lowers_the_objective(self):
        model = trained_once()
        generator = np.random.default_rng(0)
        X, y = generator.uniform(size=(20, 6)), generator.integers(3, size=20)

        def objective():
            loss, _ = model.forward(X, y)
            return loss + 0.01 / 2 * sum((model.weights[name] ** 2).sum() for name in ("W1", "W2"))

        values = []
        for _ in range(20):
            values.append(objective())
            SGD(learning_rate=0.05, reg=0.01).update(model)
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertLess(values[-1], values[0])

    def test_float32_stays_float32(self):
        model = TwoLayerNet(6, 3, 4, dtype=np.float32)
        model.forward(np.ones((2, 6)), np.array([0, 1]))
        SGD(0.1, 0.1).update(model)
        for array in (*model.weights.values(), *model.gradients.values()):
            self.assertEqual(array.dtype, np.float32)

    def test_replaced_gradients_do_not_change_the_type_of_weights(self):
        for dtype, other in ((np.float64, np.float32), (np.float32, np.float64), (np.float64, int)):
            model = TwoLayerNet(6, 3, 4, dtype=dtype)
            for name, gradient in model.gradients.items():
                model.gradients[name] = np.ones(gradient.shape, dtype=other)
            SGD(0.1, 0.1).update(model)
            for name, weight in model.weights.items():
                self.assertEqual(weight.dtype, dtype, (name, other))

    def test_weights_of_whole_numbers(self):
        model = SoftmaxRegression(2, 2)
        model.weights["W1"] = np.array([[1, 2], [3, 4]])
        model.gradients["W1"] = np.array([[1, 1], [0, 0]])
        SGD(0.5, 0.1).update(model)
        np.testing.assert_allclose(model.weights["W1"], [[0.45, 1.4], [2.85, 3.8]], rtol=1e-15)

    def test_how_to_update_is_left_to_subclasses(self):
        with self.assertRaisesRegex(NotImplementedError, "_BaseOptimizer"):
            _BaseOptimizer().update(trained_once())


class Terminal(io.StringIO):
    """A stream that counts as a terminal, and knows what has been flushed."""

    flushed, flushes = "", 0

    def isatty(self):
        return True

    def flush(self):
        self.flushed = self.getvalue()
        self.flushes += 1


class TestEpoch(unittest.TestCase):
    """`train` and `evaluate` on made-up images."""

    def setUp(self):
        warnings_are_errors(self)
        self.labels, pixels = made_up_images(103)
        self.data = pixels / 255

    def batches(self, size=10):
        return utils.generate_batched_data(self.data, self.labels, size)

    def test_one_update_per_batch(self):
        for Model in (SoftmaxRegression, TwoLayerNet):
            model, expected = Model(), Model()
            losses, accuracies = [], []
            for X, y in zip(*self.batches()):
                loss, accuracy = expected.forward(X, y)
                losses += [loss] * len(y)
                accuracies += [accuracy] * len(y)
                SGD(0.1, 1e-3).update(expected)
            result = utils.train(1, *self.batches(), model, SGD(0.1, 1e-3), debug=False)
            np.testing.assert_allclose(result, [np.mean(losses), np.mean(accuracies)], rtol=1e-12)
            self.assertEqual([type(value) for value in result], [float, float])
            for name, weight in expected.weights.items():
                np.testing.assert_array_equal(model.weights[name], weight)

    def test_training_learns(self):
        # Softmax regression may lose classes behind its ReLU for good, so less is asked of it.
        for model, most_loss, least_accuracy in (
            (SoftmaxRegression(), 0.95, 0.15),
            (TwoLayerNet(), 0.5, 0.75),
        ):
            first = utils.evaluate(*self.batches(), model, debug=False)
            for epoch in range(1, 16):
                utils.train(epoch, *self.batches(1), model, SGD(0.1, 0), debug=False)
            last = utils.evaluate(*self.batches(), model, debug=False)
            self.assertLess(last[0], most_loss * first[0])
            self.assertGreater(last[1], least_accuracy)

    def test_evaluation_changes_nothing(self):
        for model in (SoftmaxRegression(), TwoLayerNet()):
            utils.train(1, *self.batches(), model, SGD(), debug=False)
            before = copy.deepcopy(model)
            result = utils.evaluate(*self.batches(), model, debug=False)
            self.assertEqual([type(value) for value in result], [float, float])
            for name in model.weights:
                np.testing.assert_array_equal(model.weights[name], before.weights[name])
                np.testing.assert_array_equal(model.gradients[name], before.gradients[name])

    def test_evaluation_does_not_depend_on_the_batch_size(self):
        for model in (SoftmaxRegression(), TwoLayerNet()):
            utils.train(1, *self.batches(), model, SGD(0.1, 0), debug=False)
            whole = model.forward(self.data, self.labels, mode="valid")
            for size in (1, 2, 10, 50, 102, 103, 1000):
                result = utils.evaluate(*self.batches(size), model, debug=False)
                np.testing.assert_allclose(result, whole, rtol=1e-12)

    def test_refused(self):
        data, labels = self.batches()
        for batches in (([], []), (data, labels[1:]), (data, []), (data[1:], labels)):
            with self.assertRaisesRegex(ValueError, "expected as many of each, at least 1"):
                utils.evaluate(*batches, SoftmaxRegression(), debug=False)
            with self.assertRaisesRegex(ValueError, "expected as many of each, at least 1"):
                utils.train(1, *batches, SoftmaxRegression(), SGD(), debug=False)

    def test_nothing_is_printed_unless_asked_for(self):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            model = SoftmaxRegression()
            utils.train(1, *self.batches(), model, SGD(), debug=False)
            utils.evaluate(*self.batches(), model, debug=False)
        self.assertEqual(out.getvalue() + err.getvalue(), "")

    def test_debug_reports_in_a_line_where_there_is_no_terminal(self):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            model = SoftmaxRegression()
            trained = utils.train(7, *self.batches(), model, SGD())
            evaluated = utils.evaluate(*self.batches(), model)
        self.assertEqual(
            err.getvalue().splitlines(),
            [
                f"{title}: batch 11/11, loss {loss:.4f}, accuracy {accuracy:.4f}"
                for title, (loss, accuracy) in (
                    ("epoch 7, training", trained),
                    ("evaluation", evaluated),
                )
            ],
        )

    def test_debug_without_standard_error(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(None):
            utils.evaluate(*self.batches(), SoftmaxRegression())
        self.assertEqual(out.getvalue(), "")

    def test_debug_reports_the_last_of_many_batches(self):
        err = io.StringIO()
        data = np.tile(self.data, (3, 1))
        batches = utils.generate_batched_data(data, np.tile(self.labels, 3), 1)
        with contextlib.redirect_stderr(err):
            utils.evaluate(*batches, SoftmaxRegression())
        self.assertRegex(err.getvalue(), r"\Aevaluation: batch 309/309, [^\n]*\n\Z")

    def test_debug_reports_ten_times_a_second_on_a_terminal(self):
        err = Terminal()
        clock = itertools.count(100, 0.03)
        with (
            contextlib.redirect_stderr(err),
            mock.patch("time.monotonic", lambda: round(next(clock), 2)),
        ):
            utils.evaluate(*self.batches(), SoftmaxRegression())
        # Each report looks at the clock twice, so 0.13 s pass at least until the next.
        shown = re.findall(r"batch (\d+)/11", err.getvalue())
        self.assertEqual(shown, ["1", "5", "9"])
        # Each appears at once, and so does the blank that wipes the last.
        self.assertEqual(err.flushed, err.getvalue())
        self.assertEqual(err.flushes, 4)

    def test_debug_replaces_its_line_on_a_terminal(self):
        err = Terminal()
        with contextlib.redirect_stderr(err), mock.patch("time.monotonic", lambda: 5.0):
            utils.train(7, *self.batches(), SoftmaxRegression(), SGD())
        # The clock stood still, so the line was drawn once, and wiped.
        self.assertEqual(err.getvalue().count("epoch 7"), 1)
        self.assertIn("epoch 7, training: batch 1/11, loss 2.30", err.getvalue())
        self.assertNotIn("\n", err.getvalue())
        # What is left on the line in the end is blanks, and the cursor stands at its beginning.
        self.assertEqual(err.getvalue()[-1], "\r")
        self.assertEqual(err.getvalue().split("\r")[-2].strip(), "")


class TestDefaultConfigs(unittest.TestCase):
    """The course's configs on MNIST, from the first image to the test accuracy."""

    def run_config(self, name: str) -> main.Result:
        warnings_are_errors(self)
        train_data, train_label, val_data, val_label, test_data, test_label = mnist()
        data = main.Data((train_data, train_label), (val_data, val_label), (test_data, test_label))
        return main.run(main.read_config(ROOT / "configs" / name), data)

    def assert_sound(self, result: main.Result):
        curves = result.train_loss, result.train_accuracy, result.valid_loss, result.valid_accuracy
        self.assertEqual([len(curve) for curve in curves], [10] * 4)
        best = max(result.valid_accuracy)
        self.assertEqual(result.valid_accuracy.index(best) + 1, result.best_epoch)
        # The result holds the model of that epoch, and the accuracy is that model's.
        _, _, val_data, val_label, test_data, test_label = mnist()
        _, accuracy = result.best_model.forward(val_data, val_label, mode="valid")
        self.assertAlmostEqual(accuracy, best, places=12)
        _, accuracy = result.best_model.forward(test_data, test_label, mode="valid")
        self.assertAlmostEqual(accuracy, result.test_accuracy, places=12)

    def test_softmax_regression(self):
        result = self.run_config("config_softmax.yaml")
        self.assert_sound(result)
        self.assertIsInstance(result.best_model, SoftmaxRegression)
        self.assertGreaterEqual(result.test_accuracy, 0.905)
        self.assertLessEqual(result.test_accuracy, 0.920)

    def test_two_layer_network(self):
        result = self.run_config("config_twolayer.yaml")
        self.assert_sound(result)
        self.assertIsInstance(result.best_model, TwoLayerNet)
        self.assertGreaterEqual(result.test_accuracy, 0.918)
        self.assertLessEqual(result.test_accuracy, 0.932)


if __name__ == "__main__":
    unittest.main()
