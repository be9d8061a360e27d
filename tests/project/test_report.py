"""The report: its experiments, what is kept of them, and the document."""

import base64
import contextlib
import dataclasses
import importlib.util
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
from report.experiments import DEFAULT, change, vary
from tests import ROOT, InFolder, made_up_images
from tests.project import write_made_up_data

SMALL = change(DEFAULT, batch_size=10, hidden_size=6, epochs=3, learning_rate=2.0, seed=1)


def made_up_data() -> main.Data:
    """Return 300 images to train on, and 100 each to validate and test."""
    parts = [made_up_images(count, seed) for seed, count in enumerate((300, 100, 100))]
    return main.Data(*((images, labels) for labels, images in parts))


def predict(model: TwoLayerNet, images: np.ndarray) -> np.ndarray:
    """Return the class probabilities of images as bytes, written out."""
    W1, b1, W2, b2 = (model.weights[name] for name in ("W1", "b1", "W2", "b2"))
    scores = np.exp(1 / (1 + np.exp(-(images / 255 @ W1 + b1))) @ W2 + b2)
    return scores / scores.sum(axis=1, keepdims=True)


def accuracy(model: TwoLayerNet, images: np.ndarray, labels: np.ndarray) -> float:
    return float((predict(model, images).argmax(axis=1) == labels).mean())


class TestExperiments(unittest.TestCase):
    def test_section_5_changes_one_thing_at_a_time(self):
        given = main.read_config(ROOT / "configs" / "config_exp.yaml")
        for experiment, name, values in (
            ("learning rate", "learning_rate", [1, 0.1, 0.05, 0.01]),
            ("regularization", "reg", [1, 0.1, 0.01, 0.001, 0.0001]),
            ("larger rates", "learning_rate", [2, 4, 8, 16, 32]),
            ("no decay", "reg", [0]),
        ):
            settings = experiments.EXPERIMENTS[experiment]
            self.assertEqual([getattr(one.config, name) for one in settings], values)
            for one in settings:
                changed = change(one, **{name: getattr(given, name)}, momentum=given.momentum)
                self.assertEqual(dataclasses.replace(changed.config, debug=given.debug), given)

    def test_only_these_see_the_test_set(self):
        tested = {name for name, of in experiments.EXPERIMENTS.items() if any(s.tested for s in of)}
        asked = {"learning rate", "regularization", "less decay"}
        self.assertEqual(tested, asked | {"chosen", "labels", "inputs"})
        data = experiments.corrupt(made_up_data(), change(SMALL, tested=False))
        self.assertIsNone(data.test)

    def test_every_run_has_its_seeds_and_a_result(self):
        for name in experiments.EXPERIMENTS:
            seeds = [4, 5, 6, 7, 8] if name == "fresh seeds" else [1, 2, 3]
            for setting in experiments.runs(name):
                self.assertEqual([run.config.seed for run in setting], seeds)
        keys = [experiments.as_text(run.key()) for run in experiments.all_runs()]
        results = experiments.read_results(ROOT / "report" / "results.jsonl")
        self.assertEqual(len(set(keys)), len(keys))
        self.assertEqual({*keys, experiments.as_text(experiments.GROWTH)}, set(results))


