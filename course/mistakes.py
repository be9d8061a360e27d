"""Typical mistakes, as patches of the plain solution, and the test that must name each of them."""

from pathlib import Path
from typing import NamedTuple

UTILS = "utils.py"
BASE = "models/_base_network.py"
SOFTMAX = "models/softmax_regression.py"
TWO_LAYER = "models/two_layer_nn.py"
REGULARIZATION = "optimizer/_base_optimizer.py"
SGD = "optimizer/sgd.py"


class Patch(NamedTuple):
    """One change of the plain solution: in a file, `new` replaces `old`, which occurs once."""

    name: str
    file: str
    old: str
    new: str
    test: str = ""  # that must fail, without the leading `tests.`
    words: str = ""  # of its message
    also: str = ""  # another module whose tests fail

    def apply(self, folder: Path) -> None:
        """Patch the plain solution in a folder."""
        text = (folder / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} contains {text.count(self.old)} times: {self.old}")
        (folder / self.file).write_text(text.replace(self.old, self.new))


def _patches(test: str, file: str, *mistakes: tuple[str, ...]) -> list[Patch]:
    """Return several that one test names, in one file; each is name, old, new, words, also."""
    return [Patch(name, file, old, new, test, *rest) for name, old, new, *rest in mistakes]


_LOAD = "test_loading.TestLoading"
_BATCHES = "test_loading.TestBatches"
_ACTIVATION = "test_activation.TestActivation"
_REGRESSION = "test_network.TestSoftmaxRegression"
_NET = "test_network.TestTwoLayerNet"
_OPTIMIZER = "test_training.TestOptimizer"
_CURVES = "test_training.TestCurves.test_curves"

_SPLIT = "    return data[:split], labels[:split], data[split:], labels[split:]"
_RANGE = "range(0, len(order), batch_size)"
_SEED = "if seed is not None:\n        random.seed(seed)"
_SHUFFLE = "        random.shuffle(order)\n"
_SHIFTED = "scores - scores.max(axis=1, keepdims=True)"
_SUM = "exponentials.sum(axis=1, keepdims=True)"
_PICKED = "x_pred[np.arange(len(y)), y]"
_LOSS = f"return -np.mean(np.log({_PICKED}))"
_RIGHT = "np.mean(np.argmax(x_pred, axis=1) == y)"
_D_LOGITS = "(p - np.eye(self.num_classes)[y]) / len(y)"
_SCORES = 'hidden @ self.weights["W2"] + self.weights["b2"]'
_TERM = "model.gradients[name] + self.reg * model.weights[name]"
_REGULARIZE = "        self.apply_regularization(model)\n"
_STEP = "model.weights[name] - self.learning_rate * model.gradients[name]\n"
_TRAINING = '        plt.plot(training, label="training")\n'
_VALIDATION = '        plt.plot(validation, label="validation")\n'
_SAVE = '        plt.savefig(f"{name}.png")\n'
_LOOP = "    for name, training, validation in (\n"

