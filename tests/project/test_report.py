"""The report: its experiments, what is kept of them, and the document."""

import contextlib
import dataclasses
import importlib.util
import io
import json
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import main
from models import TwoLayerNet
from report import __main__ as program
from report import experiments
from report.experiments import DEFAULT, change
from tests import ROOT, InFolder, made_up_images
from tests.project import write_made_up_data

SMALL = change(DEFAULT, batch_size=10, hidden_size=6, epochs=3, learning_rate=2.0, seed=1)


def made_up_data() -> main.Data:
    """Return 300 images to train on, and 100 each to validate and test."""
    parts = [made_up_images(count, seed) for seed, count in enumerate((300, 100, 100))]
    return main.Data(*((images, labels) for labels, images in parts))


class TestExperiments(unittest.TestCase):
    def test_section_5_changes_one_thing_at_a_time(self):
        given = main.read_config(ROOT / "configs" / "config_exp.yaml")
        for experiment, name, values in (
            ("learning rate", "learning_rate", [1, 0.1, 0.05, 0.01]),
            ("regularization", "reg", [1, 0.1, 0.01, 0.001, 0.0001]),
        ):
            settings = experiments.EXPERIMENTS[experiment]
            self.assertEqual([getattr(one.config, name) for one in settings], values)
            for one in settings:
                changed = change(one, **{name: getattr(given, name)}, momentum=given.momentum)
                self.assertEqual(dataclasses.replace(changed.config, debug=given.debug), given)

    def test_the_search_never_sees_the_test_set(self):
        searched = [one for settings in experiments.SEARCH.values() for one in settings]
        self.assertFalse(any(one.tested for one in searched))
        data = experiments.corrupt(made_up_data(), searched[0])
        self.assertIsNone(data.test)

    def test_every_run_has_three_seeds_and_a_result(self):
        keys = [experiments.as_text(run.key()) for run in experiments.all_runs()]
        self.assertEqual({run.config.seed for run in experiments.all_runs()}, {1, 2, 3})
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
    def test_keeps_what_main_returns(self):
        data = made_up_data()
        expected = main.run(SMALL.config, data)
        kept = experiments.execute(change(SMALL, examined=True), data)
        for name in (*experiments.HISTORIES, "best_epoch", "test_accuracy"):
            self.assertEqual(kept[name], getattr(expected, name))
        confusion = np.array(kept["confusion"])
        self.assertAlmostEqual(confusion.trace() / 100, expected.test_accuracy)
        np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(data.test[1]))

    def test_last_test_accuracy_is_that_of_the_last_epoch(self):
        data = made_up_data()
        last = change(SMALL, images=experiments.MEMORY.images)
        kept = experiments.execute(last, data._replace(valid=(data.train[0], 9 - data.train[1])))
        models = []
        main.run(SMALL.config, data, after_epoch=lambda model: models.append(model))
        _, accuracy = models[-1].forward(data.test[0] / 255, data.test[1], mode="valid")
        self.assertAlmostEqual(kept["last_test_accuracy"], accuracy)
        self.assertNotEqual(kept["last_test_accuracy"], kept["test_accuracy"])

    def test_examine_takes_the_surest_mistakes_and_the_strongest_units(self):
        model = TwoLayerNet(hidden_size=3)
        model.weights["W1"][:] = [-0.005, 0.01, -0.02]
        model.weights["W2"] = np.outer([1.0, 3.0, 2.0], np.arange(10) / 10)
        labels, images = made_up_images(50)
        found = experiments.examine(model, images, labels, count=2)
        units = [np.frombuffer(experiments.base64.b64decode(u), np.int8)[0] for u in found["units"]]
        self.assertEqual(units, [127, -127])
        p = experiments.probabilities(model, images)
        wrong = [p[n].max() for n in range(50) if p[n].argmax() != labels[n]]
        self.assertGreater(len(set(wrong)), 2)
        surest = [mistake["probability"] for mistake in found["mistakes"]]
        self.assertEqual(surest, sorted(wrong, reverse=True)[:2])

    def test_weight_norm_leaves_biases_out(self):
        weights = {"W1": np.array([[3.0]]), "b1": np.array([7.0]), "W2": np.array([[0.0, 4.0]])}
        self.assertEqual(experiments.weight_norm(mock.Mock(weights=weights)), 5)

    def test_growth_is_the_gradient_near_zero_weights(self):
        labels, images = made_up_images(200)
        model = TwoLayerNet(hidden_size=4)
        model.weights["W2"] -= model.weights["W2"].mean(axis=0)
        model.weights["b2"] = np.log(np.bincount(labels) / 200)
        model.forward(images / 255, labels)
        U, rates, Vt = experiments.growth(images, labels)
        expected = -(U * rates) @ Vt @ model.weights["W2"].T
        np.testing.assert_allclose(model.gradients["W1"], expected, atol=1e-3 * abs(expected).max())

    def test_predicted_norms_are_those_of_small_steps(self):
        labels, images = made_up_images(400)
        balanced = np.concatenate([np.flatnonzero(labels == digit)[:20] for digit in range(10)])
        train = images[balanced], labels[balanced]
        small = change(SMALL, batch_size=200, learning_rate=0.1, epochs=200, reg=0.01)
        norms = []
        data = main.Data(train, train, None)
        main.run(small.config, data, after_epoch=lambda m: norms.append(experiments.weight_norm(m)))
        predicted = experiments.predict_norms(small, data)["norms"]
        np.testing.assert_allclose(predicted, norms, rtol=5e-3)


