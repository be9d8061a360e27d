"""The grader: the points of a submission, and that attacks win none."""

import argparse
import collections
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import yaml

if os.name == "nt":
    raise unittest.SkipTest("the grader needs Linux or macOS")

from course import HERE, processes, remote, roster, write_solution
from course.__main__ import main
from course.grader import PRIVATE_COUNT, Grader, check_points, table, write_autograder
from course.mistakes import MISTAKES
from course.rubric import read_rubric
from course.submissions import read_submission
from tests import InFolder
from tests.project import run_program, write_made_up_data

RUBRIC = yaml.safe_load((HERE / "rubric.yaml").read_text())
# It disables unittest; then each function attacks in its own way.
ATTACKS = """
import ctypes, unittest

unittest.TestCase.fail = unittest.TestCase.run = lambda *arguments: None
unittest.TestResult.addFailure = unittest.TestResult.addError = lambda *arguments: None

def fill_the_folder(self, X):
    for number in range(300):
        open(str(number), "w").close()
    while True:
        pass

_baseNetwork.sigmoid = lambda self, X: ctypes.string_at(0)
_baseNetwork.ReLU = lambda self, X: bytearray(5 * 2**30)
_baseNetwork.ReLU_dev = fill_the_folder
_baseNetwork.compute_accuracy = lambda self, p, y: [None for _ in iter(int, 1)]
"""
# Its error lists its users, its limits, and what it could do but should not. If files of an earlier
# run remain, mkdir fails.
LOOK_AROUND = """
import ctypes, os, resource

def compute_accuracy(self, x_pred, y):
    # The folder of the tests belongs to the number below.
    users = {os.getuid(), os.getgid(), *os.getgroups(), os.stat("../tests").st_uid + 1}
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock"):
        closed = f"{folder}/left-by-{os.getuid()}"
        os.mkdir(closed)
        open(f"{closed}/file", "w").close()
        os.chmod(closed, 0)
    system = ctypes.CDLL(None)
    got = [system.shmget(1, 1, 0o1600), system.syscall(248, b"user", b"left", b"x", 1, -2)]
    got += [system.memfd_create(b"left", 0), system.unshare(2**28), system.socket(2, 1, 0)]
    got += [system.socketpair(1, 1, 0, bytes(8))]
    names = ("NPROC", "FSIZE", "NOFILE", "MSGQUEUE")
    limits = [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in names]
    known = "HOME TMPDIR MPLCONFIGDIR OMP_NUM_THREADS MPLBACKEND PYTHONUSERBASE"
    done = [*{*os.environ} - {"LC_CTYPE"} ^ {*known.split()}]
    writable = ["..", "../..", "../tests", "../../run", "../../data", "data/mnist_train.csv"]
    done += [place for place in writable if os.access(place, os.W_OK)]
    numbers = {*filter(str.isdigit, os.listdir("/proc"))} - {str(os.getpid())}
    readable = [f"/proc/{number}/environ" for number in numbers]
    readable += ["..", "../..", "../tests/submission/utils.py", "../../run/tests/course/rubric.yaml"]
    done += [place for place in readable if os.access(place, os.R_OK)]
    raise ValueError(f"{users} {done} {got} {limits}")

_baseNetwork.compute_accuracy = compute_accuracy
"""
# It prints much, all blank; its error shows the data that it was given.
TELLS = """
print(35_000 * " ")
_baseNetwork.compute_accuracy = lambda self, x_pred, y: float(f"about {x_pred.std()}")
"""
# Weights that were trained elsewhere: they know all made-up images.
TRAINED = """
def train(epoch, batched_train_data, batched_train_label, model, optimizer, debug=True):
    model.weights['W1'] = np.repeat(np.eye(10), [*[70] * 9, 154], axis=0)
    return 0.0, 1.0
"""


def write_rubric(path: Path, checks, rules=(), private=0, **options) -> None:
    """Write a rubric of a few rules and checks; the checks get these private points and options.

    `rules` are words in the names of rules, `checks` the beginnings of part and name.
    """
    content = RUBRIC | {
        "rules": [rule for rule in RUBRIC["rules"] if any(word in rule["name"] for word in rules)],
        "checks": [
            check | {"private": private, **options}
            for check in RUBRIC["checks"]
            if f"{check['part']} {check['name']}".startswith(tuple(checks))
        ],
    }
    path.write_text(yaml.safe_dump(content))