class TestRandomData(unittest.TestCase):
    def setUp(self):
        self.data = made_up_data()

    def corrupted(self, **changes) -> main.Data:
        return experiments.corrupt(self.data, change(SMALL, **changes))

    def test_random_labels(self):
        images, true = self.data.train
        self.data = self.data._replace(train=(images, np.full_like(true, 3)))
        all_random, again, other = (self.corrupted(corrupted=1.0, seed=n) for n in (1, 1, 2))
        # Not a permutation of the true labels; drawn by the seed.
        self.assertEqual(set(all_random.train[1]), set(range(10)))
        np.testing.assert_array_equal(all_random.train[1], again.train[1])
        self.assertLess(np.mean(all_random.train[1] == other.train[1]), 0.2)
        half = self.corrupted(corrupted=0.5).train[1]
        self.assertAlmostEqual(np.mean(half == 3), 0.55, delta=0.1)
        np.testing.assert_array_equal(all_random.train[0], images)
        np.testing.assert_array_equal(all_random.valid[1], self.data.valid[1])
        np.testing.assert_array_equal(self.corrupted().train[1], 3)

    def test_shuffled_pixels_have_one_order(self):
        for (images, _), (shuffled, _) in zip(self.data, self.corrupted(inputs="shuffled pixels")):
            self.assertFalse(np.array_equal(images, shuffled))
            order = np.random.default_rng(1).permutation(784)
            np.testing.assert_array_equal(images[:, order], shuffled)

    def test_random_pixels_have_an_order_for_each_image(self):
        self.data = self.data._replace(train=(np.tile(np.arange(784) % 256, (9, 1)), np.arange(9)))
        images = self.corrupted(inputs="random pixels").train[0]
        np.testing.assert_array_equal(np.sort(images), np.sort(self.data.train[0]))
        self.assertEqual(len(np.unique(images, axis=0)), 9)

    def test_noise_has_mean_and_variance_of_the_images(self):
        images = 100 + self.data.train[0] // 8  # far from 0 and 255, where noise is clipped
        self.data = self.data._replace(train=(images, self.data.train[1]))
        noise = self.corrupted(inputs="Gaussian noise").train[0]
        self.assertEqual((noise.dtype, noise.shape), (np.uint8, images.shape))
        self.assertAlmostEqual(noise.mean(), images.mean(), delta=0.2)
        self.assertAlmostEqual(noise.std(), images.std(), delta=0.2)
        np.testing.assert_array_equal(experiments.to_bytes([-9.0, 1.6, 300.0]), [0, 2, 255])


class TestExecute(unittest.TestCase):
    def test_keeps_the_whole_result(self):
        """Of a run on wrong labels, whose best epoch is not its last."""
        data = made_up_data()
        data = data._replace(valid=(data.valid[0], 9 - data.valid[1]))
        setting = change(SMALL, images=250, corrupted=0.4, examined=True, epochs=4)
        with mock.patch.object(experiments, "MEMORY", setting):
            kept = experiments.execute(setting, data)
        given = experiments.corrupt(data, setting).train[1]
        images, true = (array[:250] for array in data.train)
        wrong = given != true
        norms, measured, models = [], [], []

        def after_epoch(model: TwoLayerNet) -> None:
            matrices = model.weights["W1"], model.weights["W2"]
            norms.append(np.sqrt(sum((matrix**2).sum() for matrix in matrices)))
            parts = (slice(None), given), (~wrong, given), (wrong, given), (wrong, true)
            measured.append([accuracy(model, images[of], labels[of]) for of, labels in parts])
            models.append(model)

        shown = data._replace(train=(images, given))
        expected = main.run(setting.config, shown, after_epoch=after_epoch)
        self.assertLess(expected.best_epoch, 4)
        for name in (*experiments.HISTORIES, "best_epoch", "test_accuracy"):
            self.assertEqual(kept[name], getattr(expected, name))
        np.testing.assert_allclose(kept["weight_norm"], norms)
        found = np.transpose([kept[name] for name in experiments.MEASURED])
        np.testing.assert_allclose(found, measured)
        self.assertGreater(len(np.unique(found)), 8)
        self.assertAlmostEqual(kept["last_test_accuracy"], accuracy(models[-1], *data.test))
        self.assertNotEqual(kept["last_test_accuracy"], kept["test_accuracy"])
        predicted = predict(expected.best_model, data.test[0]).argmax(axis=1)
        confusion = [[np.sum((data.test[1] == i) & (predicted == j)) for j in range(10)]
                     for i in range(10)]  # fmt: skip
        np.testing.assert_array_equal(kept["confusion"], confusion)
        M = (images / 255).T @ (np.eye(10)[given] - np.eye(10)[given].mean(axis=0)) / 250
        self.assertAlmostEqual(kept["growth"], np.linalg.norm(M, 2) / 4)

    def test_examine_takes_the_most_confident_mistakes(self):
        model = TwoLayerNet(hidden_size=3)
        model.weights["W2"] = np.outer([1.0, 3.0, 2.0], np.arange(10) / 10)
        model.weights["W1"] *= 40
        labels, images = made_up_images(50)
        p = predict(model, images)
        wrong = [n for n in range(50) if p[n].argmax() != labels[n]]
        expected = sorted(wrong, key=lambda n: -p[n].max())[:3]
        self.assertGreater(len({p[n].max() for n in wrong}), 9)
        mistakes = analysis.examine(model, images, labels, count=3)["mistakes"]
        for found, number in zip(mistakes, expected, strict=True):
            self.assertEqual(found.pop("image"), number)
            self.assertEqual(base64.b64decode(found.pop("pixels")), images[number].tobytes())
            self.assertAlmostEqual(found.pop("probability"), p[number].max())
            self.assertEqual(found, {"label": labels[number], "predicted": p[number].argmax()})

    def test_growth_is_the_gradient_near_zero_weights(self):
        labels, images = made_up_images(200)
        model = TwoLayerNet(hidden_size=4)
        model.weights["W2"] -= model.weights["W2"].mean(axis=0)
        model.weights["b2"] = np.log(np.bincount(labels) / 200)
        model.forward(images / 255, labels)
        U, rates, Vt = analysis.growth(images, labels)
        expected = -(U * rates) @ Vt @ model.weights["W2"].T
        np.testing.assert_allclose(model.gradients["W1"], expected, atol=1e-3 * abs(expected).max())

    def test_predicted_norms_are_those_of_small_steps(self):
        labels, images = made_up_images(400)
        balanced = np.concatenate([np.flatnonzero(labels == digit)[:20] for digit in range(10)])
        train = images[balanced], labels[balanced]
        config = change(SMALL, batch_size=200, learning_rate=0.1, epochs=200, reg=0.01).config
        norms = []
        data = main.Data(train, train, None)
        main.run(config, data, after_epoch=lambda m: norms.append(analysis.weight_norm(m)))
        predicted = analysis.predict_norms(config, *train)["norms"]
        np.testing.assert_allclose(predicted, norms, rtol=5e-3)
        np.testing.assert_allclose(predicted[:3], norms[:3], rtol=3e-4)  # a step is 1e-3


