"""The config file, a run, and the command line."""

import copy
import csv
import dataclasses
import math
import multiprocessing
import os
import unittest
from pathlib import Path

import numpy as np
import yaml

import main
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD
from tests import ROOT, InFolder, made_up_images, shuffled
from tests.project import run_program, write_made_up_data

TRAIN = {"batch_size": 16, "learning_rate": 0.1, "reg": 0.001, "epochs": 3}
GOOD = yaml.safe_dump({"Train": TRAIN, "Model": {"type": "TwoLayerNet", "hidden_size": 8}})
WILD = GOOD.replace("rate: 0.1", "rate: 1e+9").replace("reg: 0.001", "reg: 1e+9")
DEFAULT_RUNS = ("config_softmax", "config_twolayer")


def setUpModule():
    global default_runs  # they take longest, and run beside the other tests
    pool = multiprocessing.get_context("spawn").Pool(2)
    unittest.addModuleCleanup(pool.terminate)
    default_runs = pool.map_async(default_run, DEFAULT_RUNS)


def default_run(name: str) -> tuple[int, float, float]:
    """Return the best epoch of a course config on MNIST, its validation and test accuracy."""
    result = main.run(main.read_config(ROOT / "configs" / f"{name}.yaml"))
    return result.best_epoch, result.valid_accuracy[result.best_epoch - 1], result.test_accuracy


class TestConfig(InFolder):
    def read(self, text: str) -> main.Config:
        Path("some.yaml").write_text(text)
        return main.read_config("some.yaml")

    def test_course_files_hold_the_courses_values(self):
        course = {"batch_size": 64, "learning_rate": 0.1, "reg": 0.001, "epochs": 10}
        course |= {"momentum": 0.9, "debug": True}
        for name, model in (
            ("config_softmax", {"type": "SoftmaxRegression"}),
            ("config_twolayer", {"type": "TwoLayerNet", "hidden_size": 128}),
            ("config_exp", {"type": "TwoLayerNet", "hidden_size": 128}),
        ):
            config = main.read_config(ROOT / "configs" / f"{name}.yaml")
            self.assertEqual(config, main.Config(**course, **model))

    def test_all_keys(self):
        config = self.read(
            "Model: {type: SoftmaxRegression, hidden_size: 7, dtype: float32}\n"
            "Train: {batch_size: 1, learning_rate: 2, reg: 0, epochs: 3, seed: 0, momentum: 1,\n"
            "        debug: yes}\n"
        )
        expected = main.Config("SoftmaxRegression", 1, 2.0, 0.0, 3, 7, "float32", 0, 1.0, True)
        self.assertEqual(config, expected)

    def test_exponents(self):
        for text in ("1e-3", "1E-3", ".1e-2", "1.0e-3", "+1e-3"):
            self.assertEqual(self.read(GOOD.replace("0.001", text)).reg, 0.001)

    def test_mistakes(self):
        for old, new, *expected in (
            ("epochs: 3", "", "Train: epochs is missing"),
            ("type: TwoLayerNet", "", "Model: type is missing"),
            ("Model:", "Modell:", "unknown key 'Modell' (did you mean Model?)"),
            (
                "batch_size",
                "batchsize",
                "Train: unknown key 'batchsize' (did you mean batch_size?)",
            ),
            ("epochs: 3", "epochs: 3\n  zzz: 1", "Train: unknown key 'zzz'; expected batch_size"),
            ("epochs: 3", "epochs: 3\n  epochs: 4", "epochs appears twice", "line 6"),
            ("epochs: 3", "epochs: ten", "epochs: found 'ten'", "a whole number of at least 1"),
            ("epochs: 3", "epochs: 0", "epochs: found 0; expected a whole number of at least 1"),
            ("epochs: 3", "epochs: 3.0", "epochs: found 3.0"),
            ("epochs: 3", "epochs:", "epochs: found nothing"),
            ("epochs: 3", "epochs: True", "epochs: found True"),
            ("epochs: 3", "epochs: 3\n  debug: 1", "debug: found 1; expected True or False"),
            ("epochs: 3", "epochs: 3\n  seed: -1", "seed: found -1; expected a whole number"),
            ("epochs: 3", f"epochs: 3\n  seed: {2**64}", "seed: found 18446744073709551616"),
            ("epochs: 3", "epochs: 3\n  momentum: 9", "momentum: found 9.0"),
            ("rate: 0.1", "rate: 0", "learning_rate: found 0.0; expected a number above 0"),
            ("rate: 0.1", "rate: 0,1", "learning_rate: found '0,1'"),
            ("rate: 0.1", "rate: .inf", "learning_rate: found inf"),
            ("rate: 0.1", "rate: '1e-3'", "learning_rate: found '1e-3'"),
            ("reg: 0.001", "reg: -1e-3", "reg: found -0.001; expected a number of at least 0"),
            ("TwoLayerNet", "Net", "type: found 'Net'; expected SoftmaxRegression or TwoLayerNet"),
            (
                "size: 8",
                "size: 8\n  dtype: half",
                "dtype: found 'half'; expected float64 or float32",
            ),
            ("  reg: 0.001", "\treg: 0.001", "not valid YAML", "line 8"),
            ("reg: 0.001", "reg 0.001", "not valid YAML", "line 8"),
            (GOOD, "Train\n", "found 'Train'; expected Train, Model"),
            (GOOD, "Train:\nModel:\n", "Train: found nothing; expected batch_size"),
            (GOOD, "", "found nothing; expected Train, Model"),
        ):
            with self.subTest(new), self.assertRaises(ValueError) as caught:
                self.read(GOOD.replace(old, new))
            for part in ("some.yaml", *expected):
                self.assertIn(part, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))


