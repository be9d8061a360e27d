"""The report: its experiments, what is kept of them, and the document."""

import base64
import contextlib
import dataclasses
import io
import json
import re
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import main
from models import TwoLayerNet
from report import __main__ as program
from report import analysis, experiments, figures
from report.experiments import DEFAULT, vary
from tests import ROOT, InFolder, made_up_images, oracle
from tests.project import write_made_up_data

try:
    import typst
except ModuleNotFoundError:
    typst = None

SMALL = dict(DEFAULT, batch_size=10, hidden_size=6, epochs=3, learning_rate=2.0, seed=1)


def made_up_data() -> main.Data:
    """Return 300 images to train on, and 100 each to validate and test."""
    parts = [made_up_images(count, seed) for seed, count in enumerate((300, 100, 100))]
    return main.Data(*((images, labels) for labels, images in parts))


def accuracy(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray) -> float:
    return oracle.loss_and_accuracy(model.weights, images / 255, labels)[1]


class TestExperiments(unittest.TestCase):
    def test_every_run_has_a_result(self):
        """So no setting or seed can change, and no other run can see the test set, unnoticed."""
        tested = [name for name, of in experiments.EXPERIMENTS.items() if of[0]["tested"]]
        asked = ["learning rate", "regularization", "less decay"]
        self.assertEqual(tested, [*asked, "chosen", "labels", "inputs"])
        keys = experiments.all_runs()
        results = experiments.read_results(ROOT / "report" / "results.jsonl")
        self.assertEqual(sorted(map(json.dumps, keys)), sorted(results))

    def test_inputs_and_labels_are_drawn_by_the_seed(self):
        """The same numbers in the same order as those that the results rest on."""
        data = main.Data(*((np.uint8(255 * (x > 59)), y) for x, y in made_up_data()))
        images, true = (array[:250] for array in data.train)
        for seed, inputs, share in (
            *((1, "images", 0.0), (1, "images", 0.4), (2, "images", 1.0)),
            *((1, "shuffled pixels", 0.0), (2, "random pixels", 0.0), (1, "Gaussian noise", 0.4)),
        ):
            setting = dict(SMALL, seed=seed, images=250, inputs=inputs, corrupted=share)
            generator, labels = np.random.default_rng(seed), true
            if share:
                drawn = generator.integers(10, size=250)
                labels = np.where(generator.random(250) < share, drawn, true)
            order = generator.permutation(784)  # one for all images
            found = experiments.corrupt(data, setting)
            for after, (x, y) in zip(reversed(found), (data.test, data.valid, (images, labels))):
                if inputs == "Gaussian noise":
                    x = generator.normal(images.mean(), images.std(), x.shape)
                x = x[:, order] if inputs == "shuffled pixels" else x
                x = generator.permuted(x, axis=1) if inputs == "random pixels" else x
                with self.subTest(setting):
                    np.testing.assert_array_equal(after[1], y)
                    np.testing.assert_array_equal(after[0], np.clip(np.rint(x), 0, 255))
                    self.assertEqual(after[0].dtype, np.uint8)
            self.assertIsNone(experiments.corrupt(data, dict(setting, tested=False)).test)

    def test_the_whole_result_is_kept(self):
        """Of a run on wrong labels, whose best epoch is not its last."""
        data = made_up_data()
        data = data._replace(valid=(data.valid[0], 9 - data.valid[1]))
        setting = dict(SMALL, images=250, corrupted=0.4, examined=True, epochs=4)
        with mock.patch.object(experiments, "MEMORY", setting):
            kept = experiments.execute(setting, data)
        self.assertEqual(kept["run"], setting)
        given = experiments.corrupt(data, setting).train[1]
        images, true = (array[:250] for array in data.train)
        wrong = given != true
        models, norms, measured = [], [], []

        def after_epoch(model: TwoLayerNet) -> None:
            models.append(model)
            norms.append(np.hypot(*(np.linalg.norm(model.weights[W]) for W in ("W1", "W2"))))
            parts = (slice(None), given), (~wrong, given), (wrong, given), (wrong, true)
            measured.append([accuracy(model, images[of], labels[of]) for of, labels in parts])

        shown = data._replace(train=(images, given))
        expected = vars(main.run(experiments.config(setting), shown, after_epoch=after_epoch))
        best_model = expected.pop("best_model")
        self.assertLess(expected["best_epoch"], 4)
        self.assertEqual(kept | expected, kept)
        self.assertGreater(len(np.unique(measured)), 8)
        M = (images / 255).T @ (np.eye(10)[given] - np.eye(10)[given].mean(axis=0)) / 250
        values = dict(zip(experiments.MEASURED, np.transpose(measured))) | {"weight_norm": norms}
        values["last_test_accuracy"] = accuracy(models[-1], *data.test)
        values["growth"] = np.linalg.norm(M, 2) / 4
        for name, value in values.items():
            np.testing.assert_allclose(kept[name], value, err_msg=name)
        p = oracle.forward(best_model.weights, data.test[0] / 255)[2]
        digits, predicted = data.test[1], p.argmax(axis=1)
        pairs = list(zip(digits, predicted))
        confusion = [[pairs.count((i, j)) for j in range(10)] for i in range(10)]
        self.assertEqual(kept["confusion"], confusion)
        wrong = np.flatnonzero(predicted != digits)
        wrong = wrong[np.argsort(-p[wrong].max(axis=1))]
        self.assertGreater(len(np.unique(p[wrong].max(axis=1))), 28)
        for one, n in zip(kept["mistakes"], wrong[:28], strict=True):
            self.assertEqual(base64.b64decode(one.pop("pixels")), data.test[0][n].tobytes())
            self.assertEqual(one, {"label": digits[n], "predicted": predicted[n]})

    def test_predicted_norms_are_those_of_small_steps(self):
        labels, images = made_up_images(400)
        balanced = np.concatenate([np.flatnonzero(labels == digit)[:20] for digit in range(10)])
        train, norms = (images[balanced], labels[balanced]), []
        small_steps = dict(SMALL, batch_size=200, learning_rate=0.1, epochs=200, reg=0.01)
        config = experiments.config(small_steps)
        data = main.Data(train, train, None)
        main.run(config, data, after_epoch=lambda m: norms.append(analysis.weight_norm(m)))
        predicted = analysis.predict_norms(config, *train)["predicted_norm"]
        np.testing.assert_allclose(predicted, norms, rtol=5e-3)
        np.testing.assert_allclose(predicted[:3], norms[:3], rtol=3e-4)  # a step is 1e-3