class TestResults(InFolder):
    def test_a_run_is_done_once_and_a_cut_line_again(self):
        write_made_up_data(self.folder, train=200, test=60)
        path, lines = self.folder / "results.jsonl", []
        runs = experiments.seeded(SMALL)[:2]
        experiments.run_missing(path, runs, lines.append)
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[1], r"^\[2/2\] .*: about 0 min left$")
        whole = experiments.read_results(path)
        path.write_text(path.read_text()[:-100])
        experiments.run_missing(path, runs, lines.append)
        self.assertEqual(len(lines), 3)
        again = experiments.read_results(path)
        self.assertEqual(
            [r | {"seconds": 0} for r in again.values()],
            [r | {"seconds": 0} for r in whole.values()],
        )

    def test_summary(self):
        run = {name: [0.1, 0.2, 0.3] for name in (*experiments.HISTORIES, "weight_norm")} | {
            "train_accuracy": [0.5, 0.995, 0.999],
            "valid_accuracy": [0.4, 0.6, 0.5],
            "best_epoch": 2,
            "test_accuracy": 0.55,
            "seconds": 2.0,
        }
        other = run | {"valid_accuracy": [0.4, 0.64, 0.5], "seconds": 5.0}
        found = experiments.summarize(SMALL.key() | {"runs": [run, other]})
        self.assertEqual(found["valid"]["percent"], "62.00 ± 2.83")
        self.assertEqual(found["train"]["values"], [0.995, 0.995])
        self.assertEqual((found["seconds"], found["fit"]["values"]), (7.0, [2.0, 2.0]))
        self.assertEqual(found["rises"], 1.0)

    def test_the_chosen_setting_ships_and_the_readme_shows_it(self):
        (chosen,) = experiments.EXPERIMENTS["chosen"]
        shipped = main.read_config(ROOT / "configs" / "config_best.yaml")
        self.assertEqual(dataclasses.replace(shipped, debug=False), change(chosen, seed=1).config)
        outcomes = experiments.outcomes(experiments.read_results(ROOT / "report/results.jsonl"))
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for outcome in (outcomes["learning rate"][1], outcomes["chosen"][0]):
            found = experiments.summarize(outcome)
            self.assertIn(
                " | ".join(found[k]["percent"] for k in ("train", "valid", "test_accuracy")), readme
            )


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

    def compile(self) -> bytes:
        import typst

        return typst.compile(self.folder / "report.typ", ignore_system_fonts=True)

    def test_the_same_results_give_the_same_bytes(self):
        self.assertEqual(self.compile(), (self.folder / "report.pdf").read_bytes())

    def test_review_and_answers_keep_to_their_limit(self):
        import typst

        texts = json.loads(typst.query(self.folder / "report.typ", "<limited>", field="value"))
        self.assertEqual(len(texts), 3)
        for text in texts:
            self.assertLessEqual(len(text.split()), 350 - 6)  # references to pages are not in it
            self.assertGreater(len(text.split()), 200)

    def test_a_claim_that_does_not_hold_is_named(self):
        """With the results of an experiment in reverse order, the document is not built."""
        path = self.folder / ".build" / "summary.json"
        before = path.read_text()
        self.addCleanup(path.write_text, before)
        for name in (
            *("learning rate", "regularization", "batch size and rate", "long steps", "decay"),
            *("long runs", "undone", "images", "labels", "inputs"),
        ):
            summary = json.loads(before)
            right = summary["experiments"][name]
            summary["experiments"][name] = [
                other | {key: one[key] for key in SMALL.key() if key in one}
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
        self.assertRegex(output.getvalue(), r"\A[^\n]*pip install typst\n\Z")


if __name__ == "__main__":
    unittest.main()
