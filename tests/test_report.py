"""The report: its theory, its plan, its statistics, how it runs, and what it says."""

import copy
import dataclasses
import functools
import itertools
import json
import os
import re
import signal
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import matplotlib
import numpy as np

import main
from report import layout, plan, results, running, slides, theory
from report.results import Outcome, Sample
from tests import (
    ROOT,
    run_program,
    start_program,
    warnings_are_errors,
    write_made_up_data,
)

KEPT = ROOT / "report" / "results"


class TestTheory(unittest.TestCase):
    LOGITS = ((0.3, -1.2, 2.0, 0.0), (5.0, 5.0, -3.0))

    def difference(self, function, z, j, h=1e-6):
        """Return the central difference of a function of z with respect to z_j."""
        step = h * np.eye(len(z))[j]
        return (function(z + step) - function(z - step)) / (2 * h)

    def test_softmax_jacobian(self):
        for z in map(np.array, self.LOGITS):
            jacobian = theory.softmax_jacobian(z)
            for j in range(len(z)):
                np.testing.assert_allclose(
                    jacobian[:, j], self.difference(theory.softmax, z, j), atol=1e-9
                )
            np.testing.assert_allclose(jacobian.sum(axis=1), 0, atol=1e-12)

    def test_gradient_of_the_cross_entropy(self):
        for z, label in itertools.product(map(np.array, self.LOGITS), range(3)):
            gradient = theory.cross_entropy_gradient(z, label)
            for j in range(len(z)):
                expected = self.difference(lambda z: -np.log(theory.softmax(z)[label]), z, j)  # noqa: B023
                self.assertAlmostEqual(gradient[j], expected, delta=1e-8)

    def test_neurons_compute_their_tables(self):
        for name, table in (("AND", (0, 0, 0, 1)), ("OR", (0, 1, 1, 1))):
            neuron = theory.NEURONS[name]
            outputs = tuple(neuron(x) for x in ((0, 0), (0, 1), (1, 0), (1, 1)))
            self.assertEqual(outputs, table)
            self.assertEqual(theory.TRUTH[name], table)

    def test_a_neuron_fires_on_its_line(self):
        self.assertEqual(theory.Neuron((1, 0), -1)((1, 0)), 1)

    def test_no_neuron_of_a_grid_computes_xor(self):
        values = np.linspace(-3, 3, 13)
        for w1, w2, b in itertools.product(values, repeat=3):
            neuron = theory.Neuron((w1, w2), b)
            self.assertNotEqual(tuple(map(neuron, theory.INPUTS)), theory.TRUTH["XOR"])


class TestPlan(unittest.TestCase):
    def test_one_thing_is_changed_at_a_time(self):
        default = main.read_config(ROOT / "configs" / "config_exp.yaml")
        default = dataclasses.replace(default, momentum=None, debug=False)
        for settings, key, values in (
            (plan.LEARNING_RATES, "learning_rate", [1, 0.1, 0.05, 0.01]),
            (plan.REGULARIZATIONS, "reg", [1, 0.1, 0.01, 0.001, 0.0001]),
        ):
            self.assertEqual([getattr(one.config, key) for one in settings], values)
            for one in settings:
                changed = dataclasses.replace(one.config, **{key: getattr(default, key)})
                self.assertEqual(changed, default)
                self.assertEqual((one.images, one.random_labels), (48_000, False))

    def test_every_setting_has_three_seeds_and_every_run_a_name(self):
        for quick in (False, True):
            experiments = plan.everything(quick)
            runs = plan.all_runs(experiments)
            self.assertEqual(len({run.name for run in runs}), len(runs))
            described = {json.dumps(run.as_dict()) for run in runs}
            self.assertEqual(len(described), len(runs))
            for one in itertools.chain(*experiments.values()):
                seeds = {run.setting.config.seed for run in one.runs()}
                self.assertGreaterEqual(len(seeds), 3)
                self.assertLessEqual({run.name for run in one.runs()}, {run.name for run in runs})

    def test_the_search_varies_enough_and_never_sees_the_test_set(self):
        configs = [one.config for one in plan.searched(plan.everything())]
        varied = [
            key
            for key in ("batch_size", "learning_rate", "hidden_size", "reg")
            if len({getattr(config, key) for config in configs}) > 1
        ]
        self.assertGreaterEqual(len(varied), 3)
        self.assertFalse(any(one.tested for one in plan.searched(plan.everything())))

    def test_quick_is_small(self):
        whole, small = (
            sum(run.setting.work for run in plan.all_runs(plan.everything(quick)))
            for quick in (False, True)
        )
        self.assertLess(small, whole / 30)