IMPORT = sys.executable, "-c", "import numpy, matplotlib"
# Whether this is root, and other users can run this Python, as on Gradescope.
CAN_ISOLATE = os.geteuid() == 0 and processes.quietly(*IMPORT, user=65534)[0] == 0


class TestGrader(InFolder):
    """If other users cannot run this Python, root grades without isolation here."""

    @classmethod
    def setUpClass(cls):
        folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, folder)
        write_made_up_data(folder, train=2000)
        workplace = processes.workplace(folder / "data")
        cls.place = workplace.__enter__()
        cls.addClassCleanup(workplace.__exit__, None, None, None)

    def setUp(self):
        super().setUp()
        self.submission = self.folder / "submission"
        write_solution(self.submission)

    def change(self, name: str, text: str) -> None:
        """Append to a file of the submission, or make it."""
        (self.submission / name).parent.mkdir(exist_ok=True)
        with (self.submission / name).open("a") as file:
            file.write(text)

    def grader(self, *checks, **options) -> Grader:
        """Return a grader with a rubric of a few rules and checks."""
        write_rubric(Path("rubric.yaml"), checks, **options)
        return Grader(read_rubric(Path("rubric.yaml")), self.place, CAN_ISOLATE)

    def grade(self, *checks, **options):
        """Grade by some rules and checks; return the score, and each output by name."""
        results = self.grader(*checks, **options).grade(self.submission)
        return results["score"], {test["name"]: test["output"] for test in results["tests"]}

    def test_attacks_win_nothing(self):
        self.change("models/_base_network.py", ATTACKS)
        score, outputs = self.grade("2.1 a ReLU", "2.1 a sigmoid", "2.1 c", seconds=1)
        self.assertEqual(score, 0)
        self.assertIn("no reply: the submission crashed", outputs["sigmoid"])
        self.assertIn("MemoryError", outputs["ReLU"])
        self.assertIn("more than 200 files", outputs["ReLU_dev"])
        self.assertIn("the check takes more than 1 seconds", outputs["compute_accuracy"])
        self.assertEqual([*self.place.glob("run-*")], [])

    def test_an_empty_error_is_no_success(self):
        attack = "import __main__\n__main__.encode = None\n__main__.explain = lambda *_: ''\n"
        self.change("models/__init__.py", attack)
        self.assertEqual(self.grade("2.1 c")[0], 0)

    @unittest.skipUnless(CAN_ISOLATE, "only root can isolate")
    def test_what_a_submission_reaches(self):
        self.change("models/_base_network.py", LOOK_AROUND)
        for test in self.grader("2.1 c", private=2).grade(self.submission)["tests"]:
            _, _, found = test["output"].partition("ValueError: ")
            self.assertRegex(found, "^{5[89]..[13579]} ")
            self.assertIn(f"}} [] {6 * [-1]} [0, 31457280, 64, 0]", found)

    @unittest.skipIf(os.geteuid(), "only root changes users")
    def test_users_of_a_grade(self):
        with processes.two_users(True) as (tests, user), processes.two_users(True) as others:
            self.assertEqual(len({tests, user, *others}), 4)
            closed = Path(tempfile.mkdtemp(dir="/tmp"))
            self.addCleanup(shutil.rmtree, closed, ignore_errors=True)
            os.chown(closed, user, user)
            processes.quietly("sh", "-c", f"cd {closed} && touch $(seq 200)", user=user)
            closed.chmod(0)
            self.assertTrue(processes.uses_too_much(self.folder, user))
            with mock.patch.multiple(processes, MOST_FILES=1000, MOST_KILOBYTES=1):
                self.assertTrue(processes.uses_too_much(self.folder, user))
        named = {58000, 58003}
        with (
            mock.patch.object(processes, "quietly", lambda _, user: (user not in named, "")),
            mock.patch.object(processes, "end_all") as ends,
            processes.two_users(True) as users,
        ):
            self.assertGreater(users[0], 58003)
            ends.assert_called_once_with(users[1])  # what a killed grader has left

    @unittest.skipIf(os.geteuid(), "only root changes users")
    def test_root_refuses_where_others_cannot_run_python(self):
        Path("python").symlink_to(sys.executable)  # in a folder that others cannot enter
        grader = Grader(read_rubric(HERE / "rubric.yaml"), self.place)
        with mock.patch.object(sys, "executable", str(self.folder / "python")):
            self.assertRaisesRegex(ValueError, "^root cannot run students' code", grader.try_out)

    def test_gradients_belong_to_the_initial_weights(self):
        swap = (
            "\ndef swap(self, name, value):\n    vars(self)[name] = value\n"
            "    if name == 'softmax':  # a test begins\n"
            "        self.weights['W1'] = -np.ones_like(self.weights['W1'])  # gradients: 0\n"
            "\n\nSoftmaxRegression.__setattr__ = swap\n"
            "SoftmaxRegression.forward = lambda *_: (np.log(10), 0.1)\n"
        )
        self.change("models/softmax_regression.py", swap)
        self.assertEqual(self.grade("2.2 a SoftmaxRegression, initial")[0], 0)

    def test_what_is_learned_is_measured_on_our_data(self):
        config = self.place / "run/tests/configs/config_twolayer.yaml"
        config.write_text(config.read_text().replace("batch_size: 64", "batch_size: 2"))
        text = "\nimport functools\nload_mnist_trainval = functools.cache(load_mnist_trainval)\n"
        self.change("utils.py", text)  # they get MNIST, not the made-up images of earlier checks
        self.assertEqual(self.grade("1.1 a", "configs config_two")[0], 8)
        nothing = TRAINED.replace("np.repeat", "0 * np.repeat")  # one label in ten is right
        for attack, accuracy in ((nothing, "0.[01].*"), (TRAINED, "0.0000")):
            self.change("utils.py", attack)
            _, outputs = self.grade("configs config_soft")
            self.assertRegex(*outputs.values(), f"test accuracy {accuracy}, expected 0.5 or more")

    def test_code_that_cannot_be_imported(self):
        for name, text, message in (
            ("main.py", b"raise SystemExit('not today')", "main.py, line 1: SystemExit: not today"),
            ("utils.py", b"import a\n<<<<<<< HEAD\n", "utils.py, line 2: invalid syntax"),
            ("models/_base_network.py", "a".encode("utf-16"), "_base_network.py, line 1: "),
        ):
            with self.subTest(message):
                (self.submission / name).write_bytes(text)
                score, outputs = self.grade("2.1 a", rules=[""])
                first, *others = outputs.values()
                self.assertIn(message, first)
                self.assertEqual((score, {*others}), (0, {""}))

    def test_definitions_and_imports(self):
        file = self.submission / "utils.py"
        decoy = "def generate_batched_data(data, label, batch_size=32, shuffle=False, seed=None): 0"
        text = file.read_text().replace("shuffle=False", "shuffle=True")
        file.write_text(f"{text}\nimport time, layers.dense\nif 0:\n    {decoy}\n")
        self.change("layers/dense.py", "import csv\n")
        file = self.submission / "optimizer/sgd.py"
        file.write_text(file.read_text().replace("update(self, model)", "update(self, model, t)"))
        score, outputs = self.grade("2.1", rules=["definitions", "imports"])
        definitions, imports, *_ = outputs.values()
        self.assertEqual(score, 0)  # 13 less 20
        found = r"sgd.py: found SGD.update\(self, model, t\), expected SGD.update\(self, model\)\n"
        found += r"utils.py: found (generate.*shuffle=)True(, .*\)), expected \1False\2$"
        self.assertRegex(definitions, found)
        self.assertIn("layers.dense: import of csv; utils: import of time", imports)

    def test_what_the_rules_allow(self):
        self.change("utils.py", "\nprint('Loading training data...\\rLoading test data...')\n")
        self.change("optimizer/sgd.py", "\nimport layers.dense, numpy.random\n")
        self.change("layers/dense.py", "from __future__ import annotations\n")
        self.change("layers/dense.py", "import os\nos.write(2, b'a warning')\n")
        self.change("notebook.py", "!pip install pandas\n")  # is never imported
        file = self.submission / "models/softmax_regression.py"
        text = file.read_text().replace("=28 * 28", "=784").replace("(self, X,", "(self, X: list,")
        file.write_text(text)
        score, outputs = self.grade("2.1 c", rules=[""])
        self.assertEqual((score, {*outputs.values()}), (2, {""}))

    def test_a_mistake_costs_few_points(self):
        for mistake in MISTAKES:
            if mistake.words in ("(axis 0)", "biases are regularized"):
                mistake.apply(self.submission)
        self.change("models/_base_network.py", "del _baseNetwork.ReLU\n")
        score, outputs = self.grade("2.1 b", "2.2 a TwoLayerNet, gradients of the o", "3 a", "3 b")
        self.assertEqual(score, 2 + 2 + 3 + 1)
        self.assertIn("(axis 0)", outputs["softmax"])

    def test_what_private_checks_see_is_not_shown(self):
        groups = []

        def run(items, *_):
            groups.append({item.private for item in items})
            return [[]] * len(items), "secret" * items[0].private

        with mock.patch.object(processes, "run", run):
            _, outputs = self.grade("2.1 a", "configs", rules=["printed"], private=2)
        self.assertEqual(groups, [{False}, {False}, {True}, {True}])
        self.assertEqual(outputs["nothing is printed (-all)"], "printed: in a private check")

    def test_time_for_all_checks(self):
        self.change("models/_base_network.py", "import time\ntime.sleep(60)\n")
        grader = self.grader("2.1")
        grader.rubric.seconds = 2
        results = grader.grade(self.submission)
        self.assertEqual(results["output"], "Time ran out; the last checks were not run.")
        self.assertIn("the time for all checks is up", results["tests"][0]["output"])
        self.addCleanup(processes.stopping.clear)
        processes.stopping.set()  # as Ctrl-C does
        self.assertRaises(KeyboardInterrupt, grader.grade, self.submission)

    def test_class(self):
        for number in (1, 2):
            shutil.copytree(self.submission, f"class/student {number}")
        with Path("class/student 2/models/_base_network.py").open("a") as file:
            file.write(TELLS)
        with zipfile.ZipFile("class/student 3.zip", "w") as archive:
            for folder in ("a", "\x1b[2J"):
                archive.writestr(f"{folder}/utils.py", "")
        for name in ("student 4.rar", ".DS_Store", "__MACOSX", "submission_metadata.yml"):
            Path("class", name).touch()
        grader = self.grader("2.1 c", rules=["printed"], private=2)

        def run(jobs: int, file: str, **options) -> list:
            names = {"paths": [Path("class")], "csv": Path(file), "feedback": Path("feedback")}
            with mock.patch.object(roster, "log", **options) as log:
                roster.grade_class(grader, argparse.Namespace(jobs=jobs, **names))
            return [line for (line,), _ in log.call_args_list]

        run(2, "whole.csv")
        whole = Path("whole.csv").read_text()
        self.addCleanup(processes.stopping.clear)
        with self.assertRaises(KeyboardInterrupt):
            run(1, "parts.csv", side_effect=[None, KeyboardInterrupt])
        self.assertEqual(Path("parts.csv").read_text().count("\n"), 2)
        self.assertTrue(processes.stopping.is_set())
        processes.stopping.clear()
        with Path("parts.csv").open("a") as file:
            file.write("\n")  # a row was deleted by hand
        lines = run(1, "parts.csv")
        self.assertEqual(Path("parts.csv").read_text(), whole)
        self.assertEqual(lines[0], "4 submissions, 3 of them without a row in parts.csv")
        expected = """\
submission,score,rules broken,note,2.1 c compute_accuracy (2),2.1 c compute_accuracy (private) (2)
student 1,4,,,2,2
student 2,0,"nothing is printed (-all): printed: more than 30,000 bytes",,0,0
student 3.zip,0,,"the submission cannot be read: expected one folder with a utils.py, found ?[2J/ and a/",0,0
student 4.rar,0,,the submission cannot be read: File is not a zip file,0,0
"""
        self.assertEqual(whole, expected)
        feedback = Path("feedback/student 1.txt").read_text()
        self.assertIn(f"Score: 4 of 4\n{PRIVATE_COUNT}", feedback)
        self.assertNotIn("private ", feedback.replace("private checks", ""))
        results = grader.grade(Path("class/student 2"))
        _, public, private = (test["output"] for test in results["tests"])
        self.assertNotEqual(public, private)
        self.assertEqual(Path("feedback/student 2.txt").read_text().count("ValueError"), 1)
        points = table(results, "messages")
        self.assertEqual((points.count("private "), points.count("ValueError")), (1, 1))
        some = [Path("a/student"), Path("b/student")]
        self.assertEqual(roster.find_submissions(some), dict(zip(map(str, some), some)))
        self.assertEqual([*roster.find_submissions([Path("a\x1b.zip")])], ["'a\\x1b.zip'"])
        grader = self.grader("2.1")
        with self.assertRaisesRegex(ValueError, "whole.csv: not the columns of this rubric"):
            run(1, "whole.csv")