MISTAKES = [
    # 1.1 a
    *_patches(f"{_LOAD}.test_scaling", UTILS,
        ("pixels not scaled", "value / 255 for", "float(value) for", "they are not scaled"),
        ("pixels scaled by 256", "value / 255 for", "value / 256 for", "divided by 256"),
        ("pixels scaled twice", "value / 255 for", "value / 255 / 255 for", "scaled twice")),
    *_patches(f"{_LOAD}.test_types", UTILS,
        ("labels as floats", "int(label)", "float(label)", "found float")),
    *_patches(f"{_LOAD}.test_split", UTILS,
        ("80 % for validation", "* 4 // 5", "// 5", "the length of the other part"),
        ("50,000 and 10,000", "* 4 // 5", "* 5 // 6", "it is 5/6"),
        ("48,000 whatever the file", "len(data) * 4 // 5", "48_000", "it contains all images"),
        ("validation taken from the front", _SPLIT,
         "    data, labels = data[-split:] + data[:-split], labels[-split:] + labels[:-split]\n"
         + _SPLIT, "taken from the front"),
        ("the split shuffled", _SPLIT, "    order = random.sample(range(len(data)), len(data))\n"
         "    data, labels = [data[k] for k in order], [labels[k] for k in order]\n"
         + _SPLIT, "the right values in another order")),
    # 1.1 b
    *_patches(f"{_BATCHES}.test_sizes", UTILS,
        ("last batch dropped", _RANGE, "range(0, len(order) - batch_size + 1, batch_size)",
         "is dropped"),
        ("an empty batch at the end", _RANGE, "range(0, len(order) + batch_size, batch_size)",
         "an empty batch"),
        ("last batch padded", "rows = order[", "rows = (order + order)[", "is padded"),
        ("batch_size ignored", _RANGE, "range(0, len(order), batch_size := 32)",
         "images, with batch_size")),
    *_patches(f"{_BATCHES}.test_shuffled_with_a_seed", UTILS,
        ("images and labels shuffled one after the other", _SHUFFLE,
         ("        data, label = data.copy(), label.copy()\n"
         "        random.shuffle(data)\n        random.shuffle(label)\n"), "one after the other"),
        ("NumPy's order in place of random's", _SHUFFLE,
         "        order = np.random.RandomState(seed).permutation(len(data))\n", "NumPy's order"),
        ("shuffle ignored", _SHUFFLE, "        pass\n", "they are not shuffled")),
    *_patches(f"{_BATCHES}.test_shuffled_without_a_seed", UTILS,
        ("images shuffled, labels not", "[label[row] for row in rows]",
         "label[start : start + batch_size]", "the labels are not"),
        ("one order whenever there is no seed", _SEED, "random.seed(seed or 0)",
         "two shuffles in a row"),
        ("random.seed(None)", _SEED, "random.seed(seed)", "follows the state"),
        ("random reset after a call", _SHUFFLE, f"{_SHUFFLE}        random.seed(1)\n",
         "reset after a call")),
    *_patches(f"{_BATCHES}.test_in_order", UTILS,
        ("shuffled by default", "shuffle=False, seed", "shuffle=True, seed",
         "by default: the right values in another order; they are shuffled"),
        ("shuffled although shuffle=False", "if shuffle:", "if shuffle or seed is not None:",
         "they are shuffled"),
        ("batches transposed", "[data[row] for row in rows])", "[data[row] for row in rows]).T",
         "the shape of a batch of images"),
        ("labels of a batch as floats", "[label[row] for row in rows]",
         "[float(label[row]) for row in rows]", "become float64")),
    *_patches(f"{_BATCHES}.test_the_callers_lists_are_left_alone", UTILS,
        ("the caller's lists reordered", _SHUFFLE,
         ("        pairs = list(zip(data, label))\n        random.shuffle(pairs)\n"
         "        data[:], label[:] = zip(*pairs)\n"), "shuffled in place")),
    # 2.1 a
    *_patches(f"{_ACTIVATION}.test_sigmoid", BASE,
        ("sigmoid without the minus sign", "np.exp(-X)", "np.exp(X)", "minus sign in exp(-x)"),
        ("sigmoid without brackets", "1 / (1 + np.exp(-X))", "1 / 1 + np.exp(-X)",
         "lacks brackets")),
    Patch("sigmoid clipped", BASE, "np.exp(-X)", "np.exp(-np.clip(X, -10, 10))",
        f"{_ACTIVATION}.test_sigmoid_far_from_0", "expected"),
    *_patches(f"{_ACTIVATION}.test_sigmoid_dev", BASE,
        ("sigmoid_dev of the sigmoid's value", "return s * (1 - s)", "return x * (1 - x)",
         "as if x were already sigmoid(x)"),
        ("sigmoid_dev at the sigmoid's value", "s = self.sigmoid(x)",
         "s = self.sigmoid(self.sigmoid(x))", "at sigmoid(x) instead of x")),
    Patch("ReLU writes into its argument", BASE, "return np.maximum(X, 0)",
        "X[X < 0] = 0\n        return X", f"{_ACTIVATION}.test_relu", "ReLU changes its argument"),
    Patch("ReLU_dev is 1 at 0", BASE, "X > 0, 1.0, 0.0", "X >= 0, 1.0, 0.0",
        f"{_ACTIVATION}.test_relu_dev_at_0", "0 at 0, as its docstring says"),
    # 2.1 b
    *_patches("test_loss.TestSoftmax.test_softmax", BASE,
        ("softmax over the wrong axis", _SUM, "exponentials.sum(axis=0)", "(axis 0)"),
        ("softmax over all entries", _SUM, "exponentials.sum()", "over all entries"),
        ("softmax writes into its argument", f"exponentials = np.exp({_SHIFTED})",
         f"{_SHIFTED.replace('-', '-=')}\n        exponentials = np.exp(scores)",
         "softmax changes its argument")),
    *_patches("test_loss.TestSoftmax.test_large_scores", BASE,
        ("softmax overflowing", _SHIFTED, "scores", "overflows"),
        ("softmax minus the maximum of all", _SHIFTED, "scores - scores.max()",
         "the maximum of all rows"),
        ("softmax minus the mean", "scores.max(axis", "scores.mean(axis", "softmax of [[2"),
        ("scores clipped", _SHIFTED, "np.clip(scores, -500, 500)", "are clipped to 500")),
    Patch("probabilities clipped", BASE, _PICKED, f"np.clip({_PICKED}, 1e-3, 1)",
        "test_loss.TestCrossEntropy.test_small_probabilities", "clipped at 0.001"),
    *_patches("test_loss.TestCrossEntropy.test_many_images", BASE,
        ("x_pred[:, y]", _PICKED, "x_pred[:, y]", "x_pred[:, y]"),
        ("cross-entropy writes into its argument", _LOSS,
         f"x_pred[:] = np.log(x_pred)\n        return -np.mean({_PICKED})",
         "cross_entropy_loss changes its argument"),
        ("cross-entropy without its sign", _LOSS, _LOSS.replace("-", ""), "the wrong sign"),
        ("loss divided by N * C", _LOSS, _LOSS.replace("mean", "sum") + " / x_pred.size", "N * C")),
    Patch("cross-entropy with the L2 term", BASE, _LOSS,
        _LOSS + " + 5e-4 * sum((W**2).sum() for W in self.weights.values() if W.ndim == 2)",
        f"{_NET}.test_loss", "the L2 term is in it"),
    # 2.1 c
    *_patches("test_loss.TestAccuracy.test_accuracy", BASE,
        ("accuracy as a count", _RIGHT, _RIGHT.replace("mean", "sum"), "it is not divided by"),
        ("accuracy in percent", _RIGHT, f"100 * {_RIGHT}", "in percent"),
        ("accuracy as text", _RIGHT, f"str({_RIGHT})", "expected numbers")),
    # 2.2 a
    Patch("ReLU missing before the softmax", SOFTMAX, "self.softmax(self.ReLU(z))",
        "self.softmax(z)", f"{_REGRESSION}.test_loss", "the ReLU before the softmax is missing"),
    *_patches(f"{_REGRESSION}.test_gradient_of_W1", SOFTMAX,
        ("gradient without the one-hot labels", _D_LOGITS, "p / len(y)",
         "one-hot labels are not subtracted"),
        ("ReLU's derivative missing", "d_logits * self.ReLU_dev(z)", "d_logits",
         "the derivative of ReLU is missing"),
        ("ReLU_dev(p)", "self.ReLU_dev(z)", "self.ReLU_dev(p)", "taken at p"),
        ("the gradient of the previous batch", 'self.gradients["W1"] = X.T @ d_z',
         'self.gradients["W1"], self.last = vars(self).get("last", 0), X.T @ d_z',
         "it is that of the previous batch"),
        ("num_classes ignored", "np.eye(self.num_classes)", "np.eye(10)", "ValueError")),
    Patch("gradients stored in mode 'valid'", SOFTMAX, 'if mode == "train":', "if True:",
        f"{_REGRESSION}.test_other_modes_store_nothing", "stored in mode 'valid'"),
    *_patches("test_training.TestEpoch.test_train", SOFTMAX,
        ("a trained bias in SoftmaxRegression", 'z = X @ self.weights["W1"]',
         ('z = X @ self.weights["W1"] + self.weights.setdefault("b1", np.zeros(self.num_classes))\n'
         "        d = (self.softmax(self.ReLU(z)) - np.eye(self.num_classes)[y]) * (z > 0)\n"
         '        if mode == "train":\n            self.gradients["b1"] = d.mean(axis=0)'),
         "W1 after 4 batches")),
    Patch("W2 continues W1's random stream", BASE, "np.random.RandomState(1024)",
        'vars(self).setdefault("random", np.random.RandomState(1024))',
        f"{_NET}.test_initial_weights", "continues W1's random stream"),
    Patch("hidden_size ignored", TWO_LAYER, '"W1", input_size, hidden_size',
        '"W1", input_size, 128', f"{_NET}.test_initial_weights", "W1: of the wrong shape"),
    *_patches(f"{_NET}.test_loss", TWO_LAYER,
        ("b1 left out", ' + self.weights["b1"]', "", "b1 is left out"),
        ("b1 added to W1", 'X @ self.weights["W1"] + self.weights["b1"]',
         'X @ (self.weights["W1"] + self.weights["b1"])', "b1 is added to W1"),
        ("a second softmax", "(p, y)\n        accuracy", "(self.softmax(p), y)\n        accuracy",
         "softmax is applied twice"),
        ("ReLU in place of the sigmoid", "self.sigmoid(z)", "self.ReLU(z)",
         "ReLU is used instead of the sigmoid"),
        ("ReLU before the softmax", _SCORES, f"self.ReLU({_SCORES})", "expected no ReLU"),
        ("loss and accuracy swapped", "return loss, accuracy", "return accuracy, loss",
         "it is the accuracy")),
    *_patches(f"{_NET}.test_gradient_of_W1", TWO_LAYER,
        ("gradient not divided by N", _D_LOGITS, _D_LOGITS.replace(" / len(y)", ""),
         "times the right value; it is not divided by the number of images"),
        ("sigmoid's derivative missing", " * self.sigmoid_dev(z)", "",
         "the derivative of the sigmoid is missing"),
        ("sigmoid's derivative at the hidden units", "dev(z)", "dev(hidden)",
         "sigmoid_dev is given the hidden units"),
        ("sigmoid in place of its derivative", "sigmoid_dev(z)", "sigmoid(z)",
         "the sigmoid is used instead of its derivative"),
        ("mode 'valid' by default", 'mode="train"):', 'mode="valid"):', "it is not stored"),
        ("gradients clipped in forward", "X.T @ d_z", "np.clip(X.T @ d_z, -1, 1)", "expected")),
    Patch("sigmoid's derivative taken twice", TWO_LAYER, "sigmoid_dev(z)", "sigmoid_dev(z) ** 2",
        f"{_NET}.test_gradient_of_b1", "the derivative of the sigmoid is taken twice"),
    *_patches(f"{_NET}.test_gradient_of_W2", TWO_LAYER,
        ("gradient divided by N twice", _D_LOGITS, _D_LOGITS + " / len(y)",
         "of the right value; it is divided by the number of images twice"),
        ("the one-hot labels added", "(p - np.eye", "(p + np.eye", "are added to p"),
        ("whole columns of p", "np.eye(self.num_classes)[y]", "np.isin(range(self.num_classes), y)",
         "p[:, y] is whole columns"),
        ("a gradient that adds up", 'self.gradients["W2"] =', 'self.gradients["W2"] +=',
         "added to what was there before")),
    *_patches(f"{_NET}.test_gradient_of_b2", TWO_LAYER,
        ("the sign of the loss flipped", _D_LOGITS, "-" + _D_LOGITS, "is p - onehot the wrong"),
        ("a dictionary without the key", 'self.gradients["b2"] = d_logits.sum(axis=0)',
         'self.gradients.pop("b2", None)', "no key 'b2'; it has W1, W2, b1", "test_training")),
    Patch("gradients stored in mode 'test'", TWO_LAYER, 'if mode == "train":',
        'if mode != "valid":', f"{_NET}.test_other_modes_store_nothing", "stored in mode 'test'"),
    *_patches(f"{_NET}.test_mode_train", TWO_LAYER,
        ("another dictionary", "            d_logits =",
         "            self.gradients = dict(self.gradients)\n            d_logits =",
         "forward replaces the dictionary"),
        ("forward writes into X", "z = X @", "X -= 1e-9\n        z = X @",
         "forward changes its argument"),
        ("forward changes a weight", "return loss, accuracy",
         'self.weights["b1"] += 1\n        return loss, accuracy', "forward must not change")),
    # 3 a
    *_patches(f"{_OPTIMIZER}.test_regularization_of_matrices", REGULARIZATION,
        ("2 reg W in place of reg W", "+ self.reg", "+ 2 * self.reg", "2 * reg * W is added"),
        ("half of reg W", "+ self.reg", "+ 0.5 * self.reg", "half of reg * W is added"),
        ("reg W^2 in place of reg W", _TERM, _TERM + " ** 2", "reg * W^2 is added"),
        ("L2 term in place of the gradient", "model.gradients[name] + ", "",
         "replaces the gradient")),
    Patch("biases regularized", REGULARIZATION, 'name.startswith("W")', "True",
        f"{_OPTIMIZER}.test_regularization_spares_biases", "biases are regularized"),
    Patch("L2 term added to the weights", REGULARIZATION, f"model.gradients[name] = {_TERM}",
        "model.weights[name] = model.weights[name] + self.reg * model.weights[name]",
        f"{_OPTIMIZER}.test_regularization_changes_no_weights", "added to the weights, not"),
    # 3 b
    *_patches(f"{_OPTIMIZER}.test_update_of_matrices", SGD,
        ("L2 term added twice", _REGULARIZE, 2 * _REGULARIZE, "once too often"),
        ("SGD without L2", _REGULARIZE, "", "the L2 term is missing"),
        ("SGD uphill", "- self.learning_rate", "+ self.learning_rate", "uphill")),
    *_patches(f"{_OPTIMIZER}.test_update_of_biases", SGD,
        ("the square of the rate", "- self.learning_rate", "- self.learning_rate**2",
         "the learning rate is applied twice"),
        ("momentum kept on the model", _REGULARIZE,
         _REGULARIZE + '        for name, last in vars(model).get("last", {}).items():\n'
         "            model.gradients[name] = model.gradients[name] + 0.9 * last\n"
         "        model.last = dict(model.gradients)\n", "no momentum"),
        ("gradients clipped in update", _STEP, f"{_STEP.rstrip()}.clip(-1, 1)\n",
         "after the first update"),
        ("an update that skips", _REGULARIZE,
         _REGULARIZE + '        self.updates = getattr(self, "updates", 0) + 1\n'
         "        if self.updates == 3:\n            return\n", "nothing is updated")),
    Patch("evaluate in mode 'train'", UTILS, 'mode="valid"', 'mode="train"',
        "test_training.TestEpoch.test_evaluate", "which runs forward in mode 'valid'"),
    # 4 a
    *_patches(_CURVES, UTILS,
        ("one figure for both", 'savefig(f"{name}.png")', 'savefig("curves.png")',
         "no picture shows the training loss"),
        ("a figure closed before it is saved", _SAVE, f"        plt.close()\n{_SAVE}",
         "picture is empty"),
        ("text instead of figures", _SAVE,
         '        open(f"{name}.png", "w").write(str(training))\n', "saves no picture"),
        ("no validation curve", _VALIDATION, "", "no picture shows the validation loss"),
        ("losses drawn as accuracies", '"accuracy", train_acc_history, valid_acc_history',
         '"accuracy", train_loss_history, valid_loss_history', "the training loss is drawn as"),
        ("curves swapped", _TRAINING,
         f"        training, validation = validation, training\n{_TRAINING}",
         "the validation loss is drawn as 'training'"),
        ("both pairs in one picture, and an empty one", _LOOP,
         ("    plt.plot(np.transpose([train_loss_history, valid_loss_history]))\n"
         "    plt.plot(np.transpose([train_acc_history, valid_acc_history]))\n"
         '    plt.savefig("loss.png")\n    plt.close()\n    plt.savefig("accuracy.png")\n'
         f"    return\n{_LOOP}"), "share axes")),
    Patch("print in plot_curves", UTILS, _SAVE, f'{_SAVE}        print("saved", name)\n',
        "test_training.TestOutput.test_plot_curves_prints_nothing", "plot_curves prints 'saved"),
    Patch("print in forward", TWO_LAYER, "        loss =", '        print("here")\n        loss =',
        "test_training.TestOutput.test_nothing_is_printed", "TwoLayerNet.forward prints 'here"),
]  # fmt: skip

