"""The skeleton, and whether the tests of the five parts tell right from wrong."""

import contextlib
import importlib
import multiprocessing
import re
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from course import HERE, PARTS, without_solutions, write_skeleton, write_solution
from course.mistakes import MISTAKES, VARIANTS, Patch
from tests import ROOT, InFolder, inside, oracle
from tests.checks import mnist_batch
from tests.project import run_program, write_made_up_data

# To draw takes longer than everything else together, so only patches of plot_curves do.
AFFECTED = {
    "utils.py": "test_loading|TestEpoch|nothing_is_printed",
    "models": "test_activation|test_loss|test_network|TestOptimizer|TestEpoch|nothing_is_printed",
    "optimizer": "TestOptimizer|TestEpoch|nothing_is_printed",
}


def failures(folder: Path, which: str = "") -> dict[str, str]:
    """Run tests of the five modules against a solution; return the message of each that fails.

    `which` is a regular expression. In this process, where NumPy and Matplotlib are loaded already.
    """
    for name in list(sys.modules):
        if re.match(r"(utils|models|optimizer)\b|tests\.test_", name):
            del sys.modules[name]
    importlib.invalidate_caches()
    result = unittest.TestResult()
    # A solution may print.
    with mock.patch.object(sys, "path", [str(folder), *sys.path]), contextlib.redirect_stdout(None):
        for part in PARTS:
            for case in unittest.defaultTestLoader.loadTestsFromName(f"tests.test_{part}"):
                for test in case:
                    if re.search(which, test.id()) and "mnist" not in test.id():
                        test.run(result)
    failed = result.failures + result.errors
    return {test.id().removeprefix("tests."): message for test, message in failed}


def failures_of(patch: Patch) -> dict[str, str]:
    """Patch the plain solution; run the tests that the patch can affect."""
    which = AFFECTED[patch.file.partition("/")[0]]
    if any(word in patch.old for word in ("savefig", "plt.", "_history", "training,")):
        which = "plot_curves" if "print(" in patch.new else "TestCurves"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "solution")
        write_solution(folder)
        patch.apply(folder)
        return failures(folder, which)


def setUpModule():
    global workers  # processes in which modules can be replaced
    workers = multiprocessing.get_context("spawn").Pool(2)
    unittest.addModuleCleanup(workers.terminate)


class TestMistakes(unittest.TestCase):
    def test_each_is_named(self):
        for mistake, found in zip(MISTAKES, workers.map(failures_of, MISTAKES)):
            with self.subTest(mistake):
                self.assertIn(mistake.words, found.get(mistake.test, f"passes: {found}"))
                # TestEpoch needs both forward and update.
                parts = {test.split(".")[0] for test in found if "TestEpoch" not in test}
                part = {mistake.test.split(".")[0]} if "TestEpoch" not in mistake.test else {}
                self.assertEqual(parts, {*part})

    def test_correct_variants_pass(self):
        for variant, found in zip(VARIANTS, workers.map(failures_of, VARIANTS)):
            with self.subTest(variant):
                self.assertEqual(found, {})


class TestIsolation(unittest.TestCase):
    def test_a_wrong_function_is_tried_once(self):
        Network = type("Network", (), {"ReLU": mock.Mock(side_effect=ValueError)})
        for network in (Network(), Network()):
            inside.isolate(network, oracle.CODE)
            np.testing.assert_array_equal(network.ReLU(np.array([-1, 2])), [0, 2])
        Network.ReLU.assert_called_once()


class TestOracle(unittest.TestCase):
    def test_gradients(self):
        """The chain rule gives the slope of the loss in any direction, by central differences."""
        generator = np.random.default_rng([*b"oracle"])
        for sizes in ([5, 4], [5, 4, 6]):
            shapes = oracle.shapes(*sizes)
            weights = {name: generator.normal(size=shape) for name, shape in shapes.items()}
            X, y = generator.random((7, 5)), generator.integers(4, size=7)
            for name, gradient in oracle.gradients(weights, X, y).items():
                direction = generator.normal(size=gradient.shape)
                before, after = (
                    oracle.loss_and_accuracy(weights | {name: moved}, X, y)[0]
                    for moved in weights[name] + 1e-6 * np.stack([-direction, direction])
                )
                slope = np.vdot(gradient, direction)
                self.assertAlmostEqual((after - before) / 2e-6, slope, places=7)


