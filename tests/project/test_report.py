"""The report: its experiments, what is kept of them, and the document."""

import base64
import contextlib
import dataclasses
import functools
import io
import itertools
import json
import shutil
import unittest
import zlib
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

RESULTS = ROOT / "report" / "results.jsonl"
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
        results = experiments.read_results(RESULTS)
        self.assertEqual(sorted(map(json.dumps, experiments.all_runs())), sorted(results))

    def test_inputs_and_labels_are_drawn_by_the_seed(self):
        """The same as those that the results rest on, by a checksum."""
        data = made_up_data()
        for inputs, share, expected in (
            ("images", 0.4, 3662310637),
            ("shuffled pixels", 0.0, 142554392),
            ("random pixels", 0.0, 4021606771),
            ("Gaussian noise", 0.0, 1426262665),
        ):
            setting = dict(SMALL, images=250, inputs=inputs, corrupted=share)
            arrays = itertools.chain(*experiments.corrupt(data, setting))
            found = zlib.crc32(b"".join(array.tobytes() for array in arrays))
            self.assertEqual(found, expected, inputs)
        self.assertIsNone(experiments.corrupt(data, dict(setting, tested=False)).test)

    def test_the_whole_result_is_kept(self):
        """Of a run on wrong labels, whose best epoch is not its last."""
        data = made_up_data()
        data = data._replace(valid=(data.valid[0], 9 - data.valid[1]))
        setting = dict(SMALL, images=250, corrupted=0.4, examined=True, epochs=4)
        with mock.patch.object(experiments, "MEMORY", setting):
            kept = experiments.execute(setting, data)
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
        self.assertEqual(kept | expected, kept)
        values = dict(zip(experiments.MEASURED, np.transpose(measured))) | {"weight_norm": norms}
        values["last_test_accuracy"] = accuracy(models[-1], *data.test)
        values["growth"] = np.linalg.norm(analysis.growth(images, given), 2)
        for name, value in values.items():
            np.testing.assert_allclose(kept[name], value, err_msg=name)
        p = oracle.forward(best_model.weights, data.test[0] / 255)[2]
        digits, predicted = data.test[1], p.argmax(axis=1)
        pairs = list(zip(digits, predicted))
        confusion = [[pairs.count((i, j)) for j in range(10)] for i in range(10)]
        self.assertEqual(kept["confusion"], confusion)
        wrong = np.flatnonzero(predicted != digits)
        wrong = wrong[np.argsort(-p[wrong].max(axis=1))]
        for one, n in zip(kept["mistakes"], wrong[:28], strict=True):
            self.assertEqual(base64.b64decode(one.pop("pixels")), data.test[0][n].tobytes())
            self.assertEqual(one, {"label": digits[n], "predicted": predicted[n]})

    def test_predicted_norms_are_the_kept_ones(self):
        """Which a claim in report.typ compares with those of small steps."""
        results = experiments.read_results(RESULTS)
        kept = next(result for result in results.values() if "predicted_norm" in result)
        found = analysis.predict_norms(experiments.config(kept["run"]), *main.load_data().train)
        for name, value in found.items():
            np.testing.assert_allclose(value, kept[name])


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
        chosen = dict(experiments.CHOSEN, seed=1)
        right = experiments.read_results(RESULTS)[json.dumps(chosen)]
        other, path = right | {"run": chosen | {"seed": 2}}, Path("results.jsonl")
        text = json.dumps(other)
        for line, problem in (
            (text[:-8], "JSONDecodeError: "),
            (text.replace('"run"', '"ran"'), "KeyError: 'run'"),
            ("3", "TypeError: "),
            (json.dumps(right), "ValueError: a second result of the run in line 1"),
            (json.dumps(other | {"fitted": [0.2]}), "ValueError: fitted: expected 50 finite"),
            (json.dumps(other | {"test_accuracy": 0.5}), "ValueError: the confusion matrix"),
            (json.dumps(other | {"train_loss": 50 * [np.nan]}), "ValueError: train_loss: expected"),
        ):
            path.write_text(json.dumps(right) + "\n" + line + "\n")
            message = f"results.jsonl, line 2: {problem}.*; delete the line to repeat its run$"
            with self.assertRaisesRegex(ValueError, message):
                experiments.read_results(path)
        path.write_text(text)
        with self.assertRaisesRegex(ValueError, "line 1: .* the end of the line is missing"):
            experiments.read_results(path)

    def test_the_chosen_setting_ships_and_the_readme_shows_it(self):
        """The summaries are those in the README and in the report."""
        shipped = main.read_config(ROOT / "configs" / "config_best.yaml")
        chosen = experiments.config(dict(experiments.CHOSEN, seed=1))
        self.assertEqual(dataclasses.replace(shipped, debug=False), chosen)
        outcomes = experiments.outcomes(experiments.read_results(RESULTS))
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for found in (outcomes["learning rate"][1], outcomes["chosen"][0]):
            row = " | ".join(found[k]["percent"] for k in ("train", "valid", "test_accuracy"))
            self.assertIn(row, readme)
        self.assertEqual(found["fitted"]["percent"], "99.81 ± 0.03")
        random_labels = outcomes["labels"][-1]
        self.assertEqual(random_labels["fit"]["values"], [150, 140, 144])
        self.assertAlmostEqual(random_labels["fit_norm"]["mean"], 150.53, places=2)
        self.assertNotIn("fit", outcomes["batch size and rate"][1])  # of one seed only


