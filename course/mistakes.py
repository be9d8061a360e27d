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
        What it changes.
    file, old, new : str
        `new` replaces `old`, which occurs once in this file.
    test : str
        The test that must fail, without the leading `tests.`.
    words : str
        Words of its message that name the mistake.
    also : str
        Other parts whose tests fail, because they need the broken function.
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
            raise ValueError(f"{self.file} contains {text.count(self.old)} times: {self.old}")
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
_SEED = "if seed is not None:\n        random.seed(seed)"
_SHUFFLE = "        random.shuffle(order)\n"
_LOSS = "return -np.mean(np.log(x_pred[np.arange(len(y)), y]))"
_SUM = "exponentials.sum(axis=1, keepdims=True)"
_D_LOGITS = "(p - np.eye(self.num_classes)[y]) / len(y)"
_PASS = """z = X @ self.weights["W1"]
        p = self.softmax(self.ReLU(z))
        loss = self.cross_entropy_loss(p, y)
        accuracy = self.compute_accuracy(p, y)
        if mode == "train":
            d_logits = (p - np.eye(self.num_classes)[y]) / len(y)
            d_z = d_logits * self.ReLU_dev(z)
            self.gradients["W1"] = X.T @ d_z"""
_TERM = "model.gradients[name] = model.gradients[name] + self.reg * model.weights[name]"
_REGULARIZE = "        self.apply_regularization(model)\n"
_STEP = "model.weights[name] - self.learning_rate * model.gradients[name]\n"
_MOMENTUM = """model.weights[name]
            {0}.v = vars({0}).get("v", {{}})
            {0}.v[name] = 0.9 * {0}.v.get(name, 0) + model.gradients[name]
            model.weights[name] = model.weights[name] - self.learning_rate * {0}.v[name]
"""
_SAVE = '        plt.savefig(f"{name}.png")\n        plt.close()\n'
_FIGURE = """        plt.figure()
        plt.plot(training, label="training")
        plt.plot(validation, label="validation")
        plt.xlabel("epoch")
        plt.ylabel(name)
        plt.legend()
        plt.savefig(f"{name}.png")
        plt.close()
"""
_DRAW = """        plt.plot(training, label="training")
        plt.plot(validation, label="validation")
"""
_CURVES = "test_training.TestCurves.test_curves"
_B1 = 'self.gradients["b1"] = d_z.sum(axis=0)'
_OUTPUT = 'self.softmax(hidden @ self.weights["W2"] + self.weights["b2"])'
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
          f"{_LOAD}.test_split", "training and validation are swapped"),
    Patch("80 % less one", UTILS, _CUT, "len(data) * 4 // 5 - 1",
          f"{_LOAD}.test_split", "one image is missing"),
    Patch("50,000 and 10,000", UTILS, _CUT, "len(data) * 5 // 6",
          f"{_LOAD}.test_split", "it is 5/6"),
    Patch("48,000 whatever the file", UTILS, _CUT, "48_000",
          f"{_LOAD}.test_split", "it contains all images"),
    Patch("validation taken from the front", UTILS, _SPLIT,
          "data, labels = data[-split:] + data[:-split], labels[-split:] + labels[:-split]\n"
          f"    {_SPLIT}",
          f"{_LOAD}.test_split", "taken from the front"),
    Patch("the split shuffled", UTILS, f"    {_SPLIT}",
          "    order = random.sample(range(len(data)), len(data))\n"
          "    data, labels = [data[k] for k in order], [labels[k] for k in order]\n"
          f"    {_SPLIT}",
          f"{_LOAD}.test_split", "the right values in another order"),
    # 1.1 b
    Patch("last batch dropped", UTILS, "range(0, len(order), batch_size)",
          "range(0, len(order) - batch_size + 1, batch_size)",
          f"{_BATCHES}.test_sizes", "is dropped"),
    Patch("an empty batch at the end", UTILS, "range(0, len(order), batch_size)",
          "range(0, len(order) + 1, batch_size)",
          f"{_BATCHES}.test_sizes", "an empty batch"),
    Patch("last batch padded", UTILS, "rows = order[", "rows = (order + order)[",
          f"{_BATCHES}.test_sizes", "is padded"),
    Patch("images shuffled, labels not", UTILS, "[label[row] for row in rows]",
          "label[start : start + batch_size]",
          f"{_BATCHES}.test_shuffled_without_a_seed", "the labels are not"),
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
    Patch("the remainder merged into the last batch", UTILS,
          "        rows = order[start : start + batch_size]\n",
          "        rows = order[start : start + batch_size]\n"
          "        if start and len(rows) < batch_size:\n"
          "            rows = order[start - batch_size :]\n"
          "            batched_data.pop(), batched_label.pop()\n",
          f"{_BATCHES}.test_sizes", "the remainder was merged"),
    Patch("one order whenever there is no seed", UTILS, _SEED, "random.seed(seed or 0)",
          f"{_BATCHES}.test_shuffled_without_a_seed", "two shuffles in a row"),
    Patch("random.seed(None)", UTILS, _SEED, "random.seed(seed)",
          f"{_BATCHES}.test_shuffled_without_a_seed", "follow the state"),
    Patch("NumPy's state without a seed", UTILS, _SHUFFLE,
          "        if seed is None:\n            np.random.shuffle(order)\n"
          "        else:\n            random.shuffle(order)\n",
          f"{_BATCHES}.test_shuffled_without_a_seed", "follow the state"),
    Patch("the seed before is used again", UTILS, _SEED,
          "global last\n    last = seed if seed is not None else globals().get('last')\n"
          "    if last is not None:\n        random.seed(last)",
          f"{_BATCHES}.test_shuffled_without_a_seed", "without a seed"),
    Patch("random reset after a call", UTILS, _SHUFFLE, f"{_SHUFFLE}        random.seed(1)\n",
          f"{_BATCHES}.test_shuffled_without_a_seed", "reset after a call"),
    Patch("shuffled by default", UTILS, "batch_size=32, shuffle=False", "batch_size=32, shuffle=True",
          f"{_BATCHES}.test_in_order", "the order of the images by default"),
    Patch("shuffled although shuffle=False", UTILS, "    if shuffle:\n",
          "    if shuffle or seed is not None:\n",
          f"{_BATCHES}.test_in_order", "they are shuffled"),
    Patch("labels of a batch as floats", UTILS, "[label[row] for row in rows]))",
          "[label[row] for row in rows], dtype=float))",
          f"{_BATCHES}.test_in_order", "become float64"),
    Patch("batch_size fixed", UTILS, "    order = list(range(len(data)))\n",
          "    order, batch_size = list(range(len(data))), 32\n",
          f"{_BATCHES}.test_sizes", "images, with batch_size"),
    # 2.1 a
    Patch("sigmoid without the minus sign", BASE, "np.exp(-X)", "np.exp(X)",
          f"{_ACTIVATION}.test_sigmoid", "minus sign in exp(-x)", also="test_network"),
    Patch("sigmoid_dev of the sigmoid's value", BASE, "return s * (1 - s)", "return x * (1 - x)",
          f"{_ACTIVATION}.test_sigmoid_dev", "as if x were already sigmoid(x)", also="test_network"),
    Patch("sigmoid_dev at the sigmoid's value", BASE, "s = self.sigmoid(x)",
          "s = self.sigmoid(self.sigmoid(x))",
          f"{_ACTIVATION}.test_sigmoid_dev", "at sigmoid(x) instead of x", also="test_network"),
    Patch("ReLU_dev 1 at 0", BASE, "X > 0, 1.0, 0.0", "X >= 0, 1.0, 0.0",
          f"{_ACTIVATION}.test_relu_dev_at_0", "it is 1 at 0"),
    Patch("sigmoid without brackets", BASE, "1 / (1 + np.exp(-X))", "1 / 1 + np.exp(-X)",
          f"{_ACTIVATION}.test_sigmoid", "lacks brackets", also="test_network"),
    Patch("sigmoid clipped", BASE, "np.exp(-X)", "np.exp(-np.clip(X, -10, 10))",
          f"{_ACTIVATION}.test_sigmoid_far_from_0", "expected"),
    Patch("ReLU_dev(p)", SOFTMAX, "self.ReLU_dev(z)", "self.ReLU_dev(p)",
          f"{_REGRESSION}.test_gradient_of_W1", "taken at p"),
    Patch("ReLU writes into its argument", BASE, "return np.maximum(X, 0)",
          "X[X < 0] = 0\n        return X",
          f"{_ACTIVATION}.test_relu", "ReLU changes its argument"),
    Patch("ReLU_dev writes into its argument", BASE, "return np.where(X > 0, 1.0, 0.0)",
          "X[X > 0] = 1\n        X[X <= 0] = 0\n        return X",
          f"{_ACTIVATION}.test_relu_dev", "ReLU_dev changes its argument"),
    # 2.1 b
    Patch("softmax over the wrong axis", BASE, _SUM, "exponentials.sum(axis=0)",
          "test_loss.TestSoftmax.test_softmax", "(axis 0)", also="test_network"),
    Patch("softmax over all entries", BASE, _SUM, "exponentials.sum()",
          "test_loss.TestSoftmax.test_softmax", "over all entries", also="test_network"),
    Patch("softmax overflowing", BASE, "np.exp(scores - scores.max(axis=1, keepdims=True))",
          "np.exp(scores)",
          "test_loss.TestSoftmax.test_large_scores", "overflows"),
    Patch("softmax less the maximum of all", BASE, "scores.max(axis=1, keepdims=True)",
          "scores.max()",
          "test_loss.TestSoftmax.test_large_scores", "the maximum of all rows"),
    *(
        Patch(f"scores clipped to {limit}", BASE,
              "np.exp(scores - scores.max(axis=1, keepdims=True))",
              f"np.exp(np.clip(scores, -{limit}, {limit}))",
              "test_loss.TestSoftmax.test_large_scores",
              f"scores are clipped to {limit}")
        for limit in (50, 100, 500)
    ),
    Patch("softmax less the mean", BASE, "scores.max(axis=1", "scores.mean(axis=1",
          "test_loss.TestSoftmax.test_large_scores", "softmax of [[2"),
    Patch("softmax writes into its argument", BASE,
          "exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))",
          "scores -= scores.max(axis=1, keepdims=True)\n        exponentials = np.exp(scores)",
          "test_loss.TestSoftmax.test_softmax", "softmax changes its argument"),
    *(
        Patch(f"probabilities clipped at {limit}", BASE, "x_pred[np.arange(len(y)), y]",
              f"np.clip(x_pred[np.arange(len(y)), y], {limit}, 1)",
              "test_loss.TestCrossEntropy.test_small_probabilities", f"it is clipped at {words}")
        for limit, words in (("1e-3", "0.001"), ("1e-5", "1e-05"))
    ),
    Patch("x_pred[:, y]", BASE, "[np.arange(len(y)), y]", "[:, y]",
          "test_loss.TestCrossEntropy.test_many_images", "x_pred[:, y]", also="test_network"),
    Patch("cross-entropy writes into its argument", BASE, f"        {_LOSS}\n",
          f"        x_pred += 1e-12\n        {_LOSS}\n",
          "test_loss.TestCrossEntropy.test_many_images",
          "cross_entropy_loss changes its argument"),
    Patch("cross-entropy summed", BASE, _LOSS, _LOSS.replace("mean", "sum"),
          "test_loss.TestCrossEntropy.test_many_images", "summed over the images",
          also="test_network"),
    Patch("cross-entropy without its sign", BASE, _LOSS, _LOSS.replace("-", ""),
          "test_loss.TestCrossEntropy.test_many_images",
          "the right value with the wrong sign; the minus sign is missing", also="test_network"),
    Patch("cross-entropy divided by N * C", BASE, _LOSS,
          _LOSS.replace("mean", "sum") + " / x_pred.size",
          "test_loss.TestCrossEntropy.test_many_images", "N * C", also="test_network"),
    Patch("cross-entropy with the L2 term", BASE, _LOSS,
          _LOSS + " + 0.0005 * sum(\n            (W**2).sum() for W in self.weights.values() "
          "if W.ndim == 2\n        )",
          f"{_NET}.test_loss", "the L2 term is in it"),
    # 2.1 c
    Patch("accuracy as a count", BASE, "np.mean(np.argmax", "np.sum(np.argmax",
          "test_loss.TestAccuracy.test_accuracy", "the number of right images", also="test_network"),
    Patch("accuracy as text", BASE, "return np.mean(np.argmax(x_pred, axis=1) == y)",
          "return str(np.mean(np.argmax(x_pred, axis=1) == y))",
          "test_loss.TestAccuracy.test_accuracy", "expected numbers", also="test_network test_training"),
    Patch("accuracy in percent", BASE, "np.mean(np.argmax", "100 * np.mean(np.argmax",
          "test_loss.TestAccuracy.test_accuracy", "in percent", also="test_network"),
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
    Patch("gradient with the sign of the loss flipped", TWO_LAYER, _D_LOGITS, "-" + _D_LOGITS,
          f"{_NET}.test_gradient_of_b2", "sign of the loss is flipped"),
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
          f"{_NET}.test_gradient_of_W1", "sigmoid_dev is given the hidden units"),
    Patch("b1 averaged", TWO_LAYER, _B1, _B1.replace("sum", "mean"),
          f"{_NET}.test_gradient_of_b1", "divided by the number of images twice, for example by a mean"),
    Patch("b2 averaged", TWO_LAYER, _B2, _B2.replace("sum", "mean"),
          f"{_NET}.test_gradient_of_b2", "divided by the number of images twice, for example by a mean"),
    Patch("b1's gradient left out", TWO_LAYER, f"            {_B1}\n", "",
          f"{_NET}.test_gradient_of_b1", "it is not stored"),
    Patch("b2's gradient left out", TWO_LAYER, f"            {_B2}\n", "",
          f"{_NET}.test_gradient_of_b2", "it is not stored"),
    Patch("b1 left out", TWO_LAYER, ' + self.weights["b1"]', "",
          f"{_NET}.test_loss", "b1 is left out"),
    Patch("b2 left out", TWO_LAYER, ' + self.weights["b2"]', "",
          f"{_NET}.test_loss", "b2 is left out"),
    Patch("a gradient that adds up", TWO_LAYER, 'self.gradients["W2"] =', 'self.gradients["W2"] +=',
          f"{_NET}.test_gradient_of_W2", "added to the gradient of the previous batch"),
    Patch("gradients stored in mode 'valid'", SOFTMAX, 'if mode == "train":', "if True:",
          f"{_REGRESSION}.test_other_modes_store_nothing", "stored in mode 'valid'"),
    Patch("W2 continues W1's random stream", BASE,
          "self.weights[name] = 0.001 * np.random.RandomState(1024).randn(rows, columns)",
          'if name == "W1":\n            np.random.seed(1024)\n'
          "        self.weights[name] = 0.001 * np.random.randn(rows, columns)",
          f"{_NET}.test_initial_weights", "continues W1's random stream"),
    Patch("gradients stored in mode 'test'", TWO_LAYER, 'if mode == "train":',
          'if mode != "valid":', f"{_NET}.test_other_modes_store_nothing", "stored in mode 'test'"),
    Patch("another dictionary", TWO_LAYER, "            d_logits =",
          "            self.gradients = dict(self.gradients)\n            d_logits =",
          f"{_NET}.test_mode_train", "forward replaces the dictionary"),
    Patch("a dictionary without the key", TWO_LAYER, _B2, 'self.gradients.pop("b2", None)',
          f"{_NET}.test_gradient_of_b2", "gradients has no key 'b2'; it has W1, W2, b1",
          also="test_training"),
    Patch("the gradient of the batch before", SOFTMAX, 'self.gradients["W1"] = X.T @ d_z',
          'new, self.new = X.T @ d_z, getattr(self, "new", 0 * self.weights["W1"])\n'
          '            self.gradients["W1"], self.new = self.new, new',
          f"{_REGRESSION}.test_gradient_of_W1", "it is that of the previous batch"),
    Patch("mode 'valid' by default", TWO_LAYER, 'mode="train"):', 'mode="valid"):',
          f"{_NET}.test_gradient_of_W1", "it is not stored"),
    Patch("forward writes into X", TWO_LAYER, "        z = X @", "        X -= 1e-9\n        z = X @",
          f"{_NET}.test_mode_train", "forward changes its argument"),
    Patch("num_classes ignored", SOFTMAX, "np.eye(self.num_classes)", "np.eye(10)",
          f"{_REGRESSION}.test_gradient_of_W1", "ValueError"),
    Patch("hidden_size ignored", TWO_LAYER, '"W1", input_size, hidden_size', '"W1", input_size, 128',
          f"{_NET}.test_initial_weights", "the initial W1: of the wrong shape"),
    Patch("gradients clipped in forward", TWO_LAYER, "X.T @ d_z", "np.clip(X.T @ d_z, -1, 1)",
          f"{_NET}.test_gradient_of_W1", "expected"),
    Patch("a second softmax", TWO_LAYER, _OUTPUT, f"self.softmax({_OUTPUT})",
          f"{_NET}.test_loss", "softmax is applied twice"),
    Patch("ReLU in place of the sigmoid", TWO_LAYER, "self.sigmoid(z)", "self.ReLU(z)",
          f"{_NET}.test_loss", "ReLU is used instead of the sigmoid"),
    Patch("b1 added to W1", TWO_LAYER, 'X @ self.weights["W1"] + self.weights["b1"]',
          'X @ (self.weights["W1"] + self.weights["b1"])',
          f"{_NET}.test_loss", "b1 is added to W1"),
    Patch("a trained bias in SoftmaxRegression", SOFTMAX, _PASS,
          _PASS.replace('W1"]\n        p', 'W1"] + self.weights.setdefault("b1", np.zeros('
                        'self.num_classes))\n        p')
          + '\n            self.gradients["b1"] = d_z.sum(axis=0)',
          "test_training.TestEpoch.test_train", "W1 after four batches"),
    # 3 a
    Patch("biases regularized", REGULARIZATION, 'name.startswith("W")', "True",
          f"{_OPTIMIZER}.test_regularization_spares_biases", "biases are regularized"),
    Patch("2 reg W for reg W", REGULARIZATION, "+ self.reg", "+ 2 * self.reg",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "2 * reg * W is added"),
    Patch("reg W^2 for reg W", REGULARIZATION, _TERM, _TERM + " ** 2",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "reg * W^2 is added"),
    Patch("L2 term added to the weights", REGULARIZATION, _TERM, _TERM.replace("gradients", "weights"),
          f"{_OPTIMIZER}.test_regularization_changes_no_weights", "added to the weights instead"),
    Patch("L2 term in place of the gradient", REGULARIZATION, "model.gradients[name] + ", "",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "replaces the gradient"),
    Patch("half of reg W", REGULARIZATION, "+ self.reg", "+ 0.5 * self.reg",
          f"{_OPTIMIZER}.test_regularization_of_matrices", "half of reg * W is added"),
    # 3 b
    Patch("L2 term added twice", SGD, _REGULARIZE, 2 * _REGULARIZE,
          f"{_OPTIMIZER}.test_update_of_matrices", "added twice"),
    Patch("SGD without L2", SGD, _REGULARIZE, "",
          f"{_OPTIMIZER}.test_update_of_matrices", "the L2 term is missing"),
    Patch("SGD uphill", SGD, " - self.learning_rate", " + self.learning_rate",
          f"{_OPTIMIZER}.test_update_of_matrices", "uphill"),
    Patch("the square of the rate", SGD, "- self.learning_rate", "- self.learning_rate**2",
          f"{_OPTIMIZER}.test_update_of_biases", "the learning rate is applied twice"),
    Patch("momentum kept in the optimizer", SGD, _STEP, _MOMENTUM.format("self"),
          f"{_OPTIMIZER}.test_update_of_matrices", "expected no momentum"),
    Patch("momentum kept on the model", SGD, _STEP, _MOMENTUM.format("model"),
          f"{_OPTIMIZER}.test_update_of_biases", "expected no momentum"),
    Patch("gradients clipped in update", SGD, "model.gradients[name]\n",
          "model.gradients[name].clip(-1, 1)\n",
          f"{_OPTIMIZER}.test_update_of_biases", "after the first update"),
    Patch("an update that skips", SGD, _REGULARIZE,
          _REGULARIZE + '        self.updates = getattr(self, "updates", 0) + 1\n'
          "        if self.updates == 3:\n            return\n",
          f"{_OPTIMIZER}.test_update_of_biases", "nothing is updated"),
    Patch("every second batch", UTILS, "        optimizer.update(model)\n",
          "        if len(results) % 2:\n            optimizer.update(model)\n",
          "test_training.TestEpoch.test_train", "after four batches"),
    Patch("evaluate in mode 'train'", UTILS, 'mode="valid"', 'mode="train"',
          "test_training.TestEpoch.test_evaluate", "which runs forward in mode 'valid'"),
    # 4 a
    Patch("one figure for both", UTILS, 'savefig(f"{name}.png")', 'savefig("curves.png")',
          _CURVES, "no picture shows the training loss"),
    Patch("a figure closed before it is saved", UTILS, _SAVE,
          '        plt.close()\n        plt.savefig(f"{name}.png")\n', _CURVES, "picture is empty"),
    Patch("text instead of figures", UTILS, _SAVE,
          '        open(f"{name}.png", "w").write(str(training))\n        plt.close()\n',
          _CURVES, "saves no picture"),
    Patch("no validation curve", UTILS, '        plt.plot(validation, label="validation")\n', "",
          _CURVES, "no picture shows the validation loss"),
    Patch("losses drawn as accuracies", UTILS, '"accuracy", train_acc_history, valid_acc_history',
          '"accuracy", train_loss_history, valid_loss_history', _CURVES, "the training loss is drawn as"),
    Patch("curves swapped", UTILS, "        plt.plot(training, label=",
          "        training, validation = validation, training\n        plt.plot(training, label=",
          _CURVES, "the validation loss is drawn as 'training'"),
    Patch("both pairs in one picture", UTILS, _FIGURE,
          _FIGURE.replace("figure()", "figure(1)").replace("        plt.close()\n", ""),
          _CURVES, "share axes"),
    Patch("nothing is saved", UTILS, '        plt.savefig(f"{name}.png")\n', "", _CURVES,
          "saves no picture"),
    Patch("print in plot_curves", UTILS, _SAVE, f'{_SAVE}        print("saved", name)\n',
          "test_training.TestOutput.test_plot_curves_prints_nothing", "plot_curves prints 'saved"),
    *(
        Patch(f"print in {name}", file, old, f'{old}        print("here")\n',
              "test_training.TestOutput.test_nothing_is_printed", f"{name} prints 'here")
        for name, file, old in (
            ("TwoLayerNet.forward", TWO_LAYER, "        loss = self.cross_entropy_loss(p, y)\n"),
            ("apply_regularization", REGULARIZATION, "        # BEGIN SOLUTION\n"),
        )
    ),
]  # fmt: skip

