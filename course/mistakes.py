"""Patches of the skeleton's solution: typical mistakes, and variants that are correct, too."""

from pathlib import Path
from typing import NamedTuple

UTILS = "utils.py"
BASE = "models/_base_network.py"
SOFTMAX = "models/softmax_regression.py"
TWO_LAYER = "models/two_layer_nn.py"
REGULARIZATION = "optimizer/_base_optimizer.py"
SGD = "optimizer/sgd.py"


class Patch(NamedTuple):
    """One change of the solution: in a file, `new` replaces `old`, which occurs once."""

    test: str  # that must fail, without the leading `tests.`
    file: str
    old: str
    new: str
    words: str  # of its message; or what is unusual in a correct variant

    def apply(self, folder: Path) -> None:
        """Patch the solution in a folder."""
        text = (folder / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} contains {text.count(self.old)} times: {self.old}")
        (folder / self.file).write_text(text.replace(self.old, self.new))


def _patches(test: str, file: str, *mistakes: tuple[str, ...]) -> list[Patch]:
    """Return patches of a file for one test; each is old, new, words."""
    return [Patch(test, file, *mistake) for mistake in mistakes]


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
_LEGEND = '        plt.xlabel("epoch")\n        plt.ylabel(name)\n        plt.legend()\n'
_SAVE = '        plt.savefig(f"{name}.png")\n'
_LOOP = "    for name, training, validation in (\n"

