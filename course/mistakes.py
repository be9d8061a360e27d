"""Typical mistakes as patches of the plain solution, each with the test and words that name it."""

from pathlib import Path
from typing import NamedTuple

UTILS = "utils.py"
BASE = "models/_base_network.py"
SOFTMAX = "models/softmax_regression.py"
TWO_LAYER = "models/two_layer_nn.py"
REGULARIZATION = "optimizer/_base_optimizer.py"
SGD = "optimizer/sgd.py"


class Patch(NamedTuple):
    """One change of the plain solution.

    Attributes
    ----------
    name : str
        What is done.
    file, old, new : str
        In this file `new` takes the place of `old`, which stands there once.
    test : str
        The test that must fail, without the leading `tests.`.
    words : str
        Words of its message that name the mistake.
    also : str
        The other parts whose tests fail, because they cannot work without the broken function.
    """

    name: str
    file: str
    old: str
    new: str
    test: str = ""
    words: str = ""
    also: str = ""

    def apply(self, folder: Path) -> None:
        """Patch the plain solution in a folder."""
        text = (folder / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} holds {text.count(self.old)} times: {self.old}")
        (folder / self.file).write_text(text.replace(self.old, self.new))


_LOAD = "test_loading.TestLoading"
_BATCHES = "test_loading.TestBatches"
_ACTIVATION = "test_activation.TestActivation"
_REGRESSION = "test_network.TestSoftmaxRegression"
_NET = "test_network.TestTwoLayerNet"
_OPTIMIZER = "test_training.TestOptimizer"

_SPLIT = "return data[:split], labels[:split], data[split:], labels[split:]"
_SCALE = "value / 255 for"
_CUT = "len(data) * 4 // 5"
_SHUFFLE = "        random.shuffle(order)\n"
_LOSS = "return -np.mean(np.log(x_pred[np.arange(len(y)), y]))"
_SUM = "exponentials.sum(axis=1, keepdims=True)"
_D_LOGITS = "(p - np.eye(self.num_classes)[y]) / len(y)"
_TERM = "model.gradients[name] = model.gradients[name] + self.reg * model.weights[name]"
_B1 = 'self.gradients["b1"] = d_z.sum(axis=0)'
_B2 = 'self.gradients["b2"] = d_logits.sum(axis=0)'