class TestResults(InFolder):
    def test_a_run_is_done_once(self):
        write_made_up_data(self.folder, train=200, test=60)
        path, found = self.folder / "results.jsonl", []
        with contextlib.redirect_stdout(io.StringIO()) as output:
            for _ in range(2):
                experiments.run_missing(path, vary(SMALL, learning_rate=(2.0, 0.01)))
                found.append(experiments.read_results(path))
                for result in found[-1].values():
                    result.pop("seconds", None)
                path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
        self.assertEqual(found[0], found[1])
        numbers = [line.split()[0] for line in output.getvalue().splitlines()]
        self.assertEqual(numbers, ["[1/2]", "[2/2]", "[1/1]"])
        predicted = [len(result.get("predicted_norm", ())) for result in found[0].values()]
        self.assertEqual(sorted(predicted), [0, 3])

    def test_a_broken_line_is_named(self):
        setting = dict(SMALL, epochs=2, examined=True)
        history = {name: [0.2, 0.3] for name in (*main.HISTORIES, "weight_norm", "fitted")}
        confusion = (5 * np.eye(10) + 5 * np.eye(10)[::-1]).astype(int).tolist()
        end = {"test_accuracy": 0.5, "confusion": confusion}
        right, other = ({"run": run, **history, **end} for run in vary(setting, seed=(1, 2)))
        path, text = Path("results.jsonl"), json.dumps(other)
        path.write_text(json.dumps(right) + "\n" + text + "\n")
        self.assertEqual(list(experiments.read_results(path).values()), [right, other])
        for line, problem in (
            (text[:-8] + "\n", "the line is cut"),
            (text, "the line is cut"),
            (text.replace(":", "", 1) + "\n", "not valid JSON"),
            (history | end, "'run' is missing"),
            (right | {"test_accuracy": 0.6}, "a second result of the run in line 1"),
            (other | {"fitted": [0.2]}, "fitted has 1 values for 2 epochs"),
            (other | {"train_loss": [0.2, np.nan]}, "found NaN"),
            (other | {"test_accuracy": 0.51}, "test_accuracy is 0.51, but the confusion matrix"),
        ):
            line = line if isinstance(line, str) else json.dumps(line) + "\n"
            path.write_text(json.dumps(right) + "\n" + line)
            message = rf"results.jsonl, line 2: {problem}[^\n]*; delete the line to repeat its run"
            with (
                self.subTest(problem),
                mock.patch.object(experiments, "FOLDER", self.folder),  # without data
                contextlib.redirect_stderr(io.StringIO()) as output,
            ):
                self.assertEqual(program.main([]), 2)
                self.assertRegex(output.getvalue(), rf"\Apython -m report: {message}\n\Z")

    def test_summary(self):
        run = {name: [0.1, 0.2, 0.3] for name in main.HISTORIES}
        run |= {"run": dict(SMALL, examined=True), "confusion": [[3, 1], [0, 2]]}
        run |= {"train_accuracy": [0.5, 0.995, 0.999], "valid_accuracy": [0.6, 0.4, 0.5]}
        run |= {"weight_norm": [4.0, 6.0, 9.0], "fitted": [0.7, 0.8, 0.9]}
        run |= {"test_accuracy": 0.55, "seconds": 2.0}
        other = run | {"train_accuracy": [0.6, 0.7, 0.992], "valid_accuracy": [0.64, 0.4, 0.5]}
        found = experiments.summarize([run, other])
        self.assertEqual(found["valid"]["percent"], "62.00 ± 2.83")
        self.assertEqual(found["history"]["train_accuracy"][1]["values"], [0.995, 0.7])
        expected = {"best_epoch": [1, 1], "train": [0.5, 0.6], "fitted": [0.7, 0.7]}
        expected |= {"test_accuracy": [0.55, 0.55], "fit": [2, 3], "fit_norm": [6, 9]}
        self.assertEqual({name: found[name]["values"] for name in expected}, expected)
        self.assertEqual(found["confusion"], [[6, 2], [0, 4]])
        unfit = run | {"train_accuracy": [0.5, 0.6, 0.98]}
        self.assertNotIn("fit", experiments.summarize([run, unfit]))

    def test_the_chosen_setting_ships_and_the_readme_shows_it(self):
        shipped = main.read_config(ROOT / "configs" / "config_best.yaml")
        chosen = experiments.config(dict(experiments.CHOSEN, seed=1))
        self.assertEqual(dataclasses.replace(shipped, debug=False), chosen)
        outcomes = experiments.outcomes(experiments.read_results(ROOT / "report/results.jsonl"))
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for found in (outcomes["learning rate"][1], outcomes["chosen"][0]):
            row = " | ".join(found[k]["percent"] for k in ("train", "valid", "test_accuracy"))
            self.assertIn(row, readme)