# What a correct solution may do differently: no test fails.
VARIANTS = [
    *_patches("", UTILS,
        ("a seed of 0 is ignored", "if seed is not None:", "if seed:"),
        ("NumPy is seeded, too", _SEED, f"{_SEED}\n        np.random.seed(seed)"),
        ("float32 batches", "[data[row] for row in rows])",
         "[data[row] for row in rows], dtype=np.float32)"),
        ("batches in a subclass of list", "return batched_data, batched_label",
         ("Batches = type('Batches', (list,), {})\n"
         "    return Batches(batched_data), Batches(batched_label)")),
        ("batches in object arrays", "return batched_data, batched_label",
         ("arrays = [np.empty(len(batched_data), dtype=object) for _ in range(2)]\n"
         "    arrays[0][:], arrays[1][:] = batched_data, batched_label\n    return arrays")),
        ("train averages over batches", 'weights=sizes)\n    if debug:\n        print(f"Epoch',
         ')\n    if debug:\n        print(f"Epoch'),
        ("figures: PDF beside PNG", _SAVE, f'{_SAVE}        plt.savefig(f"{{name}}.pdf")\n'),
        ("figures: a folder of their own, shown", _SAVE,
         ('        import os\n\n        os.makedirs("plots", exist_ok=True)\n'
         '        plt.gcf().savefig(f"plots/{name}.svg")\n        plt.show()\n')),
        ("figures: print_png", _SAVE, '        plt.gcf().canvas.print_png(f"{name}.png")\n'),
        ("figures: a file for each curve", _VALIDATION,
         f'        plt.savefig(f"train_{{name}}.png")\n        plt.clf()\n{_VALIDATION}'),
        ("figures: percent, from epoch 1, named by the legend", _TRAINING + _VALIDATION,
         ('        values = [100 * x for x in training] if name == "accuracy" else training\n'
         "        epochs = range(1, 1 + len(values))\n"
         '        plt.step(epochs, values, "r--")\n        plt.scatter(epochs, validation)\n'
         '        plt.legend(["train", "val"])\n        plt.title("Best run")\n')),
        ("figures: two subplots", _LOOP, ("    figure, (left, right) = plt.subplots(2)\n"
         "    left.plot(np.transpose([train_loss_history, valid_loss_history]))\n"
         "    right.plot(np.transpose([train_acc_history, valid_acc_history]))\n"
         f'    figure.savefig("curves")\n    return\n{_LOOP}')),
        ("figures: twin axes", _LOOP, ("    figure, left = plt.subplots()\n"
         "    left.plot(np.transpose([train_loss_history, valid_loss_history]))\n"
         '    right = left.twinx()\n    right.set_ylabel("accuracy")\n'
         "    right.plot(np.transpose([train_acc_history, valid_acc_history]))\n"
         f'    figure.savefig("curves.jpg")\n    return\n{_LOOP}'))),
    *_patches("", BASE,
        ("-0.0 for 0.0", "return np.maximum(X, 0)", "return X * (X > 0)"),
        ("log(p + 1e-8)", f"log({_PICKED})", f"log({_PICKED} + 1e-8)"),
        ("a clipped loss", f"log({_PICKED})", f"log(np.clip({_PICKED}, 1e-8, 1 - 1e-8))"),
        ("a sum plus 1e-8", _SUM, f"({_SUM} + 1e-8)"),
        ("weights in float32", "randn(rows, columns)", "randn(rows, columns).astype(np.float32)")),
    Patch("the gradient is changed in place", REGULARIZATION, f"= {_TERM}",
        "+= self.reg * model.weights[name]"),
    Patch("weights are changed in place", SGD, f"= {_STEP}",
        "-= self.learning_rate * model.gradients[name]\n"),
    *_patches("", TWO_LAYER,
        ("more weights than are named", "self.hidden_size = hidden_size",
         'self._add_bias("b3", 1)'),
        ("forward in float32", "z = X @", "X = X.astype(np.float32)\n        z = X @"),
        ("results are an array", "return loss, accuracy", "return np.array([loss, accuracy])")),
]  # fmt: skip