class TestDocument(InFolder):
    def test_figures_show_what_they_say(self):
        outcomes = experiments.outcomes(experiments.read_results(RESULTS))
        (mixture,), (*_, test) = figures.mixture(outcomes).axes, figures.memory(outcomes).axes
        lines = {line.get_label(): line for line in mixture.lines}
        lines |= {points.get_label(): points[0] for points in test.containers}
        mixed, most = outcomes["labels"][2], outcomes["labels"][4]
        for label, expected in (
            ("rightly labelled: the label", mixed["history"]["fitted_right"][4]),
            ("wrongly labelled: the wrong label", mixed["history"]["fitted_wrong"][4]),
            ("wrongly labelled: the true digit", mixed["history"]["true_for_wrong"][4]),
            ("after the last epoch", most["last_test_accuracy"]),
            ("after the best epoch", most["test_accuracy"]),
        ):
            self.assertAlmostEqual(lines[label].get_ydata()[4], 100 * expected["mean"])
        mistakes = outcomes["chosen"][0]["runs"][0]["mistakes"]
        for axes, one in zip(figures.mistakes(outcomes).axes, mistakes, strict=True):
            self.assertEqual(axes.get_title(), f"{one['label']} → {one['predicted']}")

    @unittest.skipUnless(typst, "needs the package typst")
    def test_the_document(self):
        """It is the same every time, and is not built from an experiment in reverse order."""
        for path in [*RESULTS.parent.glob("*.typ"), RESULTS]:
            shutil.copy(path, self.folder)
        program.build(self.folder)
        report = functools.partial(typst.compile, "report.typ", ignore_system_fonts=True)
        self.assertEqual(report(), Path("report.pdf").read_bytes())
        path = Path(".build/outcomes.json")
        before, kept = path.read_text(), {*SMALL, *experiments.MEASURED}
        for name in (
            "learning rate",
            "regularization",
            "larger rates",
            "batch size and rate",
            "decay",
            "long runs",
            "undone",
            "fresh seeds",
            "images",
            "labels",
            "inputs",
        ):
            outcomes = json.loads(before)
            pairs = zip(outcomes[name], reversed(outcomes[name]))
            outcomes[name] = [b | {key: a[key] for key in kept & a.keys()} for a, b in pairs]
            path.write_text(json.dumps(outcomes))
            problem = "does not hold in the results: |another setting"
            with self.subTest(name), self.assertRaisesRegex(RuntimeError, problem):
                report()