@unittest.skipUnless(typst, "needs the package typst")
class TestDocument(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        for path in [*(ROOT / "report").glob("*.typ"), ROOT / "report" / "results.jsonl"]:
            shutil.copy(path, cls.folder)
        program.build(cls.folder)
        cls.outcomes = experiments.outcomes(experiments.read_results(cls.folder / "results.jsonl"))

    def test_bytes_pages_words_and_titles(self):
        """The same file every time, 350 words in the review and each answer, the form's titles."""
        pdf = typst.compile(self.folder / "report.typ", ignore_system_fonts=True)
        self.assertEqual(pdf, (self.folder / "report.pdf").read_bytes())
        self.assertLessEqual(int(re.search(rb"/Type/Pages/Count (\d+)", pdf)[1]), 24)
        texts = json.loads(typst.query(self.folder / "report.typ", "<limited>", field="value"))
        words = [len(text.split()) + 8 for text in texts]  # references to pages are not in it
        self.assertTrue(len(words) == 3 and min(words) > 200 and max(words) <= 350, words)
        files = (self.folder / name for name in ("report.typ", "template.typ"))
        own, form = (re.findall(r"(?m)^ *= ([^<\n]+)", file.read_text("utf-8")) for file in files)
        topics = ("learning rates", "regularization", "tuning")
        sections = [f"Section 5, {topic}: {x}" for topic in topics for x in ("results", "explan")]
        for title in form[:4] + sections:
            self.assertTrue(any(one.startswith(title) for one in own), title)

    def test_figures_show_what_they_say(self):
        labels, (chosen,) = self.outcomes["labels"], self.outcomes["chosen"]
        epoch_5 = {name: labels[2]["history"][name][4] for name in experiments.MEASURED}
        drawn = dict(figures.draw_all(self.outcomes))
        for figure, number, label, expected in (
            ("mixture", 0, "rightly labelled: the label", epoch_5["fitted_right"]),
            ("mixture", 0, "wrongly labelled: the wrong label", epoch_5["fitted_wrong"]),
            ("mixture", 0, "wrongly labelled: the true digit", epoch_5["true_for_wrong"]),
            ("memory", 2, "after the last epoch", labels[4]["last_test_accuracy"]),
            ("memory", 2, "after the best epoch", labels[4]["test_accuracy"]),
        ):
            artists = drawn[figure].axes[number].get_legend_handles_labels()
            line = dict(zip(*reversed(artists)))[label]
            line = line[0] if figure == "memory" else line
            self.assertAlmostEqual(line.get_ydata()[4], 100 * expected["mean"])
        mistakes = chosen["runs"][0]["mistakes"]
        for axes, one in zip(drawn.pop("mistakes").axes, mistakes, strict=True):
            self.assertEqual(axes.get_title(), f"{one['label']} → {one['predicted']}")
            pixels = np.asarray(axes.images[0].get_array(), np.uint8)
            self.assertEqual(pixels.tobytes(), base64.b64decode(one["pixels"]))
        for name, figure in drawn.items():
            for axes in figure.axes:
                self.assertTrue(axes.get_xlabel() and axes.get_ylabel(), name)
                for line in axes.lines:
                    if re.search("chosen|400 · 32 · 0.4 · 5e-5", line.get_label()):
                        self.assertEqual((line.get_color(), line.get_marker()), figures.CHOSEN)

    def test_a_claim_that_does_not_hold_is_named(self):
        """With the results of an experiment in reverse order, the document is not built."""
        path = self.folder / ".build" / "outcomes.json"
        before = path.read_text()
        self.addCleanup(path.write_text, before)
        kept = *SMALL, *experiments.MEASURED
        names = ["learning rate", "regularization", "larger rates", "batch size and rate", "decay"]
        for name in [*names, "long runs", "undone", "fresh seeds", "images", "labels", "inputs"]:
            outcomes = json.loads(before)
            of = outcomes[name]
            own = [{key: one[key] for key in kept if key in one} for one in of]
            outcomes[name] = [a | b for a, b in zip(reversed(of), own)]
            path.write_text(json.dumps(outcomes))
            problem = "does not hold in the results: |another setting"
            with self.subTest(name), self.assertRaisesRegex(RuntimeError, problem):
                typst.compile(self.folder / "report.typ", ignore_system_fonts=True)