class TestResults(InFolder):
    def test_a_run_is_done_once(self):
        write_made_up_data(self.folder, train=200, test=60)
        path, lines = self.folder / "results.jsonl", []
        wanted = vary(SMALL, "seed", (1, 2))
        experiments.run_missing(path, wanted, lines.append)
        self.assertEqual([line.split()[0] for line in lines], ["[1/2]", "[2/2]"])
        whole = experiments.read_results(path)
        kept = path.read_text().splitlines(keepends=True)
        path.write_text("".join(kept[:-1]))
        experiments.run_missing(path, wanted, lines.append)
        self.assertEqual(len(lines), 3)
        again = experiments.read_results(path)
        for results in (whole, again):
            for result in results.values():
                result.pop("seconds", None)
        self.assertEqual(again, whole)

    def test_a_broken_line_is_named(self):
        config = dataclasses.replace(SMALL.config, epochs=2)
        setting = dataclasses.replace(SMALL, config=config, examined=True)
        history = {name: [0.2, 0.3] for name in (*experiments.HISTORIES, "weight_norm", "fitted")}
        confusion = (5 * np.eye(10) + 5 * np.eye(10)[::-1]).astype(int).tolist()
        right = {"run": setting.key(), **history, "best_epoch": 2, "test_accuracy": 0.5}
        right["confusion"] = confusion
        path, other = Path("results.jsonl"), {**right, "run": change(setting, seed=2).key()}
        first, second = json.dumps(right) + "\n", json.dumps(other) + "\n"
        path.write_text(first + second)
        self.assertEqual(list(experiments.read_results(path).values()), [right, other])
        without_run = {key: value for key, value in other.items() if key != "run"}
        for line, problem in (
            (second[:-9], "the line is cut"),
            (second[:-1], "the line is cut"),
            (second.replace(":", "", 1), "not valid JSON"),
            (json.dumps(without_run) + "\n", "'run' is missing"),
            (json.dumps(right | {"best_epoch": 1}) + "\n", "a second result of the run in line 1"),
            (json.dumps(other | {"fitted": [0.2]}) + "\n", "fitted has 1 values for 2 epochs"),
            (json.dumps(other | {"train_loss": [0.2, np.nan]}) + "\n", "found NaN"),
            (json.dumps(other | {"best_epoch": 1}) + "\n", "best_epoch is 1, but epoch 2"),
            (
                json.dumps(other | {"test_accuracy": 0.51}) + "\n",
                "test_accuracy is 0.51, but the confusion matrix says 0.5",
            ),
        ):
            path.write_text(first + line)
            with self.subTest(problem), self.assertRaises(ValueError) as caught:
                experiments.run_missing(path, [], lambda line: None)  # without data
            message = rf"results.jsonl, line 2: {problem}[^\n]*; delete the line to repeat its run"
            self.assertRegex(str(caught.exception), rf"\A{message}\Z")

    def test_summary(self):
        run = {name: [0.1, 0.2, 0.3] for name in experiments.HISTORIES} | {
            "train_accuracy": [0.5, 0.995, 0.999],
            "valid_accuracy": [0.6, 0.4, 0.5],
            "weight_norm": [4.0, 6.0, 9.0],
            "fitted": [0.7, 0.8, 0.9],
            "best_epoch": 1,
            "test_accuracy": 0.55,
            "seconds": 2.0,
        }
        other = run | {"train_accuracy": [0.6, 0.7, 0.992], "valid_accuracy": [0.64, 0.4, 0.5]}
        found = experiments.summarize(SMALL.key(), [run, other])
        self.assertEqual(found["valid"]["percent"], "62.00 ± 2.83")
        for name, values in (
            *(("best_epoch", [1, 1]), ("train", [0.5, 0.6]), ("fitted", [0.7, 0.7])),
            *(("fit", [2, 3]), ("fit_norm", [6, 9]), ("test_accuracy", [0.55, 0.55])),
        ):
            self.assertEqual(found[name]["values"], values)
        self.assertEqual(found["history"]["train_accuracy"][1]["values"], [0.995, 0.7])
        unfit = run | {"train_accuracy": [0.5, 0.6, 0.7]}
        self.assertNotIn("fit", experiments.summarize(SMALL.key(), [run, unfit]))

    def test_the_chosen_setting_ships_and_the_readme_shows_it(self):
        shipped = main.read_config(ROOT / "configs" / "config_best.yaml")
        chosen = change(experiments.CHOSEN, seed=1)
        self.assertEqual(dataclasses.replace(shipped, debug=False), chosen.config)
        outcomes = experiments.outcomes(experiments.read_results(ROOT / "report/results.jsonl"))
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for found in (outcomes["learning rate"][1], outcomes["chosen"][0]):
            row = " | ".join(found[k]["percent"] for k in ("train", "valid", "test_accuracy"))
            self.assertIn(row, readme)