def made_up_outcome(valid: list[float], **setting) -> Outcome:
    """Return an outcome of one epoch with these validation accuracies, a seed each."""
    histories = [{"valid_accuracy": [value], "best_epoch": 1} for value in valid]
    return Outcome(dataclasses.replace(plan.LONG[0], **setting), histories)


class TestStatistics(unittest.TestCase):
    def test_mean_and_spread(self):
        sample = Sample((0.90, 0.92, 0.97))
        self.assertAlmostEqual(sample.mean, 0.93)
        self.assertAlmostEqual(sample.spread, (0.0026 / 2) ** 0.5)
        self.assertEqual(sample.percent(), "93.00 ± 3.61")
        self.assertEqual(Sample((0.5,)).spread, 0)

    def test_a_difference_within_the_spread_is_none(self):
        low, high = Sample((1.0, 2.0, 3.0)), Sample((2.9, 3.9, 4.9))
        self.assertFalse(high.above(low))
        self.assertTrue(Sample((3.1, 4.1, 5.1)).above(low))
        self.assertFalse(low.above(Sample((3.1, 4.1, 5.1))))

    def test_accuracies_are_those_of_the_best_epoch(self):
        result = {
            "train_accuracy": [0.1, 0.2, 0.3],
            "valid_accuracy": [0.4, 0.6, 0.5],
            "best_epoch": 2,
            "test_accuracy": 0.55,
        }
        outcome = Outcome(plan.LONG[0], [result])
        self.assertEqual(outcome.train.values, (0.2,))
        self.assertEqual(outcome.valid.values, (0.6,))
        self.assertEqual(outcome.test.values, (0.55,))
        self.assertEqual(outcome.last("train_accuracy").values, (0.3,))
        self.assertEqual(outcome.best_epoch.values, (2,))

    def test_the_best_mean_on_the_validation_set_is_chosen(self):
        one = made_up_outcome([0.90, 0.99, 0.90], images=1)
        other = made_up_outcome([0.94, 0.94, 0.94], images=2)
        self.assertIs(results.best([one, other]), other)
        chosen = results.chosen([one, other])
        self.assertEqual((chosen.images, chosen.tested, chosen.examined), (2, True, True))


class InFolder(unittest.TestCase):
    """Every test works in a folder of its own with small made-up data."""

    def setUp(self):
        warnings_are_errors(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.folder = Path(folder.name)
        write_made_up_data(self.folder, train=200, test=60)


SMALL = plan.Setting(
    plan.with_(plan.DEFAULT, batch_size=10, hidden_size=6, epochs=3, learning_rate=0.5),
    tested=True,
    examined=True,
)


class TestRunning(InFolder):
    def test_a_result_is_that_of_main(self):
        data = main.load_data()
        expected = main.run(SMALL.config, data)
        result = running.execute(SMALL, data)
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            self.assertEqual(result[name], getattr(expected, name))
        self.assertEqual(result["best_epoch"], expected.best_epoch)
        self.assertEqual(result["test_accuracy"], expected.test_accuracy)
        self.assertEqual(len(result["weight_norm"]), 3)
        confusion = np.array(result["confusion"])
        self.assertEqual(confusion.sum(), 60)
        self.assertEqual(confusion.diagonal().sum() / 60, expected.test_accuracy)
        labels = data.test[1]
        np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(labels, minlength=10))
        self.assertEqual(len(result["mistakes"]), min(40, 60 - confusion.diagonal().sum()))
        sure = [mistake["probability"] for mistake in result["mistakes"]]
        self.assertEqual(sure, sorted(sure, reverse=True))
        for mistake in result["mistakes"]:
            self.assertEqual(mistake["label"], labels[mistake["image"]])
            self.assertNotEqual(mistake["label"], mistake["read_as"])
            np.testing.assert_array_equal(
                slides.figures.decode(mistake["pixels"]), data.test[0][mistake["image"]]
            )
        self.assertEqual(len(result["units"]), 6)

    def test_weight_norm_leaves_biases_out(self):
        model = mock.Mock(weights={"W1": np.array([[3.0]]), "b1": np.array([7.0])})
        model.weights["W2"] = np.array([[0.0, 4.0]])
        self.assertEqual(running.weight_norm(model), 5)

    def test_the_search_cannot_see_the_test_set(self):
        given = self.given_to_main(dataclasses.replace(SMALL, tested=False), main.load_data())
        self.assertIsNone(given.test)

    def given_to_main(self, setting: plan.Setting, data: main.Data) -> main.Data:
        """Return the data that a setting is run on."""
        with (
            mock.patch("main.run", side_effect=InterruptedError) as run,
            self.assertRaises(InterruptedError),
        ):
            running.execute(setting, data)
        return run.call_args.args[1]

    def test_random_labels_and_fewer_images(self):
        setting = dataclasses.replace(SMALL, images=100, random_labels=True)
        data = main.load_data()
        given = self.given_to_main(setting, data)
        images, labels = given.train
        np.testing.assert_array_equal(images, data.train[0][:100])
        self.assertEqual(labels.shape, (100,))
        self.assertLess(np.mean(labels == data.train[1][:100]), 0.5)
        self.assertEqual(len(np.unique(labels)), 10)
        self.assertIs(given.valid, data.valid)

    def test_only_what_is_missing_is_run(self):
        setting = dataclasses.replace(SMALL, examined=False)
        lines = []
        running.run_missing(setting.runs((1, 2)), self.folder / "kept", lines.append)
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[1], r"^\[2/2\] .*: validation accuracy 0\.\d{4}; about 0 min left$")
        first, second = sorted((self.folder / "kept").iterdir())
        before = first.stat().st_mtime_ns
        whole = json.loads(second.read_text())
        short = json.dumps({**whole, "valid_loss": [0.1]}).encode()
        no_test = json.dumps({**whole, "test_accuracy": None}).encode()
        other = json.dumps({**whole, "run": json.loads(first.read_text())["run"]}).encode()
        deep = b"[" * 200_000
        for spoilt in (second.read_bytes()[:-100], b"", b"[]", short, no_test, other, deep):
            second.write_bytes(spoilt)
            running.run_missing(setting.runs((1, 2)), self.folder / "kept", lines.append)
            again = json.loads(second.read_text())
            self.assertEqual({**again, "seconds": 0}, {**whole, "seconds": 0})
        self.assertEqual(first.stat().st_mtime_ns, before)
        self.assertEqual(len(lines), 9)


