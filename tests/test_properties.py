"""What must hold for any numbers, any batches and any files, on inputs that Hypothesis makes up.

Hypothesis is no dependency: without it, these tests are skipped.
"""

import math
import tempfile
import unittest
from pathlib import Path

import numpy as np
import yaml

import main
import utils
from models import SoftmaxRegression, TwoLayerNet
from models._base_network import _baseNetwork
from optimizer import SGD
from tests import csv_lines, shuffled, warnings_are_errors

try:
    from hypothesis import assume, example, given, settings
    from hypothesis import strategies as st
    from hypothesis.extra.numpy import arrays
except ImportError:
    raise unittest.SkipTest("needs hypothesis: python -m pip install hypothesis") from None

# The same inputs in every run, and no time limit that a busy machine would break.
settings.register_profile("tests", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("tests")

NETWORK = _baseNetwork()
LARGE = st.floats(-1e308, 1e308)
MODERATE = st.floats(-30, 30)
SEEDS = st.integers(0, 2**32 - 1)
YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def tables(elements, dtype=np.float64):
    """Return a strategy for tables of 1 to 6 rows and 1 to 5 columns."""
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 5))
    return shapes.flatmap(lambda shape: arrays(dtype, shape, elements=elements))


@st.composite
def networks_and_batches(draw):
    """A small network with weights of any size that is not extreme, and a batch for it."""
    generator = np.random.default_rng(draw(SEEDS))
    count, features, classes, hidden = (draw(st.integers(1, n)) for n in (6, 5, 4, 4))
    if draw(st.booleans()):
        model = SoftmaxRegression(features, classes)
    else:
        model = TwoLayerNet(features, classes, hidden)
    scale = draw(st.sampled_from([0.01, 1.0, 3.0]))
    for name, weight in model.weights.items():
        model.weights[name] = scale * generator.standard_normal(weight.shape)
    return model, generator.random((count, features)), generator.integers(classes, size=count)


class PropertyCase(unittest.TestCase):
    def setUp(self):
        warnings_are_errors(self)


class TestFunctions(PropertyCase):
    @given(tables(LARGE))
    @example(np.array([[1e308, -1e308]]))
    def test_softmax_gives_probabilities(self, scores):
        p = NETWORK.softmax(scores)
        self.assertEqual(p.shape, scores.shape)
        self.assertTrue(((p >= 0) & (p <= 1)).all())
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(p.max(axis=1), p[np.arange(len(p)), scores.argmax(axis=1)])

    @given(tables(MODERATE), MODERATE)
    def test_softmax_sees_differences_only(self, scores, shift):
        p = NETWORK.softmax(scores)
        np.testing.assert_allclose(NETWORK.softmax(scores + shift), p, rtol=1e-11)
        odds = np.exp(scores[:, :1] - scores)
        np.testing.assert_allclose(p * odds, np.broadcast_to(p[:, :1], p.shape), rtol=1e-11)

    @given(tables(st.integers(-(2**31), 2**31 - 1), np.int32))
    def test_softmax_of_whole_numbers(self, scores):
        np.testing.assert_array_equal(
            NETWORK.softmax(scores), NETWORK.softmax(scores.astype(float))
        )

    @given(tables(LARGE))
    def test_sigmoid(self, x):
        s = NETWORK.sigmoid(x)
        self.assertTrue(((s >= 0) & (s <= 1)).all())
        np.testing.assert_allclose(NETWORK.sigmoid(-x), 1 - s, atol=1e-15)
        order = np.argsort(x, axis=None)
        self.assertTrue((np.diff(s.ravel()[order]) >= 0).all())

    @given(tables(MODERATE))
    def test_sigmoid_dev_is_its_slope(self, x):
        step = 1e-4
        slope = (NETWORK.sigmoid(x + step) - NETWORK.sigmoid(x - step)) / (2 * step)
        np.testing.assert_allclose(NETWORK.sigmoid_dev(x), slope, atol=1e-8)

    @given(tables(LARGE))
    @example(np.array([[0.0, -0.0, 5e-324, -5e-324]]))
    def test_relu(self, x):
        self.assertEqual(NETWORK.ReLU(x).tolist(), [[max(0.0, v) for v in row] for row in x])
        self.assertEqual(NETWORK.ReLU_dev(x).tolist(), [[float(v > 0) for v in row] for row in x])

    @given(tables(MODERATE), st.data())
    def test_cross_entropy(self, scores, data):
        p = NETWORK.softmax(scores)
        count, classes = p.shape
        y = data.draw(arrays(np.int64, count, elements=st.integers(0, classes - 1)))
        expected = math.fsum(-math.log(row[label]) for row, label in zip(p, y)) / count
        self.assertAlmostEqual(NETWORK.cross_entropy_loss(p, y), expected, places=12)

    @given(tables(st.sampled_from([0.0, 1.0, 5e-324, 1e-320, 0.5])), st.data())
    def test_cross_entropy_is_finite_and_not_negative(self, p, data):
        y = data.draw(arrays(np.int64, len(p), elements=st.integers(0, p.shape[1] - 1)))
        loss = NETWORK.cross_entropy_loss(p, y)
        self.assertTrue(0 <= loss < 709)
        self.assertEqual(math.copysign(1, loss), 1)

    @given(tables(LARGE), st.data())
    def test_accuracy(self, scores, data):
        y = data.draw(arrays(np.int64, len(scores), elements=st.integers(0, scores.shape[1] - 1)))
        right = [row.index(max(row)) == label for row, label in zip(scores.tolist(), y)]
        self.assertEqual(NETWORK.compute_accuracy(scores, y), sum(right) / len(right))