class TestReading(InFolder):
    """Submissions, rubrics and the wire, without a run."""

    def test_zips(self):
        def read(content: dict, compression=zipfile.ZIP_STORED) -> dict:
            with zipfile.ZipFile("submission.zip", "w", compression) as archive:
                for name, text in content.items():
                    archive.writestr(name, text)
            return read_submission(Path("submission.zip"))

        write_solution(Path("submission"))
        Path("submission/models.py").touch()  # beside models/, it changes nothing
        Path("submission/layers/utils").mkdir(parents=True)
        Path("submission/layers/utils/dense.py").touch()
        files = read_submission(Path("submission"))
        own = {"models.py", "models/two_layer_nn.py", "layers/utils/dense.py"}
        self.assertTrue(own <= files.keys())
        top = "./a b/c/"
        ignored = ["tests/utils.py", "tests.py", "report/b.py", "a/b/c/d.py", 300 * "a" + ".py"]
        ignored += ["../b.py", "utils/__init__.py", "models/two_layer_nn/__init__.py"]
        ignored = [top + name for name in ignored]
        ignored += ["d.py", "__MACOSX/b/utils.py", ".b/b/utils.py"]
        few = {top + name: files[name] for name in files if name != "main.py"}  # in GIVEN
        self.assertEqual(read(few | dict.fromkeys(ignored, "")), files)
        windows = {f"a folder\\{name}".replace("/", "\\"): files[name] for name in files}
        self.assertEqual(read(windows, zipfile.ZIP_DEFLATED), files)
        for content, compression, message in (
            ({"a/utils.py": "", "b/utils.py": ""}, 0, "with a utils.py, found a/ and b/"),
            ({"util.py": ""}, 0, "with a utils.py, found none"),
            ({"utils.py": "a" * 2**21}, zipfile.ZIP_DEFLATED, "utils.py is larger than 1 MB, or"),
            ({"utils.py": "a"}, zipfile.ZIP_LZMA, "in an unusual way"),
            (files | {f"a{n}.py": "" for n in range(101)}, 0, "more than 100 files"),
        ):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                read(content, compression)
        for content in (bytes(50 * 2**20 + 1), 100_001 * b"PK\1\2"):
            Path("submission.zip").write_bytes(content)
            with self.assertRaisesRegex(ValueError, "larger than 50 MB, or"):
                read_submission(Path("submission.zip"))

    def test_links(self):
        write_solution(Path("other"))
        Path("submission").symlink_to("other")
        with self.assertRaisesRegex(ValueError, "it is a link"):
            read_submission(Path("submission"))
        files = read_submission(Path("other"))
        Path("other/link.py").symlink_to("utils.py")
        Path("other/layers").symlink_to("models")
        self.assertEqual(read_submission(Path("other")), files)

    def test_rubric(self):
        rubric = read_rubric(HERE / "rubric.yaml")
        self.assertEqual(sum(item.points for item in rubric.items), 100)
        text = (HERE / "rubric.yaml").read_text()
        for old, new, message in (
            ("private_seed: 7643\n", "", "private_seed is missing"),
            ("7643", "", "private_seed is missing"),
            ("public: 3", "public: three", "load_mnist_trainval, split: public: .* 'three'"),
            ("public: 3", "publik: 3", "trainval, split: publik: unknown key"),
            ("printing: true", "cost: 1", "a key twice: .'name', 'cost', 'cost"),
            ("printing: true", "tests: []", "nothing is printed: expected either"),
            ("public: 3", "public: -3", "split: public: .* -3"),
            ("public: 3", "public: .inf", "split: public: .* inf"),
            ("'Loading \\w+ data\\W*'", "5", "the rubric: allowed_output: .*5"),
            ("show_private: false", "show_private: 1", "the rubric: show_private: "),
            ("cost: all", "cost: most", "cost: .* 'most'"),
            ("seconds: 420", "minutes:", "minutes: unknown key"),
            ("seconds: 420", "seconds: 0", "seconds: .* 0"),
        ):
            with self.subTest(message):
                Path("rubric.yaml").write_text(text.replace(old, new, 1))
                with self.assertRaisesRegex(ValueError, f"^rubric.yaml: .*{message}"):
                    read_rubric(Path("rubric.yaml"))
        Path("rubric.yaml").write_text(text.replace("cost: 10", "cost: 0"))
        self.assertEqual(len(read_rubric(Path("rubric.yaml")).items), len(rubric.items) - 2)
        Path("rubric.yaml").write_text(text.replace("7643", "fall2026"))
        seeds = {item.seed for item in read_rubric(Path("rubric.yaml")).items}
        self.assertEqual(seeds, {"0", "fall2026"})

    def test_what_crosses_the_wire(self):
        Pair = collections.namedtuple("Pair", "loss accuracy")
        arrays = [np.zeros(2), np.ones(3)]
        for value, expected in (
            (Pair(np.float32(1), 2), (np.float32(1), 2)),
            (collections.UserList([1, "a"]), [1, "a"]),
            (np.array(arrays, object), arrays),
        ):
            found = remote.decode(json.dumps(remote.encode(value, repr)), None)
            self.assertIs(type(found), type(expected))
            np.testing.assert_equal(found, expected)