class TestProgram(InFolder):
    """`python -m report` as a user runs it."""

    def start(self, *arguments):
        return start_program(
            "-m", "report", *arguments, cwd=self.folder, env={"PYTHONPATH": str(ROOT)}
        )

    @unittest.skipIf(os.name == "nt", "needs signals")
    def test_quick_survives_being_killed(self):
        with self.start("--quick") as process:
            for _ in range(4):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            process.communicate()
        kept = self.folder / "report" / "quick" / "results"
        before = {path: path.stat().st_mtime_ns for path in kept.glob("[!.]*.json")}
        self.assertGreaterEqual(len(before), 4)
        self.assertFalse((kept.parent / "report.pdf").exists())
        with self.start("--quick") as process:
            for _ in range(2):
                process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertRegex(stderr, r"\Areport: interrupted; what is done is kept[^\n]*\n\Z")
        with self.start("--quick") as process:
            stdout, stderr = process.communicate()
        self.assertEqual((process.returncode, stderr), (0, ""))
        for path, changed in before.items():
            self.assertEqual(path.stat().st_mtime_ns, changed)
        names = [f"report/quick/{name}" for name in ("report.pdf", "tables.md", "tuning.png")]
        for name in names:
            self.assertIn(f"wrote {name}\n", stdout)
        self.assertIn("QUICK VERSION", (kept.parent / "tables.md").read_text("utf-8"))
        pdf = (kept.parent / "report.pdf").read_bytes()
        self.assertEqual(len(re.findall(rb"/Type /Page\b", pdf)), len(slides.SLIDES))

    def test_a_run_that_diverges_is_told(self):
        diverging = dataclasses.replace(
            SMALL, config=plan.with_(SMALL.config, learning_rate=1e9, reg=10.0, epochs=40)
        )
        with self.assertRaisesRegex(ValueError, "hidden6_.*: diverged"):
            running.execute(diverging, main.load_data())

    def test_a_bad_option_and_another_backend(self):
        environment = {"PYTHONPATH": str(ROOT), "MPLBACKEND": "nonsense"}
        done = run_program("-m", "report", "--quik", cwd=self.folder, env=environment)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"\Apython -m report: [^\n]*--quik[^\n]*\n\Z")

    @unittest.skipIf(os.name == "nt", "needs signals")
    def test_ctrl_c_while_modules_load(self):
        (self.folder / "yaml.py").write_text(
            "import time\nprint('now', flush=True)\ntime.sleep(60)\n"
        )
        environment = {"PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}"}
        with start_program("-m", "report", cwd=self.folder, env=environment) as process:
            self.assertEqual(process.stdout.readline(), "now\n")
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate()
        self.assertEqual((process.returncode, stderr), (130, "report: interrupted\n"))

    def test_what_can_go_wrong_is_told_in_one_line(self):
        (self.folder / "data" / "mnist_test.csv").unlink()
        done = run_program("-m", "report", cwd=self.folder, env={"PYTHONPATH": str(ROOT)})
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"\Areport: [^\n]*mnist_test\.csv: no such file; [^\n]*\n\Z")