class TestNetworks(PropertyCase):
    @given(networks_and_batches())
    def test_gradients_are_slopes_of_the_loss(self, network_and_batch):
        model, X, y = network_and_batch
        if isinstance(model, SoftmaxRegression):
            # At 0 ReLU has no slope: steps must not cross it.
            assume((abs(X @ model.weights["W1"]) > 1e-4).all())
        model.forward(X, y)
        step = 1e-5
        for name, weight in model.weights.items():
            for index in np.ndindex(weight.shape):
                losses = []
                for sign in (1, -1):
                    changed = weight.copy()
                    changed[index] += sign * step
                    model.weights[name] = changed
                    losses.append(model.forward(X, y, mode="valid")[0])
                model.weights[name] = weight
                slope = (losses[0] - losses[1]) / (2 * step)
                self.assertAlmostEqual(model.gradients[name][index], slope, delta=1e-8)

    @given(networks_and_batches())
    def test_a_batch_is_the_mean_of_its_images(self, network_and_batch):
        model, X, y = network_and_batch
        loss, accuracy = model.forward(X, y)
        whole = model.gradients.copy()
        singles = []
        for n in range(len(X)):
            singles.append((*model.forward(X[n : n + 1], y[n : n + 1]), model.gradients.copy()))
        self.assertAlmostEqual(np.mean([single[0] for single in singles]), loss, places=12)
        self.assertAlmostEqual(np.mean([single[1] for single in singles]), accuracy, places=12)
        for name, gradient in whole.items():
            mean = np.mean([single[2][name] for single in singles], axis=0)
            np.testing.assert_allclose(gradient, mean, atol=1e-13)

    @given(networks_and_batches(), st.floats(1e-12, 1e3), st.floats(0, 1e3))
    def test_updates(self, network_and_batch, learning_rate, reg):
        model, X, y = network_and_batch
        model.forward(X, y)
        before, gradients = model.weights.copy(), model.gradients.copy()
        SGD(learning_rate, reg).update(model)
        for name, weight in before.items():
            decay = reg * weight if weight.ndim == 2 else 0
            expected = weight - learning_rate * (gradients[name] + decay)
            np.testing.assert_allclose(model.weights[name], expected, rtol=1e-9, atol=1e-9)