# What a correct solution may do differently: no test fails.
VARIANTS = [
    Patch("images and labels are shuffled as pairs", UTILS, _SHUFFLE,
          "        pairs = list(zip(data, label))\n"
          "        random.shuffle(pairs)\n"
          "        data, label = zip(*pairs)\n"),
    Patch("a seed of 0 is ignored", UTILS, "if seed is not None:", "if seed:"),
    Patch("NumPy is seeded, too", UTILS, _SEED, f"{_SEED}\n        np.random.seed(seed)"),
    Patch("float32 batches", UTILS, "[data[row] for row in rows])",
          "[data[row] for row in rows], dtype=np.float32)"),
    Patch("batches in a subclass of list", UTILS, "return batched_data, batched_label",
          "Batches = type('Batches', (list,), {})\n"
          "    return Batches(batched_data), Batches(batched_label)"),
    Patch("batches in object arrays", UTILS, "return batched_data, batched_label",
          "arrays = [np.empty(len(batched_data), dtype=object) for _ in range(2)]\n"
          "    arrays[0][:], arrays[1][:] = batched_data, batched_label\n    return arrays"),
    Patch("-0.0 for 0.0", BASE, "return np.maximum(X, 0)", "return X * (X > 0)"),
    *(
        Patch(f"a loss of {new}", BASE, "np.log(x_pred[np.arange(len(y)), y])", new)
        for new in (
            "np.log(x_pred[np.arange(len(y)), y] + 1e-8)",
            "np.log(np.clip(x_pred[np.arange(len(y)), y], 1e-8, 1 - 1e-8))",
            "np.log(x_pred[np.arange(len(y)), y].astype(np.float32))",
            "(np.eye(x_pred.shape[1])[y] * np.log(x_pred)).sum(axis=1)",
        )
    ),
    Patch("a sum plus 1e-8", BASE, _SUM, f"({_SUM} + 1e-8)"),
    Patch("the gradient is changed in place", REGULARIZATION, _TERM,
          "model.gradients[name] += self.reg * model.weights[name]"),
    Patch("weights are changed in place", SGD, f"model.weights[name] = {_STEP}",
          "model.weights[name] -= self.learning_rate * model.gradients[name]\n"),
    Patch("more weights than are named", TWO_LAYER, "self.hidden_size = hidden_size",
          'self._add_bias("b3", 1)'),
    Patch("weights in float32", BASE, "RandomState(1024).randn(rows, columns)",
          "RandomState(1024).randn(rows, columns).astype(np.float32)"),
    Patch("forward in float32", TWO_LAYER, "        z = X @",
          "        X = X.astype(np.float32)\n        z = X @"),
    Patch("results are Python floats", TWO_LAYER, "return loss, accuracy",
          "return float(loss), float(accuracy)"),
    Patch("results are an array", TWO_LAYER, "return loss, accuracy",
          "return np.array([loss, accuracy])"),
    Patch("train averages over batches", UTILS,
          'weights=sizes)\n    if debug:\n        print(f"Epoch',
          ')\n    if debug:\n        print(f"Epoch'),
    *(
        Patch(f"figures: {name}", UTILS, old, new)
        for name, old, new in (
            ("PDF beside PNG", _SAVE, f'        plt.savefig(f"{{name}}.pdf")\n{_SAVE}'),
            ("a folder of their own, shown", _SAVE,
             ('        import os\n\n        os.makedirs("plots", exist_ok=True)\n'
             '        plt.gcf().savefig(f"plots/{name}.svg")\n        plt.show()\n')),
            ("print_png", _SAVE, '        plt.gcf().canvas.print_png(f"{name}.png")\n'),
            ("a file for each curve", '        plt.plot(validation, label="validation")\n',
             ('        plt.savefig(f"train_{name}.png")\n        plt.clf()\n'
             '        plt.plot(validation, label="validation")\n')),
            ("percent, from epoch 1, named by the legend", _DRAW,
             ('        values = [100 * x for x in training] if name == "accuracy" else training\n'
             "        epochs = range(1, 1 + len(values))\n"
             '        plt.step(epochs, values, "r--")\n        plt.scatter(epochs, validation)\n'
             '        plt.legend(["train", "val"])\n        plt.title("Best run")\n')),
            ("two subplots", "    for name, training, validation in (\n",
             ("    figure, rows = plt.subplots(2)\n"
             "    for axes, history in zip([*rows, *rows], (train_loss_history, train_acc_history,\n"
             "                             valid_loss_history, valid_acc_history)):\n"
             '        axes.plot(history)\n    figure.savefig("curves")\n'
             "    for name, training, validation in ()[:0] and (\n")),
            ("twin axes", "    for name, training, validation in (\n",
             ("    figure, left = plt.subplots()\n"
             "    left.plot(train_loss_history)\n    left.plot(valid_loss_history)\n"
             '    right = left.twinx()\n    right.set_ylabel("accuracy")\n'
             "    right.plot(train_acc_history)\n    right.plot(valid_acc_history)\n"
             '    figure.savefig("curves.jpg")\n'
             "    for name, training, validation in ()[:0] and (\n")),
        )
    ),
]  # fmt: skip