@functools.cache
def story() -> slides.Story:
    """Return the story of the results that are kept in the project."""
    return slides.Story(KEPT)


class TestReport(unittest.TestCase):
    """The report of the kept results: nothing is trained."""

    def test_every_slide_fits_and_every_sentence_holds(self):
        warnings_are_errors(self)
        with matplotlib.rc_context(layout.STYLE):
            made = [make(story()) for make in slides.SLIDES]
        self.assertEqual(len(made), 17)

    def test_a_sentence_that_does_not_hold_is_not_said(self):
        self.assertEqual(story().says(True, "so"), "so")
        with self.assertRaisesRegex(slides.ClaimError, "not so"):
            story().says(False, "not so")
        quick = mock.Mock(quick=True)
        self.assertEqual(slides.Story.says(quick, False, "not so"), "")

    def test_sentences_hang_on_the_results(self):
        """With the outcomes of an experiment in another order, its slide is not made."""
        for name, make in (
            ("learning rate", slides.learning_rates_why),
            ("less decay", slides.learning_rates_why),
            ("regularization", slides.regularization_why),
            ("batch and step", slides.batch_and_step),
            ("long steps", slides.width_and_decay),
            ("decay", slides.width_and_decay),
            ("images", slides.long_runs),
            ("undone", slides.best_setting),
            ("labels", slides.labels),
        ):
            with self.subTest(name):
                told = copy.copy(story())
                swapped = told.outcomes[name][::-1] if name != "less decay" else [told.default]
                settings = told.experiments[name]
                told.outcomes = told.outcomes | {
                    name: [
                        Outcome(setting, outcome.results)
                        for setting, outcome in zip(settings, swapped)
                    ]
                }
                with matplotlib.rc_context(layout.STYLE), self.assertRaises(slides.ClaimError):
                    make(told)

    def test_tables_and_readme_show_the_results(self):
        tables = "\n\n".join(slides.tables(story())) + "\n"
        self.assertEqual((ROOT / "report" / "tables.md").read_text("utf-8"), tables)
        self.assertIn(slides.comparison(story()), (ROOT / "README.md").read_text("utf-8"))

    def test_the_chosen_config_ships(self):
        config = main.read_config(ROOT / "configs" / "config_best.yaml")
        first = story().best.setting.runs()[0].setting.config
        self.assertEqual(dataclasses.replace(config, momentum=None, debug=False), first)

    def test_the_review_keeps_to_its_limit(self):
        text = " ".join(slides.labels_text(story()))
        self.assertLessEqual(len(text.split()), 350)
        self.assertGreaterEqual(len(text.split()), 200)

    def test_at_least_98_percent(self):
        self.assertGreaterEqual(story().best.test.mean, 0.98)


class TestLayout(unittest.TestCase):
    def test_words(self):
        parts = [(w.text, w.weight, w.blank) for w in layout.words("**Bold one**: $a + b$, c")]
        self.assertEqual(
            parts,
            [
                ("Bold", "bold", True),
                ("one", "bold", True),
                (":", "normal", False),
                ("$a + b$,", "normal", True),
                ("c", "normal", True),
            ],
        )

    def test_lines_fit(self):
        text = "some words of several lengths that have to be broken into lines " * 5
        for width in (90, 200, 500):
            for line in layout.break_lines(text, width, 12):
                used = sum(word.extent(12)[0] for word in line)
                self.assertLessEqual(used + 3 * (len(line) - 1), width + 3)

    def test_what_does_not_fit_is_an_error(self):
        slide = layout.Slide("title")
        column = slide.column(right=100)
        for fails in (
            lambda: column.paragraph("incomprehensibilities " * 2, size=20),
            lambda: slide.column(right=200).paragraph("word " * 500),
            lambda: slide.column(300, 400).table(("a column", "another column"), [["1", "2"]], 20),
            lambda: slide.axes(700, 100, 100, 100),
            lambda: slide.axes(100, 400, 100, 100),
            lambda: slide.text(700, 100, "over the right margin", 20),
        ):
            with self.assertRaises(layout.LayoutError):
                fails()


if __name__ == "__main__":
    unittest.main()