MISTAKES = [
    # 1.1 a
    Patch("pixels not scaled", UTILS, _SCALE, "float(value) for",
          f"{_LOAD}.test_scaling", "they are not scaled"),
    Patch("pixels scaled by 256", UTILS, _SCALE, "value / 256 for",
          f"{_LOAD}.test_scaling", "divided by 256"),
    Patch("pixels scaled twice", UTILS, _SCALE, "value / 255 / 255 for",
          f"{_LOAD}.test_scaling", "scaled twice"),
    Patch("labels as floats", UTILS, "int(label)", "float(label)",
          f"{_LOAD}.test_types", "left as floats"),
    Patch("labels as text", UTILS, "int(label)", "label",
          f"{_LOAD}.test_types", "left as text"),
    Patch("80 % for validation", UTILS, _CUT, "len(data) // 5",
          f"{_LOAD}.test_split", "the parts are swapped"),
    Patch("80 % less one", UTILS, _CUT, "len(data) * 4 // 5 - 1",
          f"{_LOAD}.test_split", "one is missing"),
    Patch("validation taken from the front", UTILS, _SPLIT,
          "data, labels = data[-split:] + data[:-split], labels[-split:] + labels[:-split]\n"
          f"    {_SPLIT}",
          f"{_LOAD}.test_order", "taken from the front"),
    Patch("the split shuffled", UTILS, f"    {_SPLIT}",
          "    order = random.sample(range(len(data)), len(data))\n"
          "    data, labels = [data[k] for k in order], [labels[k] for k in order]\n"
          f"    {_SPLIT}",
          f"{_LOAD}.test_order", "the right values in another order"),
    # 1.1 b
    Patch("last batch dropped", UTILS, "range(0, len(order), batch_size)",
          "range(0, len(order) - batch_size + 1, batch_size)",
          f"{_BATCHES}.test_sizes", "is dropped"),
    Patch("an empty batch at the end", UTILS, "range(0, len(order), batch_size)",
          "range(0, len(order) + 1, batch_size)",
          f"{_BATCHES}.test_sizes_without_a_rest", "an empty batch"),
    Patch("last batch padded", UTILS, "rows = order[", "rows = (order + order)[",
          f"{_BATCHES}.test_sizes", "is padded"),
    Patch("images shuffled, labels not", UTILS, "[label[row] for row in rows]",
          "label[start : start + batch_size]",
          f"{_BATCHES}.test_labels_belong_to_their_images", "the labels are not"),
    Patch("images and labels shuffled one after the other", UTILS, _SHUFFLE,
          "        data, label = data.copy(), label.copy()\n"
          "        random.shuffle(data)\n"
          "        random.shuffle(label)\n",
          f"{_BATCHES}.test_shuffled_with_a_seed", "one after the other"),
    Patch("NumPy's order for random's", UTILS, _SHUFFLE,
          "        order = np.random.RandomState(seed).permutation(len(data))\n",
          f"{_BATCHES}.test_shuffled_with_a_seed", "NumPy's order"),
    Patch("shuffle ignored", UTILS, _SHUFFLE, "        pass\n",
          f"{_BATCHES}.test_shuffled_with_a_seed", "has no effect"),
    Patch("the caller's lists reordered", UTILS, _SHUFFLE,
          "        pairs = list(zip(data, label))\n"
          "        random.shuffle(pairs)\n"
          "        data[:], label[:] = zip(*pairs)\n",
          f"{_BATCHES}.test_the_callers_lists_are_left_alone", "shuffled in place"),
    # 2.1 a
    Patch("sigmoid without the minus sign", BASE, "np.exp(-X)", "np.exp(X)",
          f"{_ACTIVATION}.test_sigmoid", "the sign in exp(-x)", also="network"),
    Patch("sigmoid_dev of the sigmoid's value", BASE, "return s * (1 - s)", "return x * (1 - x)",
          f"{_ACTIVATION}.test_sigmoid_dev", "as if x were the sigmoid's value", also="network"),
    Patch("sigmoid_dev at the sigmoid's value", BASE, "s = self.sigmoid(x)",
          "s = self.sigmoid(self.sigmoid(x))",
          f"{_ACTIVATION}.test_sigmoid_dev", "at sigmoid(x) instead of x", also="network"),
    Patch("ReLU_dev 1 at 0", BASE, "X > 0, 1.0, 0.0", "X >= 0, 1.0, 0.0",
          f"{_ACTIVATION}.test_relu_dev_at_0", "it is 1 at 0"),
    # 2.1 b
    Patch("softmax over the wrong axis", BASE, _SUM, "exponentials.sum(axis=0)",
          "test_loss.TestSoftmax.test_softmax", "(axis 0)", also="network"),
    Patch("softmax over all entries", BASE, _SUM, "exponentials.sum()",
          "test_loss.TestSoftmax.test_softmax", "over all entries", also="network"),
    Patch("softmax overflowing", BASE, "np.exp(scores - scores.max(axis=1, keepdims=True))",
          "np.exp(scores)",
          "test_loss.TestSoftmax.test_large_scores", "overflows"),
    Patch("softmax less the maximum of all", BASE, "scores.max(axis=1, keepdims=True)",
          "scores.max()",
          "test_loss.TestSoftmax.test_rows_of_very_different_size", "the maximum of all rows"),
    Patch("cross-entropy summed", BASE, _LOSS, _LOSS.replace("mean", "sum"),
          "test_loss.TestCrossEntropy.test_known_value", "summed over the images",
          also="network"),
    Patch("cross-entropy without its sign", BASE, _LOSS, _LOSS.replace("-", ""),
          "test_loss.TestCrossEntropy.test_known_value",
          "the right value with the wrong sign; the minus sign is missing", also="network"),
    Patch("cross-entropy divided by N * C", BASE, _LOSS,
          _LOSS.replace("mean", "sum") + " / x_pred.size",
          "test_loss.TestCrossEntropy.test_many_images", "N * C", also="network"),
    Patch("cross-entropy with the L2 term", BASE, _LOSS,
          _LOSS + " + 0.0005 * sum(\n            (W**2).sum() for W in self.weights.values() "
          "if W.ndim == 2\n        )",
          f"{_NET}.test_loss", "the L2 term is in it"),
    # 2.1 c
    Patch("accuracy as a count", BASE, "np.mean(np.argmax", "np.sum(np.argmax",
          "test_loss.TestAccuracy.test_accuracy", "the number of right images", also="network"),
    Patch("accuracy in percent", BASE, "np.mean(np.argmax", "100 * np.mean(np.argmax",
          "test_loss.TestAccuracy.test_accuracy", "in percent", also="network"),
    # 2.2 a
    Patch("gradient not divided by N", SOFTMAX, _D_LOGITS, _D_LOGITS.replace(" / len(y)", ""),
          f"{_REGRESSION}.test_gradient_of_W1", "not divided by the number of images"),
    Patch("gradient not divided by N (two layers)", TWO_LAYER, _D_LOGITS,
          _D_LOGITS.replace(" / len(y)", ""),
          f"{_NET}.test_gradient_of_W1",
          "times the right value; it is not divided by the number of images"),
    Patch("gradient divided by N twice", TWO_LAYER, _D_LOGITS, _D_LOGITS + " / len(y)",
          f"{_NET}.test_gradient_of_W2",
          "of the right value; it is divided by the number of images twice"),
    Patch("gradient without the one-hot labels", SOFTMAX, _D_LOGITS, "p / len(y)",
          f"{_REGRESSION}.test_gradient_of_W1", "one-hot labels are not subtracted"),
    Patch("gradient with the loss's sign turned", TWO_LAYER, _D_LOGITS, "-" + _D_LOGITS,
          f"{_NET}.test_gradient_of_b2", "sign is turned"),
    Patch("ReLU missing before the softmax", SOFTMAX, "self.softmax(self.ReLU(z))",
          "self.softmax(z)",
          f"{_REGRESSION}.test_loss", "the ReLU before the softmax is missing"),
    Patch("ReLU's derivative missing", SOFTMAX, "d_logits * self.ReLU_dev(z)", "d_logits",
          f"{_REGRESSION}.test_gradient_of_W1", "the derivative of ReLU is missing"),
    Patch("sigmoid's derivative missing", TWO_LAYER, " * self.sigmoid_dev(z)", "",
          f"{_NET}.test_gradient_of_W1", "the derivative of the sigmoid is missing"),
    Patch("sigmoid's derivative taken twice", TWO_LAYER, "sigmoid_dev(z)", "sigmoid_dev(z) ** 2",
          f"{_NET}.test_gradient_of_b1", "the derivative of the sigmoid is taken twice"),
    Patch("sigmoid's derivative at the hidden units", TWO_LAYER, "dev(z)", "dev(hidden)",
          f"{_NET}.test_gradient_of_W1", "taken at the hidden units"),
    Patch("b1 averaged", TWO_LAYER, _B1, _B1.replace("sum", "mean"),
          f"{_NET}.test_gradient_of_b1", "averaged over the images instead of summed"),
    Patch("b2 averaged", TWO_LAYER, _B2, _B2.replace("sum", "mean"),
          f"{_NET}.test_gradient_of_b2", "averaged over the images instead of summed"),
    Patch("b1's gradient left out", TWO_LAYER, f"            {_B1}\n", "",
          f"{_NET}.test_gradient_of_b1", "left out"),
    Patch("b2's gradient left out", TWO_LAYER, f"            {_B2}\n", "",
          f"{_NET}.test_gradient_of_b2", "left out"),
    Patch("b1 left out", TWO_LAYER, ' + self.weights["b1"]', "",
          f"{_NET}.test_loss", "b1 is left out"),
    Patch("b2 left out", TWO_LAYER, ' + self.weights["b2"]', "",
          f"{_NET}.test_loss", "b2 is left out"),
    Patch("a gradient that adds up", TWO_LAYER, 'self.gradients["W2"] =', 'self.gradients["W2"] +=',
          f"{_NET}.test_gradients_do_not_add_up", "adds up from batch to batch"),
    Patch("gradients stored in mode 'valid'", SOFTMAX, 'if mode == "train":', "if True:",
          f"{_REGRESSION}.test_valid_stores_nothing", "stored in mode 'valid'"),
    Patch("W2 drawn on from W1's generator", BASE,
          "self.weights[name] = 0.001 * np.random.RandomState(1024).randn(rows, columns)",
          'if name == "W1":\n            np.random.seed(1024)\n'
          "        self.weights[name] = 0.001 * np.random.randn(rows, columns)",
          f"{_NET}.test_initial_weights", "drawn on from W1's generator"),
    # 3 a
    Patch("biases regularized", REGULARIZATION, 'name.startswith("W")', "True",
          f"{_OPTIMIZER}.test_regularization_spares_biases", "biases are regularized"),
    Patch("2 reg W for reg W", REGULARIZATION, "+ self.reg", "+ 2 * self.reg",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "2 * reg * W is added"),
    Patch("reg W^2 for reg W", REGULARIZATION, _TERM, _TERM + " ** 2",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "reg * W^2 is added"),
    Patch("L2 term on the weights", REGULARIZATION, _TERM, _TERM.replace("gradients", "weights"),
          f"{_OPTIMIZER}.test_regularization_changes_no_weights", "put on the weights"),
    Patch("L2 term in place of the gradient", REGULARIZATION, "model.gradients[name] + ", "",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "takes the place of the gradient"),
    # 3 b
    Patch("L2 term added twice", SGD, "        self.apply_regularization(model)\n",
          "        self.apply_regularization(model)\n        self.apply_regularization(model)\n",
          f"{_OPTIMIZER}.test_update_of_matrices", "added twice"),
    Patch("SGD without L2", SGD, "        self.apply_regularization(model)\n", "",
          f"{_OPTIMIZER}.test_update_of_matrices", "the L2 term is missing"),
    Patch("SGD uphill", SGD, " - self.learning_rate", " + self.learning_rate",
          f"{_OPTIMIZER}.test_update_of_matrices", "uphill"),
    # 4 a
    Patch("one figure for both", UTILS, 'savefig(f"{name}.png")', 'savefig("curves.png")',
          "test_training.TestCurves.test_two_figures_are_saved", "two different figures"),
]  # fmt: skip

# What a correct solution may do differently: no test fails.
VARIANTS = [
    Patch("images and labels are shuffled as pairs", UTILS, _SHUFFLE,
          "        pairs = list(zip(data, label))\n"
          "        random.shuffle(pairs)\n"
          "        data, label = zip(*pairs)\n"),
    Patch("-0.0 for 0.0", BASE, "return np.maximum(X, 0)", "return X * (X > 0)"),
    Patch("ReLU in place", BASE, "return np.maximum(X, 0)", "X[X < 0] = 0\n        return X"),
    Patch("a seed of 0 is ignored", UTILS, "if seed is not None:", "if seed:"),
    Patch("the gradient is changed in place", REGULARIZATION, _TERM,
          "model.gradients[name] += self.reg * model.weights[name]"),
    Patch("a probability of 0 is kept away", BASE, _LOSS, _LOSS[:-2] + " + 1e-15))"),
    Patch("more weights than are named", TWO_LAYER, "self.hidden_size = hidden_size",
          'self._add_bias("b3", 1)'),
    Patch("results are Python floats", TWO_LAYER, "return loss, accuracy",
          "return float(loss), float(accuracy)"),
]  # fmt: skip