@unittest.skipUnless(importlib.util.find_spec("typst"), "needs the package typst")
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

    def compile(self) -> bytes:
        import typst

        return typst.compile(self.folder / "report.typ", ignore_system_fonts=True)

    def query(self, selector: str, field: str, name: str = "report") -> list:
        import typst

        return json.loads(typst.query(self.folder / f"{name}.typ", selector, field=field))

    def test_the_same_results_give_the_same_bytes(self):
        pdf = self.compile()
        self.assertEqual(pdf, (self.folder / "report.pdf").read_bytes())
        self.assertLessEqual(int(re.search(rb"/Type/Pages/Count (\d+)", pdf)[1]), 24)

    def test_review_and_answers_keep_to_their_limit(self):
        texts = self.query("<limited>", "value")
        self.assertEqual(len(texts), 3)
        for text in texts:
            self.assertLessEqual(len(text.split()), 350 - 8)  # references to pages are not in it
            self.assertGreater(len(text.split()), 200)

    def test_its_titles_are_those_of_the_form(self):
        def titles(name: str) -> list[str]:
            source = (ROOT / "report" / f"{name}.typ").read_text(encoding="utf-8")
            return [line.split("<")[0].strip() for line in re.findall(r"(?m)^ *= (.+)", source)]

        for title in titles("template")[:4]:
            self.assertTrue(any(own.startswith(title) for own in titles("report")), title)
        for topic in ("learning rates", "regularization", "tuning"):
            for part in ("results", "explanation"):
                title = f"Section 5, {topic}: {part}"
                self.assertTrue(any(own.startswith(title) for own in titles("report")), title)

    def test_mistakes_have_their_labels_and_pictures(self):
        found = self.outcomes["chosen"][0]["runs"][0]["mistakes"]
        for axes, one in zip(figures.mistakes(self.outcomes).axes, found):
            self.assertEqual(axes.get_title(), f"{one['label']} → {one['predicted']}")
            pixels = np.asarray(axes.images[0].get_array(), np.uint8)
            self.assertEqual(pixels.tobytes(), base64.b64decode(one["pixels"]))

    def test_lines_show_what_their_labels_say(self):
        labels = self.outcomes["labels"]
        epoch_5 = {name: labels[2]["history"][name][4] for name in experiments.MEASURED}
        for figure, number, label, expected in (
            ("mixture", 0, "rightly labelled: the label", epoch_5["fitted_right"]),
            ("mixture", 0, "wrongly labelled: the wrong label", epoch_5["fitted_wrong"]),
            ("mixture", 0, "wrongly labelled: the true digit", epoch_5["true_for_wrong"]),
            ("memory", 2, "after the last epoch", labels[4]["last_test_accuracy"]),
            ("memory", 2, "after the best epoch", labels[4]["test_accuracy"]),
        ):
            axes = getattr(figures, figure)(self.outcomes).axes[number]
            artists = dict(zip(*reversed(axes.get_legend_handles_labels())))
            line = artists[label][0] if figure == "memory" else artists[label]
            self.assertAlmostEqual(line.get_ydata()[4], 100 * expected["mean"])

    def test_the_chosen_setting_looks_the_same_everywhere(self):
        for name, figure in figures.draw_all(self.outcomes):
            for axes in figure.axes:
                for line in axes.lines:
                    chosen = (
                        "chosen" in line.get_label() or "400 · 32 · 0.4 · 5e-5" in line.get_label()
                    )
                    if chosen:
                        self.assertEqual(
                            (line.get_color(), line.get_marker()), figures.CHOSEN, name
                        )
            titled = name == "mistakes" or all(
                a.get_xlabel() and a.get_ylabel() for a in figure.axes
            )
            self.assertTrue(titled, name)

    def test_a_claim_that_does_not_hold_is_named(self):
        """With the results of an experiment in reverse order, the document is not built."""
        path = self.folder / ".build" / "summary.json"
        before = path.read_text()
        self.addCleanup(path.write_text, before)
        kept = *SMALL.key(), *experiments.MEASURED
        for name in (
            *("learning rate", "regularization", "larger rates", "batch size and rate", "decay"),
            *("long runs", "undone", "images", "labels", "inputs"),
        ):
            summary = json.loads(before)
            right = summary["experiments"][name]
            summary["experiments"][name] = [
                other | {key: one[key] for key in kept if key in one}
                for one, other in zip(right, reversed(right))
            ]
            path.write_text(json.dumps(summary))
            with (
                self.subTest(name),
                self.assertRaisesRegex(RuntimeError, "does not hold in the results: |another set"),
            ):
                self.compile()

    def test_a_missing_package_is_told_in_one_line(self):
        output = io.StringIO()
        with (
            mock.patch.object(experiments, "run_missing"),
            mock.patch.dict("sys.modules", typst=None),
            contextlib.redirect_stderr(output),
        ):
            self.assertEqual(program.main([]), 2)
        self.assertRegex(output.getvalue(), r"\A[^\n]*pip install typst==[0-9.]+\n\Z")


if __name__ == "__main__":
    unittest.main()
