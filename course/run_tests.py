"""Run tests against a submission at the other end of a wire; the grader starts this.

    python -m course.run_tests DESCRIPTOR FOLDER TEST...

FOLDER holds a copy of the submission. The messages of the tests that fail are printed as JSON. Beside
the tests of the five parts there are those of the handout's rules and of the default configs.
"""

import ast
import json
import os
import socket
import sys
import unittest
from collections.abc import Iterator

import numpy as np
import yaml

from course import HERE, remote
from course.remote import ask
from tests import ROOT, oracle


class Messages(unittest.TestResult):
    """The messages of the tests that fail, without tracebacks."""

    def __init__(self):
        super().__init__()
        self.messages = []

    def addFailure(self, test, error):
        self.messages.append(f"{test.id().rpartition('.')[2]}: {error[1]}"[:1000])

    addError = addFailure


def main(descriptor: str, folder: str, *names: str) -> None:
    remote.limit(
        seconds=1000, megabytes=2000
    )  # a submission may leave a link to /dev/zero where a test reads a file
    remote.connect(socket.socket(fileno=int(descriptor)))
    os.chdir(folder)
    result = Messages()
    try:
        tests = unittest.defaultTestLoader.loadTestsFromNames(names)
        tests.run(result)
    except RuntimeError as error:  # a module that the tests import
        result.messages.append(str(error)[:1000])
    print(json.dumps(result.messages if result.testsRun else [*result.messages, "no test was run"]))


class TestRules(unittest.TestCase):
    longMessage = False

    def test_import(self):
        for name in ("utils", "models", "optimizer", "main"):
            ask("importlib:import_module", name, keep=True)

    def test_definitions(self):
        for name, skeleton, submission in parse():
            found = definitions(submission)
            for function, arguments in definitions(skeleton).items():
                now = f"{function}({found[function]})" if function in found else "nothing"
                message = f"{name}: found {now}, expected {function}({arguments})"
                self.assertEqual(found.get(function), arguments, message)

    def test_imports(self):
        for name, skeleton, submission in parse():
            added = imports(submission) - imports(skeleton)
            self.assertFalse(added, f"{name} imports {', '.join(sorted(added))}")


def parse() -> Iterator[tuple[str, ast.Module, ast.Module]]:
    """Yield each file of the skeleton: its name, its syntax tree, and that of the submission's."""
    for file in sorted((HERE / "skeleton").rglob("*.py")):
        name = file.relative_to(HERE / "skeleton")
        content = name.read_bytes() if name.exists() else b""
        yield str(name), ast.parse(file.read_bytes()), ast.parse(content)


def definitions(tree: ast.Module) -> dict[str, str]:
    """Return the arguments of each function and method, without annotations, by its name."""
    found = {}
    for place in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in place.body:
            if isinstance(node, ast.FunctionDef):
                for part in ast.walk(node.args):
                    if isinstance(part, ast.arg):
                        part.annotation = None
                prefix = "" if place is tree else f"{place.name}."
                found[prefix + node.name] = ast.unparse(node.args)
    return found


def imports(tree: ast.Module) -> set[str]:
    """Return the names of all modules that a file imports, in functions, too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


class TestDefaultConfigs(unittest.TestCase):
    """The submission trains; what it has learned is measured here, with test data of our own."""

    longMessage = False

    def check_accuracy(self, config: str, network: str, lowest: float) -> None:
        settings = yaml.safe_load((ROOT / "configs" / config).read_text())["Train"]
        model = ask(f"models:{network}")
        optimizer = ask("optimizer:SGD", settings["learning_rate"], settings["reg"])
        images, labels, *_ = entries("utils:load_mnist_trainval")
        for epoch in range(1, settings["epochs"] + 1):
            order = (settings["batch_size"], True, epoch * 2**64 + 1024)  # the skeleton's main.py's
            batches = entries("utils:generate_batched_data", images, labels, *order)
            ask("utils:train", epoch, *batches, model, optimizer, False)
        test = np.loadtxt(f"{os.environ['TEST_DATA']}/mnist_test.csv", delimiter=",", dtype="u1")
        p = oracle.forward(dict(model.weights), test[:, 1:] / 255)[2]
        accuracy = np.mean(p.argmax(axis=1) == test[:, 0])
        message = f"{accuracy:.4f} of the test images are right; expected at least {lowest}"
        self.assertGreaterEqual(accuracy, lowest, message)

    def test_softmax(self):
        self.check_accuracy("config_softmax.yaml", "SoftmaxRegression", 0.9)

    def test_twolayer(self):
        self.check_accuracy("config_twolayer.yaml", "TwoLayerNet", 0.9)


def entries(function: str, *arguments) -> list:
    """Call a function of the submission that returns a tuple; its entries stay there."""
    returned = ask(function, *arguments, keep=True)
    count = ask("builtins:len", returned)
    return [ask("operator:getitem", returned, number, keep=True) for number in range(count)]


if __name__ == "__main__":
    main(*sys.argv[1:])