MISTAKES = [
    # 1.1 a
    *_patches(f"{_LOAD}.test_scaling", UTILS,
        ("value / 255 for", "float(value) for", "they are not scaled"),
        ("value / 255 for", "value / 255 / 255 for", "scaled twice")),
    *_patches(f"{_LOAD}.test_types", UTILS,
        ("int(label)", "float(label)", "found float")),
    *_patches(f"{_LOAD}.test_split", UTILS,
        ("* 4 // 5", "// 5", "the length of the other part"),
        ("* 4 // 5", "* 5 // 6", "it is 5/6"),
        ("len(data) * 4 // 5", "48_000", "it contains all images"),
        (_SPLIT, "    return data[-split:], labels[-split:], data[:-split], labels[:-split]",
         "taken from the front")),
    # 1.1 b
    *_patches(f"{_BATCHES}.test_sizes", UTILS,
        (_RANGE, "range(0, len(order) - batch_size + 1, batch_size)", "is dropped"),
        (_RANGE, "range(0, len(order) + batch_size, batch_size)", "an empty batch"),
        ("rows = order[", "rows = (order + order)[", "is padded")),
    *_patches(f"{_BATCHES}.test_shuffled_with_a_seed", UTILS,
        (_SHUFFLE, ("        data, label = data.copy(), label.copy()\n"
         "        random.shuffle(data)\n        random.shuffle(label)\n"), "one after the other"),
        (_SHUFFLE, "        order = np.random.RandomState(seed).permutation(len(data))\n",
         "NumPy's order"),
        (_SHUFFLE, "        pass\n", "they are not shuffled")),
    *_patches(f"{_BATCHES}.test_shuffled_without_a_seed", UTILS,
        ("[label[row] for row in rows]", "label[start : start + batch_size]", "the labels are not"),
        (_SEED, "random.seed(seed or 0)", "two shuffles in a row"),
        (_SEED, "random.seed(seed)", "do not call random.seed"),
        (_SHUFFLE, f"{_SHUFFLE}        random.seed(1)\n", "reset after a call")),
    *_patches(f"{_BATCHES}.test_in_order", UTILS,
        ("shuffle=False, seed", "shuffle=True, seed",
         "by default: the right values in another order; they are shuffled"),
        ("if shuffle:", "if shuffle or seed is not None:", "they are shuffled"),
        ("[data[row] for row in rows])", "[data[row] for row in rows]).T",
         "the shape of a batch of images"),
        ("[label[row] for row in rows]", "[float(label[row]) for row in rows]", "become float64")),
    *_patches(f"{_BATCHES}.test_the_callers_lists_are_left_alone", UTILS,
        (_SHUFFLE, ("        pairs = list(zip(data, label))\n        random.shuffle(pairs)\n"
         "        data[:], label[:] = zip(*pairs)\n"), "change a copy")),
    # 2.1 a
    *_patches(f"{_ACTIVATION}.test_sigmoid", BASE,
        ("np.exp(-X)", "np.exp(X)", "minus sign in exp(-x)"),
        ("1 / (1 + np.exp(-X))", "1 / 1 + np.exp(-X)", "lacks brackets"),
        ("np.exp(-X)", "np.exp(-np.clip(X, -10, 10))", "sigmoid of -800")),
    *_patches(f"{_ACTIVATION}.test_sigmoid_dev", BASE,
        ("return s * (1 - s)", "return x * (1 - x)", "as if x were already sigmoid(x)"),
        ("s = self.sigmoid(x)", "s = self.sigmoid(self.sigmoid(x))", "at sigmoid(x) instead of x")),
    *_patches(f"{_ACTIVATION}.test_relu", BASE,
        ("return np.maximum(X, 0)", "X[X < 0] = 0\n        return X", "ReLU changes its argument")),
    *_patches(f"{_ACTIVATION}.test_relu_dev", BASE,
        ("X > 0, 1.0, 0.0", "X >= 0, 1.0, 0.0", "0 at 0, as its docstring says")),
    # 2.1 b
    *_patches("test_loss.TestSoftmax.test_softmax", BASE,
        (_SUM, "exponentials.sum(axis=0)", "(axis 0)"),
        (_SUM, "exponentials.sum()", "over all entries"),
        (_SHIFTED, "np.subtract(scores, scores.max(axis=1, keepdims=True), out=scores)",
         "softmax changes its argument")),
    *_patches("test_loss.TestSoftmax.test_large_scores", BASE,
        (_SHIFTED, "scores", "overflows"),
        (_SHIFTED, "scores - scores.max()", "the maximum of all rows"),
        ("scores.max(axis", "scores.mean(axis", "softmax of [[2"),
        (_SHIFTED, "np.clip(scores, -500, 500)", "softmax of [[6")),
    *_patches("test_loss.TestCrossEntropy.test_small_probabilities", BASE,
        (_PICKED, f"np.clip({_PICKED}, 1e-7, 1)", "clipped at 1e-07")),
    *_patches("test_loss.TestCrossEntropy.test_many_images", BASE,
        (_PICKED, "x_pred[:, y]", "x_pred[:, y]"),
        (_LOSS, f"x_pred[:] = np.log(x_pred)\n        return -np.mean({_PICKED})",
         "cross_entropy_loss changes its argument"),
        (_LOSS, _LOSS.replace("-", ""), "the wrong sign"),
        (_LOSS, _LOSS.replace("mean", "sum") + " / x_pred.size", "N * C")),
    *_patches(f"{_NET}.test_loss_and_accuracy", BASE,
        (_LOSS, _LOSS + " + 5e-4 * sum((W**2).sum() for W in self.weights.values() if W.ndim == 2)",
         "the L2 term is in it")),
    # 2.1 c
    *_patches("test_loss.TestAccuracy.test_accuracy", BASE,
        (_RIGHT, _RIGHT.replace("mean", "sum"), "it is not divided by"),
        (_RIGHT, f"100 * {_RIGHT}", "in percent"),
        (_RIGHT, f"str({_RIGHT})", "expected numbers")),
    # 2.2 a
    *_patches(f"{_REGRESSION}.test_loss_and_accuracy", SOFTMAX,
        ("self.softmax(self.ReLU(z))", "self.softmax(z)", "ReLU before the softmax is missing")),
    *_patches(f"{_REGRESSION}.test_gradient_of_W1", SOFTMAX,
        (_D_LOGITS, "p / len(y)", "one-hot labels are not subtracted"),
        ("d_logits * self.ReLU_dev(z)", "d_logits", "ReLU is missing, or evaluated at p"),
        (" = X.T @ d_z", ', self.last = vars(self).get("last", 0), X.T @ d_z',
         "it is that of the previous batch"),
        ("np.eye(self.num_classes)", "np.eye(10)", "ValueError")),
    *_patches(f"{_REGRESSION}.test_other_modes_store_nothing", SOFTMAX,
        ('if mode == "train":', "if True:", "stored in mode 'valid'")),
    *_patches("test_training.TestEpoch.test_train", SOFTMAX,
        ('z = X @ self.weights["W1"]',
         ('z = X @ self.weights["W1"] + self.weights.setdefault("b1", np.zeros(self.num_classes))\n'
         '        self.gradients["b1"] = z.mean(axis=0)'),
         "W1 after 4 batches")),
    *_patches(f"{_NET}.test_initial_weights", BASE,
        ("np.random.RandomState(1024)",
         'vars(self).setdefault("random", np.random.RandomState(1024))', "W1's random stream")),
    *_patches(f"{_NET}.test_initial_weights", TWO_LAYER,
        ('"W1", input_size, hidden_size', '"W1", input_size, 128', "W1: wrong\nfound the shape")),
    *_patches(f"{_NET}.test_loss_and_accuracy", TWO_LAYER,
        (' + self.weights["b1"]', "", "b1 is left out"),
        ('X @ self.weights["W1"] + self.weights["b1"]',
         'X @ (self.weights["W1"] + self.weights["b1"])', "b1 is added to W1"),
        ("(p, y)\n        accuracy", "(self.softmax(p), y)\n        accuracy",
         "softmax is applied twice"),
        ("self.sigmoid(z)", "self.ReLU(z)", "ReLU is used instead of the sigmoid"),
        (_SCORES, f"self.ReLU({_SCORES})", "expected no ReLU"),
        ("return loss, accuracy", "return accuracy, loss", "it is the accuracy"),
        ("return loss, accuracy", "return loss, 1 - accuracy", "the accuracy: wrong")),
    *_patches(f"{_NET}.test_gradients_of_hidden_layer", TWO_LAYER,
        (_D_LOGITS, _D_LOGITS.replace(" / len(y)", ""), "times the right value; it is not divided"),
        (" * self.sigmoid_dev(z)", "", "the derivative of the sigmoid is missing"),
        ("dev(z)", "dev(hidden)", "sigmoid_dev is given the hidden units"),
        ("sigmoid_dev(z)", "sigmoid(z)", "the sigmoid is used instead of its derivative"),
        ('mode="train"):', 'mode="valid"):', "it is not stored"),
        ("X.T @ d_z", "np.clip(X.T @ d_z, -1, 1)", "expected"),
        ("d_z.sum(", "(d_z * self.sigmoid_dev(z)).sum(", "the gradient of b1: wrong")),
    *_patches(f"{_NET}.test_gradients_of_output_layer", TWO_LAYER,
        (_D_LOGITS, _D_LOGITS + " / len(y)", "divided by the number of images twice"),
        ("np.eye(self.num_classes)[y]", "np.isin(range(self.num_classes), y)",
         "p[:, y] is whole columns"),
        ('self.gradients["W2"] =', 'self.gradients["W2"] +=', "added to what was there before"),
        ('self.gradients["b2"] = d_logits.sum(axis=0)', 'self.gradients.pop("b2", None)',
         "no key 'b2'; it has W1, W2, b1")),
    *_patches(f"{_NET}.test_other_modes_store_nothing", TWO_LAYER,
        ('if mode == "train":', 'if mode != "valid":', "stored in mode 'test'")),
    *_patches(f"{_NET}.test_mode_train", TWO_LAYER,
        ("            d_logits =",
         "            self.gradients = dict(self.gradients)\n            d_logits =",
         "forward replaces the dictionary"),
        ("z = X @", "X -= 1e-9\n        z = X @", "forward changes its argument"),
        ("return loss, accuracy", 'self.weights["b1"] += 1\n        return loss, accuracy',
         "forward must not change")),
    # 3 a
    *_patches(f"{_OPTIMIZER}.test_regularization", REGULARIZATION,
        ("+ self.reg", "+ 2 * self.reg", "2 * reg * W is added"),
        ("+ self.reg", "+ 0.5 * self.reg", "half of reg * W is added"),
        (_TERM, _TERM + " ** 2", "reg * W^2 is added"),
        ("model.gradients[name] + ", "", "replaces the gradient"),
        ('name.startswith("W")', "True", "biases are regularized"),
        (f"model.gradients[name] = {_TERM}",
         "model.weights[name] = model.weights[name] + self.reg * model.weights[name]",
         "added to the weights, not")),
    # 3 b
    *_patches(f"{_OPTIMIZER}.test_update", SGD,
        (_REGULARIZE, 2 * _REGULARIZE, "the L2 term is added twice"),
        (_REGULARIZE, "", "the L2 term is missing"),
        ("- self.learning_rate", "+ self.learning_rate", "uphill"),
        ("- self.learning_rate", "- self.learning_rate**2", "the learning rate is applied twice"),
        (_REGULARIZE,
         (_REGULARIZE + '        for name, last in vars(model).get("last", {}).items():\n'
         "            model.gradients[name] = model.gradients[name] + 0.9 * last\n"
         "        model.last = dict(model.gradients)\n"), "no momentum"),
        (_STEP, f'{_STEP.rstrip()}.clip(-9e9, 1 if name == "b1" else 9e9)\n', "b1 after the"),
        (_REGULARIZE, (_REGULARIZE + '        self.updates = getattr(self, "updates", 0) + 1\n'
         "        if self.updates == 3:\n            return\n"), "nothing is updated")),
    *_patches("test_training.TestEpoch.test_evaluate", UTILS,
        ('mode="valid"', 'mode="train"', "which must run forward in mode 'valid'")),
    # 4 a
    *_patches(_CURVES, UTILS,
        ('savefig(f"{name}.png")', 'savefig("curves.png")', "no picture shows the training loss"),
        (_SAVE, f"        plt.close()\n{_SAVE}", "picture is empty"),
        (_SAVE, '        open(f"{name}.png", "w").write(str(training))\n', "saves no picture"),
        (_VALIDATION, "", "no picture shows the validation loss"),
        ('"accuracy", train_acc_history, valid_acc_history',
         '"accuracy", train_loss_history, valid_loss_history', "the training loss is drawn as"),
        (_TRAINING, f"        training, validation = validation, training\n{_TRAINING}",
         "the validation loss is drawn as 'training'"),
        (_LOOP, ("    plt.plot(np.transpose([train_loss_history, valid_loss_history]))\n"
         "    plt.plot(np.transpose([train_acc_history, valid_acc_history]))\n"
         f'    plt.savefig("curves.png")\n    return\n{_LOOP}'), "share axes"),
        (_TRAINING + _VALIDATION + _LEGEND,
         ('        plt.plot(training, "r")\n        plt.plot(validation, "b")\n'
         '        plt.legend(["validation", "training"])\n'), "is drawn as 'validation'")),
    *_patches("test_training.TestOutput.test_plot_curves_prints_nothing", UTILS,
        (_SAVE, f'{_SAVE}        print("saved", name)\n', "plot_curves prints 'saved")),
    *_patches("test_training.TestOutput.test_nothing_is_printed", TWO_LAYER,
        ("        loss =", '        print("here")\n        loss =',
         "TwoLayerNet.forward prints 'here")),
]  # fmt: skip