class TestBatches(PropertyCase):
    @given(st.integers(0, 40), st.integers(1, 50), st.booleans(), SEEDS, st.booleans())
    def test_batches_are_the_images_in_the_order_of_random(
        self, count, batch_size, shuffle, seed, lazy
    ):
        images = np.arange(count * 3).reshape(count, 3)
        data, label = utils.generate_batched_data(
            images, np.arange(count), batch_size, shuffle, seed, lazy
        )
        order = shuffled(count, seed) if shuffle else list(range(count))
        self.assertEqual([n for part in label for n in part], order)
        self.assertEqual([row.tolist() for part in data for row in part], images[order].tolist())
        self.assertEqual({len(part) for part in label[:-1]} - {batch_size}, set())
        self.assertEqual(len(data), math.ceil(count / batch_size))

    @given(networks_and_batches(), st.integers(1, 7))
    def test_averages_do_not_depend_on_the_batches(self, network_and_batch, batch_size):
        model, X, y = network_and_batch
        batches = utils.generate_batched_data(X, y, batch_size)
        result = utils.evaluate(*batches, model, debug=False)
        np.testing.assert_allclose(result, model.forward(X, y, mode="valid"), rtol=1e-12)


class TestFiles(PropertyCase):
    """Whatever stands in a file is read, or refused in one line."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "some.file"

    def assert_read_or_refused(self, read):
        try:
            return read(self.path)
        except ValueError as error:
            self.assertIn(str(self.path), str(error))
            self.assertEqual(len(str(error).splitlines()), 1)
            self.assertLess(len(str(error)), len(str(self.path)) + 300)
            return None

    @given(
        arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(784))),
        arrays(np.uint8, 4, elements=st.integers(0, 9)),
        st.sampled_from(["\n", "\r\n"]),
    )
    def test_any_images_survive_a_file(self, pixels, labels, end):
        labels = labels[: len(pixels)]
        self.path.write_bytes(end.join(csv_lines(labels, pixels)).encode())
        data, label = utils.load_csv(self.path, as_array=True)
        np.testing.assert_array_equal(data, pixels / 255)
        np.testing.assert_array_equal(label, labels)

    @given(st.integers(0, 784), st.text(max_size=5), st.integers(0, 2))
    @example(5, "0", 0)
    def test_any_value_in_an_image(self, column, value, row):
        rows = [["1"] * 785 for _ in range(3)]
        rows[row][column] = value
        self.path.write_text("\n".join(map(",".join, rows)), encoding="utf-8", newline="")
        read = self.assert_read_or_refused(lambda path: utils.load_csv(path, as_array=True))
        if read is not None:
            self.assertRegex(value.strip(), r"^\+?[0-9]+$")

    @given(st.binary(max_size=200))
    def test_any_bytes_as_a_csv(self, content):
        self.path.write_bytes(content)
        self.assertIsNone(self.assert_read_or_refused(utils.load_csv))

    @given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
    def test_any_bytes_as_a_config(self, content):
        self.path.write_bytes(content)
        self.assertIsNone(self.assert_read_or_refused(main.read_config))

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                section: st.fixed_dictionaries(
                    {}, optional={key: YAML_VALUES | st.integers(1, 9) for key in keys}
                )
                for section, keys in main.SECTIONS.items()
            },
        ),
        st.sampled_from(["SoftmaxRegression", "TwoLayerNet", "twolayernet"]),
    )
    @settings(max_examples=200)
    def test_any_values_in_a_config(self, content, name):
        if "Model" in content:
            content["Model"]["type"] = name
        self.path.write_text(yaml.safe_dump(content), encoding="utf-8")
        config = self.assert_read_or_refused(main.read_config)
        if config is not None:
            for key, value in content["Train"].items():
                self.assertEqual(getattr(config, key), value)
            self.assertGreater(min(config.batch_size, config.epochs, config.learning_rate), 0)


if __name__ == "__main__":
    unittest.main()
