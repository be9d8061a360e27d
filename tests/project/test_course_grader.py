"""The grader: what a submission gets, and that an attack gets nothing."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import unittest
import zipfile
from pathlib import Path

import yaml

from course import HERE, write_solution
from course.mistakes import MISTAKES
from tests import ROOT, InFolder
from tests.project import run_program, write_made_up_data

if os.name != "nt":
    from course.grader import grade, read_submission

RUBRIC = yaml.safe_load((HERE / "rubric.yaml").read_text())
# It replaces the machinery of tests; then each function attacks in a way of its own.
ATTACKS = '''
import ctypes, os, pathlib, sys, unittest

for name in ("fail", "run", "assertEqual", "assertTrue", "_callTestMethod"):
    setattr(unittest.TestCase, name, lambda *arguments, **options: True)
unittest.TestResult.addFailure = unittest.TestResult.addError = lambda *arguments: None
np.allclose = np.testing.assert_allclose = lambda *arguments, **options: True


def overwrite(*names):
    """Replace what a grader might read: by name, and whatever lies around."""
    around = pathlib.Path("..").rglob("*")
    for file in [*map(pathlib.Path, names), *(file for file in around if file.is_file())]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")


class Attacks:
    def sigmoid(self, X):
        while True:
            pass

    def sigmoid_dev(self, x):
        os._exit(0)

    def ReLU(self, X):
        sys.exit()

    def ReLU_dev(self, X):
        ctypes.string_at(0)

    def softmax(self, scores):
        for descriptor in range(1, 20):
            try:
                os.write(descriptor, bytes(10**9))
            except OSError:
                pass

    def cross_entropy_loss(self, x_pred, y):
        os.fork()

    def compute_accuracy(self, x_pred, y):
        overwrite("tests/__init__.py", "tests/checks.py", "../results.json", "../../results.json")


for name in vars(Attacks):
    if not name.startswith("__"):
        setattr(_baseNetwork, name, vars(Attacks)[name])
'''
# It would be right, with 3 GB.
GREED = """
right = SGD.update
SGD.update = lambda self, model: [bytearray(3 * 2**30), right(self, model)]
"""
# It learns nothing, but makes a test set of which a network of zeros has all images right.
EASY_DATA = """
def train(epoch, batched_train_data, batched_train_label, model, optimizer, debug=True):
    model.weights["W1"][:] = 0
    for name in ("data/mnist_train.csv", "data/mnist_test.csv"):
        with open(name, "w") as file:
            file.write(("0," * 785)[:-1] + "\\n")
    return 0.0, 1.0


def evaluate(batched_test_data, batched_test_label, model, debug=True):
    return 0.0, 1.0