# What a correct solution may do differently: no test fails.
VARIANTS = [
    *_patches("", UTILS,
        ("if seed is not None:", "if seed:", "a seed of 0 is ignored"),
        (_SEED, f"{_SEED}\n        np.random.seed(seed)", "NumPy is seeded, too"),
        ("[data[row] for row in rows])", "[data[row] for row in rows], dtype=np.float32)",
         "float32 batches"),
        ("return batched_data, batched_label", ("Batches = type('Batches', (list,), {})\n"
         "    return Batches(batched_data), Batches(batched_label)"),
         "batches in a subclass of list"),
        ("return batched_data, batched_label",
         ("arrays = [np.empty(len(batched_data), dtype=object) for _ in range(2)]\n"
         "    arrays[0][:], arrays[1][:] = batched_data, batched_label\n    return arrays"),
         "batches in object arrays"),
        ('weights=sizes)\n    if debug:\n        print(f"Epoch',
         ')\n    if debug:\n        print(f"Epoch', "train averages over batches"),
        (_SAVE, f'{_SAVE}        plt.savefig(f"{{name}}.pdf")\n', "figures: PDF beside PNG"),
        (_SAVE, ('        import os\n\n        os.makedirs("plots", exist_ok=True)\n'
         '        plt.gcf().savefig(f"plots/{name}.svg")\n        plt.show()\n'),
         "figures: a folder of their own, shown"),
        (_SAVE, '        plt.gcf().canvas.print_png(f"{name}.png")\n', "figures: print_png"),
        (_SAVE, ('        import io\n\n        from matplotlib.figure import Figure\n\n'
         "        figure, buffer = Figure(), io.BytesIO()\n        axes = figure.subplots()\n"
         '        axes.plot(training, "b")\n        axes.plot(validation, "b", alpha=0.5)\n'
         '        figure.legend(["training", "validation"])\n'
         '        figure.savefig(buffer, format="svg")\n'
         '        open(f"{name}.svg", "wb").write(buffer.getvalue())\n'),
         "figures: SVG without pyplot, through a buffer, curves that look alike"),
        (_VALIDATION,
         f'        plt.savefig(f"train_{{name}}.png")\n        plt.clf()\n{_VALIDATION}',
         "figures: a file for each curve"),
        (_TRAINING + _VALIDATION + _LEGEND,
         ('        values = [100 * x for x in training] if name == "accuracy" else training\n'
         "        epochs = range(1, 1 + len(values))\n"
         '        plt.step(epochs, values, "r--")\n        plt.scatter(epochs, validation)\n'
         '        plt.legend(["train", "val"])\n        plt.title("Best run")\n'),
         "figures: percent, from epoch 1, named by the legend"),
        (_LOOP, ("    figure, (left, right) = plt.subplots(2)\n"
         "    left.plot(np.transpose([train_loss_history, valid_loss_history]))\n"
         "    right.plot(np.transpose([train_acc_history, valid_acc_history]))\n"
         f'    figure.savefig("curves")\n    return\n{_LOOP}'), "figures: two subplots")),
    *_patches("", BASE,
        ("return np.maximum(X, 0)", "return X * (X > 0)", "-0.0 for 0.0"),
        (f"log({_PICKED})", f"log({_PICKED} + 1e-8)", "log(p + 1e-8)"),
        (_SUM, f"({_SUM} + 1e-8)", "1e-8 added to the sum"),
        ("randn(rows, columns)", "randn(rows, columns).astype(np.float32)", "weights in float32")),
    *_patches("", REGULARIZATION,
        (f"= {_TERM}", "+= self.reg * model.weights[name]", "the gradient is changed in place")),
    *_patches("", SGD,
        (f"= {_STEP}", "-= self.learning_rate * model.gradients[name]\n",
         "weights are changed in place")),
    *_patches("", TWO_LAYER,
        ("self.hidden_size = hidden_size", 'self._add_bias("b3", 1)',
         "an extra weight"),
        ("z = X @", "X = X.astype(np.float32)\n        z = X @", "forward in float32"),
        ("return loss, accuracy", "return np.array([loss, accuracy])", "results are an array")),
]  # fmt: skip