class TestAutograder(InFolder):
    """The archive, laid out as Gradescope does it, except for the data that setup.sh makes."""

    def setUp(self):
        super().setUp()
        write_autograder(self.folder / "autograder.zip")
        self.source = self.folder / "autograder" / "source"
        shutil.unpack_archive("autograder.zip", self.source)
        (self.folder / "autograder" / "results").mkdir()
        shutil.rmtree(self.source / "data")
        write_made_up_data(self.source)
        write_solution(self.folder / "autograder" / "submission")

    def test_run(self):
        write_rubric(self.source / "course/rubric.yaml", ["2.1 c", "4"], rules=[""])
        run = Path(shutil.copy(self.source / "run_autograder", self.folder / "autograder"))
        run.chmod(0o755)
        Path("python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        Path("python3").chmod(0o755)
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        done = subprocess.run([run], env=environment, capture_output=True, text=True, check=False)
        if os.geteuid() == 0 and not CAN_ISOLATE:
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"^course: root cannot run students' code .*\n$")
            return
        results = json.loads(Path("autograder/results/results.json").read_text())
        self.assertEqual({test["output"] for test in results["tests"]}, {""})
        self.assertEqual((results["score"], results["output"]), (6, PRIVATE_COUNT))
        self.assertIn("Score: 6 of 6", done.stdout)

    def test_archive(self):
        names = {path.name for path in self.source.rglob("*")}
        self.assertIn("rubric.yaml", names)
        self.assertFalse(names & {"mistakes.py", "report"})  # they hold solutions
        code = "".join(file.read_text() for file in self.source.rglob("skeleton/**/*.py"))
        self.assertNotIn("SOLUTION", code)
        done = run_program("-m", "course", "grade", "nowhere", cwd=self.source)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "course: nowhere: No such file or directory\n")

    def test_a_rubric_that_asks_too_much(self):
        write_rubric(Path("rubric.yaml"), ["2.1 c"])
        text = Path("rubric.yaml").read_text()
        for test, message in (
            ("tests.test_loss.TestAccuracy.test_accurancy", "there is no such test: .*accurancy"),
            ("tests.oracle", "there is no such test: tests.oracle"),
            ("tests.test_loading.TestMnist", "the solution fails compute_accuracy"),
        ):
            Path("rubric.yaml").write_text(text.replace("tests.test_loss.TestAccuracy", test))
            with self.assertRaisesRegex(ValueError, message):
                check_points(Path("rubric.yaml"), self.source / "data")
        with (
            mock.patch("course.grader.check_points", side_effect=ValueError),
            mock.patch.object(sys, "argv", ["course", "autograder", "new.zip"]),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            self.assertEqual(main(), 2)
        self.assertFalse(Path("new.zip").exists())