"""


def write_rubric(path: Path, checks, rules=(), seconds=()) -> None:
    """Write a rubric of a few rules and public checks.

    Rules are found by a word of their names, checks by how part and name begin; `seconds` holds
    other limits of time, by name.
    """
    content = RUBRIC | {
        "rules": [rule for rule in RUBRIC["rules"] if any(word in rule["name"] for word in rules)],
        "checks": [
            check | {"private": 0, "seconds": dict(seconds).get(check["name"], 60)}
            for check in RUBRIC["checks"]
            if f"{check['part']} {check['name']}".startswith(tuple(checks))
        ],
    }
    path.write_text(yaml.safe_dump(content))


@unittest.skipIf(os.name == "nt", "the grader needs Linux or macOS")
class TestGrader(InFolder):
    def setUp(self):
        super().setUp()
        self.submission = self.folder / "submission"
        write_solution(self.submission)

    def change(self, name: str, text: str) -> None:
        """Append to a file of the submission."""
        with (self.submission / name).open("a") as file:
            file.write(text)

    def grade(self, *checks, rules=(), seconds=(), submission=None, **options):
        """Grade by some rules and public checks; return the score, and each output by name.

        Rules are found by a word of their names, checks by how their names begin; `seconds` holds
        other limits of time.
        """
        write_rubric(Path("rubric.yaml"), checks, rules, seconds)
        path = submission or self.submission
        results = grade(path, Path("rubric.yaml"), self.folder / "data", **options)
        return results["score"], {test["name"]: test["output"] for test in results["tests"]}

    def test_attacks_win_nothing(self):
        self.change("models/_base_network.py", ATTACKS)
        self.change("optimizer/sgd.py", GREED)
        score, outputs = self.grade(*("2.1", "3"), seconds={"sigmoid": 1})
        passed = [name for name, output in outputs.items() if not output]
        self.assertEqual(passed, ["apply_regularization"])
        self.assertEqual(score, 3)
        self.assertIn("MemoryError", outputs["update"])
        self.assertEqual(outputs["sigmoid"], "stopped: it takes more than 1 s")
        self.assertIn("SystemExit", outputs["ReLU"])
        for name in ("sigmoid_dev", "ReLU_dev"):
            self.assertIn(
                "no answer, or too long a one: the submission's process may have ended",
                outputs[name],
            )

    def test_what_is_learned_is_measured_on_other_data(self):
        write_made_up_data(self.folder)
        self.change("utils.py", EASY_DATA)
        score, outputs = self.grade("configs config_softmax")
        self.assertEqual(score, 0)
        [output] = outputs.values()
        self.assertRegex(
            output, r"of the test images are right; expected at least 0.9|Permission denied"
        )

    def test_printing(self):
        self.change("models/_base_network.py", "_baseNetwork.ReLU = lambda *_: print('here')")
        score, outputs = self.grade("2.1 a", rules=["printed"])
        self.assertEqual(score, 0)
        self.assertRegex(outputs["nothing is printed (-all)"], r"printed in 2.1 a ReLU\w*: here")
        self.assertEqual(outputs["sigmoid"], "")

    def test_code_that_cannot_be_imported(self):
        self.change("optimizer/sgd.py", "raise SystemExit('not today')")
        score, outputs = self.grade("2.1 a", rules=["imported"])
        self.assertEqual(score, 0)
        self.assertIn("SystemExit: not today", outputs["the code can be imported (-all)"])
        self.assertEqual(outputs["sigmoid"], "not run")

    def test_definitions_and_imports(self):
        file = self.submission / "utils.py"
        text = file.read_text().replace("load_csv(path)", "load_csv(path: str)")  # is allowed
        file.write_text(text.replace("shuffle=False", "shuffle=True") + "import os")
        score, outputs = self.grade("2.1 c", "3 b", rules=["definitions", "imports"])
        self.assertEqual(score, 0)  # 7 less 20
        self.assertIn(
            "utils.py: found generate_batched_data(data, label, batch_size=32, shuffle=True, "
            "seed=None), expected generate_batched_data(data, label, batch_size=32, shuffle=False",
            outputs["file names and function definitions are the skeleton's (-10)"],
        )
        self.assertIn("utils.py imports os", outputs["no imports beyond the skeleton's (-10)"])

    def test_a_mistake_costs_its_own_points(self):
        [mistake] = [each for each in MISTAKES if each.name == "the caller's lists reordered"]
        mistake.apply(self.submission)
        score, outputs = self.grade(
            "1.1 b generate_batched_data, in", "1.1 b generate_batched_data, the"
        )
        self.assertEqual(score, 2)
        self.assertIn("shuffled in place", outputs["generate_batched_data, the caller's lists"])

    def test_zips(self):
        files = read_submission(self.submission)
        self.assertIn("models/two_layer_nn.py", files)
        for prefix in ("", "a folder/"):
            with zipfile.ZipFile("submission.zip", "w") as archive:
                for name, content in files.items():
                    archive.writestr(prefix + name, content)
            self.assertEqual(read_submission(Path("submission.zip")), files)
        for name in ("../utils.py", "/utils.py", "models/../../utils.py", "..\\utils.py"):
            with zipfile.ZipFile("submission.zip", "w") as archive:
                archive.writestr(name, "")
            with self.assertRaisesRegex(ValueError, "leads out of it"):
                read_submission(Path("submission.zip"))

    def test_what_is_no_zip(self):
        Path("submission.zip").write_text("no zip")
        saved = []
        score, outputs = self.grade(
            "2.1 c", rules=["printed"], submission=Path("submission.zip"), save=saved.append
        )
        self.assertEqual(score, 0)
        self.assertEqual([test["output"] for test in saved[0]["tests"]], ["not run"] * 2)
        for output in outputs.values():
            self.assertEqual(output, "the submission cannot be read: File is not a zip file")

    def test_rubric(self):
        checks = RUBRIC["checks"]
        self.assertEqual(sum(check["public"] + check.get("private", 0) for check in checks), 100)
        tests = [test for check in [*checks, *RUBRIC["rules"]] for test in check["tests"]]
        loader = unittest.TestLoader()
        loader.loadTestsFromNames(tests)
        self.assertEqual(loader.errors, [])


@unittest.skipIf(os.name == "nt", "the grader needs Linux or macOS")
class TestAutograder(InFolder):
    """The archive, laid out as Gradescope does it, but for the data that setup.sh makes."""

    def setUp(self):
        super().setUp()
        archive = self.folder / "autograder.zip"
        done = run_program("-m", "course", "autograder", archive, cwd=ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.source = self.folder / "autograder" / "source"
        run_program("-m", "zipfile", "-e", archive, self.source)
        (self.folder / "autograder" / "results").mkdir()
        shutil.rmtree(self.source / "data")
        write_made_up_data(self.source)
        write_solution(self.folder / "autograder" / "submission")
        self.json = self.folder / "autograder" / "results" / "results.json"

    def test_run(self):
        checks = ("1.1 a load_mnist_trainval, split", "2.1 c", "4", "configs config_two")
        write_rubric(self.source / "course/rubric.yaml", checks, rules=["i"])
        config = self.source / "configs/config_twolayer.yaml"
        config.write_text(config.read_text().replace("batch_size: 64", "batch_size: 4"))
        run = Path(shutil.copy(self.source / "run_autograder", self.folder / "autograder"))
        run.chmod(0o755)
        Path("bin").mkdir()
        Path("bin/python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        Path("bin/python3").chmod(0o755)
        path = f"{Path('bin').resolve()}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        output = subprocess.check_output(
            [run], env=environment, stderr=subprocess.STDOUT, text=True, timeout=60
        )
        self.assertIn("configs config_twolayer.yaml reaches 0.9", output)
        results = json.loads(self.json.read_text())
        self.assertEqual([test["output"] for test in results["tests"] if test["output"]], [])
        self.assertEqual(results["score"], 13)
        self.assertIn("Score: 13 of 13", output)

    def test_stopped(self):
        write_rubric(self.source / "course/rubric.yaml", ["2.1 b soft"], ["printed"])
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for path in (self.folder, pipe):
            path.chmod(0o777)  # for the user whom the submission runs as
        with (self.folder / "autograder/submission/models/_base_network.py").open("a") as file:
            file.write(
                f"pipe = open({str(pipe)!r}, 'w')\n"
                "def softmax(self, scores):\n"
                "    print(file=pipe, flush=True)\n"
                "    while True: pass\n"
                "_baseNetwork.softmax = softmax\n"
            )
        heard = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, heard)
        command = [sys.executable, "-m", "course", "grade", "../submission", "--json"]
        with subprocess.Popen(
            [*command, self.json], cwd=self.source, stderr=subprocess.DEVNULL
        ) as grader:
            self.assertTrue(select.select([heard], [], [], 60)[0], "softmax is not called")
            grader.send_signal(signal.SIGTERM)
            self.assertEqual(grader.wait(timeout=60), 130)
        results = json.loads(self.json.read_text())
        self.assertEqual((results["score"], len(results["tests"])), (0, 2))

    def test_a_submission_that_is_not_there(self):
        done = run_program("-m", "course", "grade", "nowhere", cwd=self.source)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "course: nowhere: No such file or directory\n")

    def test_no_solution_is_in_it(self):
        names = {path.name for path in self.source.rglob("*")}
        self.assertIn("rubric.yaml", names)
        self.assertFalse(names & {"mistakes.py", "report"})
