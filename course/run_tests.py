"""Run tests against a submission at the other end of a wire; the grader starts this.

    python -m course.run_tests DESCRIPTOR

Each line of standard input names tests, a seed and seconds in JSON; the messages of those that fail
are printed as a line of JSON. submission/ holds a copy of the submission.
Beside the tests of the five parts there are those of the handout's rules, of the figures and of the
default configs.
"""

import ast
import functools
import json
import os
import socket
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from course import HERE, remote
from course.remote import ask
from tests import ROOT, InFolder, oracle


class Messages(unittest.TestResult):
    """The messages of the tests that fail, without tracebacks."""

    def __init__(self):
        super().__init__()
        self.messages = []

    def addFailure(self, test, error):
        self.messages.append(f"{test.id().rpartition('.')[2]}: {error[1]}"[:1000])

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error:
            self.addFailure(test, error)


def main(descriptor: str, load_only: str = "") -> None:
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing but results reaches the grader
    remote.limit(seconds=1000, megabytes=2000)
    remote.connect(socket.socket(fileno=int(descriptor)))
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line), load_only)), file=results, flush=True)


def run(tests: list[str], seed: int, seconds: int, load_only: str = "") -> list[str]:
    """Return the messages of the tests that fail; with `load_only`, those that do not exist."""
    if os.environ.get("TEST_SEED") != str(seed):
        os.environ["TEST_SEED"] = str(seed)  # which they read when they are imported
        for name in [name for name in sys.modules if name.startswith("tests.")]:
            if name != remote.INSIDE:
                del sys.modules[name]
    result = Messages()
    try:
        ask("__main__:allow", seconds)
        loader = unittest.TestLoader()
        suite = loader.loadTestsFromNames(tests)
        if load_only:
            return [f"there is no such test: {e.strip().splitlines()[-1]}" for e in loader.errors]
        suite.run(result)
    except RuntimeError as error:  # a module that the tests import
        result.messages.append(str(error)[:1000])
    return result.messages[:10] if result.testsRun else [*result.messages, "no test was run"]


# The handout's rules


class TestRules(unittest.TestCase):
    longMessage = False

    def test_import(self):
        list(pairs())  # parses the files, other ones when they are imported
        for name in ("utils", "models", "optimizer", "main"):
            ask("importlib:import_module", name, keep=True)

    def test_definitions(self):
        """Functions that the handout names must be there; our own need not."""
        for name, skeleton, submission in pairs():
            found = definitions(submission)
            for function, arguments in definitions(skeleton, tasks_only=True).items():
                now = f"{function}({found[function]})" if function in found else "nothing"
                message = f"{name}: found {now}, expected {function}({arguments})"
                self.assertEqual(found.get(function), arguments, message)

    def test_imports(self):
        """Files of the student's own may be imported, and keep the rule as well."""
        own = {file.stem: file for file in Path("submission").rglob("*.py")}
        allowed = {"__future__", *own, *(file.parent.name for file in own.values())}
        allowed = allowed.union(*(imports(skeleton) for _, skeleton, _ in pairs()))
        files = [(name, submission) for name, _, submission in pairs()]
        for name, tree in files:  # which grows
            for stem in imports(tree, every_part=True) & own.keys():
                file = own.pop(stem)
                files.append((file.relative_to("submission").as_posix(), parse(file)))
            added = imports(tree) - allowed
            self.assertFalse(added, f"{name} imports {', '.join(sorted(added))}")


def parse(file: Path) -> ast.Module:
    """Return a file's syntax tree, or raise an error that says in which line it has none."""
    try:
        return ast.parse(file.read_bytes() if file.exists() else b"")
    except (SyntaxError, ValueError) as error:  # such as UTF-16
        line, text = (getattr(error, name, None) for name in ("lineno", "text"))
        name = file.as_posix().removeprefix("submission/")
        message = f"{name}, line {line or 1}: {error.args[0]}: {text or 'save it as UTF-8'}"
        raise RuntimeError(message.strip()[:300]) from None


def pairs() -> Iterator[tuple[str, ast.Module, ast.Module]]:
    """Yield each file of the skeleton: its name, its syntax tree, and that of the submission's."""
    for file in sorted((HERE / "skeleton").rglob("*.py")):
        name = file.relative_to(HERE / "skeleton")
        yield name.as_posix(), parse(file), parse("submission" / name)


def definitions(tree: ast.Module, tasks_only: bool = False) -> dict[str, str]:
    """Return the arguments of each function and method, without annotations, by its name.

    With `tasks_only`, of those alone whose docstrings name a section of the handout.
    """
    found = {}
    for place in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in place.body:
            if isinstance(node, ast.FunctionDef):
                if tasks_only and "(handout " not in (ast.get_docstring(node) or ""):
                    continue
                for argument in ast.walk(node.args):
                    vars(argument).pop("annotation", None)
                prefix = "" if place is tree else f"{place.name}."
                # 28 * 28 may be written as 784.
                found[prefix + node.name] = ast.unparse(node.args).replace("28 * 28", "784")
    return found