class TestSkeleton(InFolder):
    """The skeleton as it is, and with the plain solution."""

    def setUp(self):
        super().setUp()
        self.skeleton = self.folder / "skeleton"

    def test_without_mnist(self):
        with self.assertRaisesRegex(AssertionError, "train.csv is missing.* sh data/get_data"):
            mnist_batch()

    def test_with_the_plain_solution(self):
        """All tests pass, and `main.py` gives the numbers that our own functions give."""
        write_solution(self.skeleton)
        self.assertEqual(workers.apply(failures, [self.skeleton]), {})
        write_made_up_data(self.skeleton)
        train = "{batch_size: 16, learning_rate: 1, reg: 0.01, epochs: 4, debug: True}"
        # In training and validation of each epoch, then of the best one, and in the test.
        softmax = "0.5188 0.5375 0.6062 0.5500 0.6031 0.5500 0.6094 0.5125 0.5500 0.6100"
        two_layer = "0.0719 0.0750 0.1375 0.1125 0.2219 0.3250 0.5125 0.4625 0.4625 0.5700"
        models = ("SoftmaxRegression", "TwoLayerNet, hidden_size: 20")
        for model, accuracies in zip(models, (softmax, two_layer)):
            config = f"Train: {train}\nModel: {{type: {model}}}"
            (self.skeleton / "some.yaml").write_text(config)
            done = run_program("main.py", "--config", "some.yaml", cwd=self.skeleton)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(re.findall(r"accuracy:? (\S+)", done.stdout), accuracies.split())
        for name in ("loss.png", "accuracy.png"):
            self.assertTrue((self.skeleton / name).exists(), name)

    def test_unfilled(self):
        write_skeleton(self.skeleton)
        found = workers.apply(failures, [self.skeleton])
        tests = unittest.defaultTestLoader.loadTestsFromNames(f"tests.test_{p}" for p in PARTS)
        # All but those of MNIST, of what is printed, and of the weights and defaults that are given.
        self.assertEqual(len(found), tests.countTestCases() - 8)
        sentences = {message.strip().splitlines()[-1] for message in found.values()}
        text = "".join(file.read_text() for file in self.skeleton.rglob("*.py"))
        tasks = re.findall(r'Error\(\n +"(\S+: complete \w+ \(handout .*)"', text)
        self.assertEqual(len(tasks), 14)
        self.assertEqual(sentences, {f"NotImplementedError: {task}" for task in tasks})
        for file in (HERE / "skeleton").rglob("*.py"):
            solutions = re.findall("BEGIN SOLUTION\n(.*?) *# END", file.read_text(), re.DOTALL)
            written = (self.skeleton / file.relative_to(HERE / "skeleton")).read_text().splitlines()
            self.assertFalse({*"".join(solutions).splitlines()} & {*written}, file)

    def test_a_mark_that_is_wrong(self):
        right = (HERE / "skeleton/optimizer/sgd.py").read_text()
        begin, end = "        # BEGIN SOLUTION\n", "        # END SOLUTION\n"
        for old, new in (
            (begin, ""),
            (begin, begin.lower()),
            (begin, begin + begin),
            (begin, f"        self.learning_rate = 1\n{begin}"),
            (end, f"{end}\n        # each weight less the rate times its gradient\n"),
        ):
            with self.subTest(new), self.assertRaisesRegex(ValueError, "sgd.py: "):
                without_solutions("sgd.py", right.replace(old, new))

    def test_line_ends(self):
        with mock.patch.object(Path, "read_bytes", lambda _: b"a\r\nb\n"):
            write_solution(self.skeleton)
        for name in (".gitignore", "main.py", "data/get_data.sh", "tests/checks.py"):
            self.assertEqual((self.skeleton / name).read_bytes(), b"a\nb\n", name)
        self.assertEqual((self.skeleton / "data/get_data.bat").read_bytes(), b"a\r\nb\r\n")

    def test_command(self):
        command = ["-m", "course", "skeleton", self.skeleton]
        done = run_program(*command, cwd=ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name in ("tests/test_loading.py", "tests/inside.py", "report/template.pdf"):
            self.assertTrue((self.skeleton / name).exists(), name)
        self.assertEqual(list(self.skeleton.rglob("__pycache__")), [])
        (self.skeleton / "main.py").write_text("mine")
        done = run_program(*command, cwd=ROOT)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, rf"\Acourse: {re.escape(str(self.skeleton))}: .*\n\Z")
        self.assertEqual((self.skeleton / "main.py").read_text(), "mine")