def made_up_data() -> main.Data:
    """Return 300 images to train on, 80 to validate and 60 to test."""
    parts = [made_up_images(count, seed) for seed, count in enumerate((300, 80, 60))]
    return main.Data(*[(pixels, labels) for labels, pixels in parts])


class TestReadme(unittest.TestCase):
    def test_it_names_the_results_of_the_default_runs(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for name, (epoch, valid, test) in zip(DEFAULT_RUNS, default_runs.get()):
            (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}.yaml`")]
            end = f"| {epoch} | {valid:.4f} | **{test:.4f}** |"
            self.assertTrue(row.endswith(end), f"{row} does not end in {end}")


class TestRun(unittest.TestCase):
    def setUp(self):
        self.data = made_up_data()
        self.config = main.Config("TwoLayerNet", **TRAIN, hidden_size=8)

    def test_every_number(self):
        """Compare with the same run written out: batches from `random`, images converted at once."""
        for config, model in (
            (self.config, TwoLayerNet(hidden_size=8)),
            (dataclasses.replace(self.config, type="SoftmaxRegression"), SoftmaxRegression()),
        ):
            result = main.run(config, self.data)
            optimizer = SGD(0.1, 0.001)
            (images, labels), (valid_images, valid_labels), test = self.data
            models = []
            for epoch in range(3):
                order = shuffled(300, (epoch + 1) * 2**64 + 1024)
                loss_sum = accuracy_sum = 0
                for start in range(0, 300, 16):
                    rows = order[start : start + 16]
                    loss, accuracy = model.forward(images[rows] / 255, labels[rows])
                    optimizer.update(model)
                    loss_sum += loss * len(rows)
                    accuracy_sum += accuracy * len(rows)
                models.append(copy.deepcopy(model))
                self.assertAlmostEqual(result.train_loss[epoch], loss_sum / 300, places=12)
                self.assertAlmostEqual(result.train_accuracy[epoch], accuracy_sum / 300, places=12)
                loss, accuracy = model.forward(valid_images / 255, valid_labels, "valid")
                self.assertAlmostEqual(result.valid_loss[epoch], loss, places=12)
                self.assertAlmostEqual(result.valid_accuracy[epoch], accuracy, places=12)
            best = models[int(np.argmax(result.valid_accuracy))]
            self.assertEqual(result.best_epoch, 1 + int(np.argmax(result.valid_accuracy)))
            for name, weight in best.weights.items():
                np.testing.assert_array_equal(result.best_model.weights[name], weight)
            _, accuracy = best.forward(test[0] / 255, test[1], "valid")
            self.assertAlmostEqual(result.test_accuracy, accuracy, places=12)

    def test_the_same_config_gives_the_same_numbers(self):
        first, second = (main.run(self.config, self.data) for _ in range(2))
        for field in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            self.assertEqual(getattr(first, field), getattr(second, field))
        other = main.run(dataclasses.replace(self.config, seed=7), self.data)
        self.assertNotEqual(first.train_loss, other.train_loss)

    def test_the_best_epoch_is_the_first_of_those_that_tie(self):
        data = self.data._replace(valid=(self.data.valid[0][:1], self.data.valid[1][:1]))
        result = main.run(dataclasses.replace(self.config, epochs=30), data)
        self.assertEqual(result.best_epoch, 1 + result.valid_accuracy.index(1.0))
        self.assertGreater(result.valid_accuracy.count(1.0), 1)
        images, labels = data.test
        _, accuracy = result.best_model.forward(images / 255, labels, "valid")
        self.assertAlmostEqual(result.test_accuracy, accuracy, places=12)

    def test_float32(self):
        result = main.run(dataclasses.replace(self.config, dtype="float32"), self.data)
        self.assertEqual(result.best_model.weights["W1"].dtype, np.float32)
        np.testing.assert_allclose(
            result.train_loss, main.run(self.config, self.data).train_loss, rtol=1e-5
        )

    def test_no_test_set(self):
        result = main.run(self.config, self.data._replace(test=None))
        self.assertIsNone(result.test_accuracy)
        self.assertIsNotNone(result.best_model)

    def test_after_epoch(self):
        norms = []
        main.run(
            self.config,
            self.data,
            after_epoch=lambda model: norms.append(np.linalg.norm(model.weights["W2"])),
        )
        self.assertEqual(len(norms), 3)
        self.assertEqual(norms, sorted(norms))

    def test_divergence(self):
        config = dataclasses.replace(self.config, learning_rate=1e3, reg=1e3, epochs=50)
        result = main.run(config, self.data)
        self.assertLess(len(result.train_loss), 50)
        self.assertFalse(math.isfinite(result.train_loss[-1] + result.valid_loss[-1]))
        self.assertIsNone(result.test_accuracy)

    def test_hidden_size_is_128_unless_set(self):
        model = main.build_model(dataclasses.replace(self.config, hidden_size=None))
        self.assertEqual(model.weights["b1"].shape, (128,))

    def test_settings_without_effect_are_named(self):
        for changes, note in (
            ({}, "seed 1024"),
            ({"momentum": 0.9}, "seed 1024 (not used: momentum)"),
            ({"type": "SoftmaxRegression"}, "seed 1024 (not used: hidden_size)"),
        ):
            line = main.describe(dataclasses.replace(self.config, **changes)).splitlines()[1]
            self.assertTrue(line.endswith(note), line)


class TestProgram(InFolder):
    def setUp(self):
        super().setUp()
        write_made_up_data(self.folder)
        Path("some.yaml").write_text(GOOD)

    def run_main(self, *arguments):
        return run_program(ROOT / "main.py", *(arguments or ("--config", "some.yaml")))

    def assert_fails(self, done, status: int, *expected: str):
        """Check that a program ended in one line on standard error that holds all of these."""
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in ("main.py: ", *expected):
            self.assertIn(part, done.stderr)

    def test_a_run(self):
        done = self.run_main()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "MNIST: 320 images for training, 80 for validation, 100 to test")
        result = main.run(main.read_config("some.yaml"))
        with open("some_history.csv") as file:
            history = list(csv.DictReader(file))
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            self.assertEqual([float(row[name]) for row in history], getattr(result, name))
        for line, row in zip(lines[8:11], history, strict=True):
            number, *values = [float(value) for value in row.values()]
            expected = [f"{number:.0f}", *(f"{value:.4f}" for value in values)]
            self.assertEqual(line.split()[:5], expected)
        self.assertEqual(lines[-2], f"Test accuracy: {result.test_accuracy:.4f}")
        for name in ("some_loss.png", "some_accuracy.png"):
            self.assertIn(name, lines[-1])
            self.assertEqual(Path(name).read_bytes()[:4], b"\x89PNG")
        self.assertFalse(Path("comparison_loss.png").exists())

    def test_several_runs(self):
        Path("fast.yaml").write_text(GOOD.replace("rate: 0.1", "rate: 1.0"))
        Path("wild.yaml").write_text(WILD)
        done = self.run_main("--config", "some.yaml", "fast.yaml", "wild.yaml")
        self.assert_fails(done, 1, "wild: the loss of epoch 1 is not finite")
        *_, titles, some, fast, wild, _ = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(titles[:4], ["config", "learning_rate", "reg", "best"])
        for name, row, rate in (("some", some, "0.1"), ("fast", fast, "1.0")):
            alone = main.run(main.read_config(f"{name}.yaml"))
            best = alone.valid_accuracy[alone.best_epoch - 1]
            accuracies = [f"{accuracy:.4f}" for accuracy in (best, alone.test_accuracy)]
            self.assertEqual(row, [name, rate, "0.001", str(alone.best_epoch), *accuracies])
        self.assertEqual(wild, ["wild", "1000000000.0", "1000000000.0", "diverged"])
        for name in ("fast_history.csv", "wild_loss.png", "comparison_loss.png"):
            self.assertTrue(Path(name).exists(), name)

    def test_a_mistake_in_one_of_several_configs(self):
        Path("bad.yaml").write_text("")
        done = self.run_main("--config", "some.yaml", "bad.yaml")
        self.assert_fails(done, 2, "bad.yaml: found nothing")
        self.assertEqual(done.stdout, "")
        Path("other").mkdir()
        Path("other/some.yaml").write_text(GOOD)
        done = self.run_main("--config", "some.yaml", "other/some.yaml")
        self.assert_fails(done, 2, "other/some.yaml: another config is named some")

    def test_mistakes(self):
        self.assert_fails(self.run_main("--config", "none.yaml"), 2, "No such file", "none.yaml")
        Path("some.yaml").write_text(GOOD.replace("TwoLayerNet", "Net"))
        self.assert_fails(self.run_main(), 2, "some.yaml: Model: type: found 'Net'")
        Path("some.yaml").write_text(GOOD)
        Path("data/mnist_test.csv").write_text("5,6\n")
        self.assert_fails(self.run_main(), 2, "./data/mnist_test.csv: found 2 columns")
        Path("data/mnist_train.csv").unlink()
        self.assert_fails(self.run_main(), 2, "mnist_train.csv: no such file", "data/get_data.sh")

    def test_a_figure_that_cannot_be_written(self):
        Path("some_loss.png").mkdir()
        done = self.run_main()
        self.assert_fails(done, 2, "some_loss.png")
        self.assertIn("Test accuracy", done.stdout)

    def test_ctrl_c(self):
        program = (
            "import runpy, sys, utils\n"
            "def train(*_): raise KeyboardInterrupt\n"
            "utils.train = train\n"
            "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = run_program(
            "-c", program, ROOT / "main.py", "--config", "some.yaml", env=environment
        )
        self.assert_fails(done, 130, "interrupted")

    def test_blas_threads(self):
        program = "import main, os; print(os.environ.get('OMP_NUM_THREADS'))"
        clean = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
        for asked, expected in (
            ({}, "1"),
            ({"OMP_NUM_THREADS": "2"}, "2"),
            ({"OPENBLAS_NUM_THREADS": "2"}, "None"),
        ):
            done = run_program("-c", program, env={**clean, **asked, "PYTHONPATH": str(ROOT)})
            self.assertEqual(done.stdout.strip(), expected)


if __name__ == "__main__":
    unittest.main()