def imports(tree: ast.Module, every_part: bool = False) -> set[str]:
    """Return the names of all modules that a file imports, in functions, too.

    They are those of the top level, or every part of `from a.b import c`.
    """
    found = set()
    for node in ast.walk(tree):
        names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
        if isinstance(node, ast.ImportFrom):
            outside = [] if node.level else [node.module]
            names = [*names, node.module or ""] if every_part else outside
        for parts in (name.split(".") for name in names):
            found.update(parts if every_part else parts[:1])
    return found


# The figures


class TestFigures(InFolder):
    longMessage = False

    def test_a_picture_is_saved(self):
        """The handout asks for a plot that makes sense; TestCurves looks at what it shows."""
        ask("utils:plot_curves", [2.0, 1.0, 0.5], [0.5, 0.6, 0.7], [1.5, 1.2, 1.3], [0.5, 0.7, 0.6])
        files = sorted(path for path in Path().rglob("*") if path.is_file())
        found = ", ".join(path.name for path in files) or "no file"
        message = f"plot_curves saves no picture; found {found}"
        self.assertTrue(any(is_picture(path.read_bytes()) for path in files), message)


# How the files begin that Matplotlib writes, SVG aside; tests/inside.py has the same, but runs there.
PICTURES = (b"\x89PNG", b"%PDF", b"%!PS", b"\xff\xd8", b"RIFF", b"II*\0", b"GIF8", b"\x1f\x8b")


def is_picture(content: bytes) -> bool:
    """Tell whether this begins like a picture, and is no mere beginning."""
    return len(content) > 500 and (content.startswith(PICTURES) or b"<svg" in content[:2000])


# The default configs


class TestDefaultConfigs(unittest.TestCase):
    """The submission trains for an epoch; what it has learned is measured here, on our data.

    Each class gets another number, drawn from the seed: weights that were trained elsewhere are right
    for no image. The columns of the initial weights move with it, and the network learns as always.

    SoftmaxRegression gets 0.90 of the test images right after an epoch, TwoLayerNet 0.73, and a net
    that learns nothing 0.10. With other orders of the images, TwoLayerNet gets 0.72 to 0.76, but
    SoftmaxRegression can lose classes, whose ReLU stays at 0: 0.55 is the least of 40 orders. So 0.5
    fails no right solution; exact values are the other tests' concern.
    """

    longMessage = False

    def check_accuracy(self, config: str, network: str, shapes: dict[str, tuple]) -> None:
        settings = yaml.safe_load((ROOT / "configs" / config).read_text())["Train"]
        order = np.random.default_rng(int(os.environ["TEST_SEED"])).permutation(10)
        classes = np.roll(order, 1)[order.argsort()]  # a new number for each; none keeps its own
        model = ask(f"models:{network}")
        for name in [*shapes][-2:] if len(shapes) > 1 else shapes:  # of the output layer
            moved = np.empty_like(model.weights[name])
            moved[..., classes] = model.weights[name]
            model.weights[name] = moved
        train_one_epoch(model, settings, classes)
        weights = {name: model.weights.get(name) for name in shapes}
        for name, shape in shapes.items():
            found = np.shape(weights[name])
            self.assertEqual(found, shape, f"{name}: found the shape {found}, expected {shape}")
        test = np.loadtxt(ROOT / "data/mnist_test.csv", delimiter=",", dtype="u1")
        p = oracle.forward(weights, test[:, 1:] / 255)[2]
        accuracy = np.mean(p.argmax(axis=1) == classes[test[:, 0]])
        message = f"{accuracy:.4f} of the test images are right after one epoch; expected 0.5"
        self.assertGreaterEqual(accuracy, 0.5, message)

    def test_softmax(self):
        self.check_accuracy("config_softmax.yaml", "SoftmaxRegression", {"W1": (784, 10)})

    def test_twolayer(self):
        shapes = {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)}
        self.check_accuracy("config_twolayer.yaml", "TwoLayerNet", shapes)


def train_one_epoch(model, settings: dict, classes: np.ndarray) -> None:
    """Train as the skeleton's main.py does, with new numbers for the classes."""
    images, labels = training_data()
    renamed = classes[np.asarray(labels).astype(int)]  # their type is another check's concern
    renamed = renamed.tolist() if isinstance(labels, list) else renamed
    # Of the orders from the seeds 0 to 15, this one costs SoftmaxRegression no class.
    order = settings["batch_size"], True, 10
    batches = entries("utils:generate_batched_data", images, renamed, *order)
    optimizer = ask("optimizer:SGD", settings["learning_rate"], settings["reg"])
    ask("utils:train", 1, *batches, model, optimizer, False)


@functools.cache
def training_data() -> tuple:
    """Load MNIST in the submission, once; the images stay there, the labels come here."""
    images, labels, *_ = entries("utils:load_mnist_trainval")
    return images, ask("copy:copy", labels)


def entries(function: str, *arguments) -> list:
    """Call a function of the submission that returns a tuple; its entries stay there."""
    returned = ask(function, *arguments, keep=True)
    count = ask("builtins:len", returned)
    return [ask("operator:getitem", returned, number, keep=True) for number in range(count)]


if __name__ == "__main__":
    main(*sys.argv[1:])
