"""The config file, a run, and the command line."""

import contextlib
import copy
import dataclasses
import io
import itertools
import math
import os
import re
import runpy
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import yaml

import main
import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD
from tests import ROOT, InFolder, made_up_images, shuffled
from tests.project import run_program, write_made_up_data

TRAIN = {"batch_size": 16, "learning_rate": 0.3, "reg": 0.001, "epochs": 4}
GOOD = yaml.safe_dump({"Train": TRAIN, "Model": {"type": "TwoLayerNet", "hidden_size": 20}})
CHANGED = "epochs: 2\n  seed: 1\n  momentum: 0"
OTHER = GOOD.replace("TwoLayerNet", "SoftmaxRegression").replace("epochs: 4", CHANGED)

# What main.py prints of these on made-up data, without the seconds.
LOADED = "MNIST: 320 images for training, 80 for validation, 100 to test\n"
GOOD_RUN = """
some
TwoLayerNet, 20 hidden units, 15,910 parameters in float64
SGD with learning rate 0.3, reg 0.001, batch size 16, seed 1024

                 training            validation
epoch      loss  accuracy      loss    accuracy  seconds  * best so far
    1    2.3336    0.0781    2.3550      0.1125  *
    2    2.3290    0.1156    2.3365      0.1125
    3    2.3031    0.1313    2.3267      0.1750  *
    4    2.2881    0.1187    2.3180      0.0750

Best validation accuracy: 0.1750 after epoch 3
Test accuracy: 0.2800
Saved some_history.csv, some_loss.png, some_accuracy.png
"""
OTHER_RUN = """
other
SoftmaxRegression, 7,840 parameters in float64
SGD with learning rate 0.3, reg 0.001, batch size 16, seed 1 (not used: momentum, hidden_size)

                 training            validation
epoch      loss  accuracy      loss    accuracy  seconds  * best so far
    1    1.2464    0.5656    1.1928      0.5000  *
    2    0.8700    0.6531    0.9555      0.6000  *

Best validation accuracy: 0.6000 after epoch 2
Test accuracy: 0.7300
Saved other_history.csv, other_loss.png, other_accuracy.png

config               type  epochs  seed  momentum  best epoch  validation    test
  some        TwoLayerNet       4  1024      None           3      0.1750  0.2800
 other  SoftmaxRegression       2     1         0           2      0.6000  0.7300
Saved comparison_loss.png, comparison_accuracy.png
"""


class TestConfig(InFolder):
    def read(self, text: str) -> main.Config:
        Path("some.yaml").write_text(text)
        return main.read_config("some.yaml")

    def test_course_files_hold_the_courses_values(self):
        two_layers = main.Config("TwoLayerNet", 64, 0.1, 0.001, 10, 128, momentum=0.9, debug=True)
        softmax = dataclasses.replace(two_layers, type="SoftmaxRegression", hidden_size=None)
        for name, expected in (("softmax", softmax), ("twolayer", two_layers), ("exp", two_layers)):
            self.assertEqual(main.read_config(ROOT / "configs" / f"config_{name}.yaml"), expected)

    def test_all_keys_and_forms_of_numbers(self):
        config = self.read(
            "Model: {type: SoftmaxRegression, hidden_size: 7, dtype: float32}\n"
            "Train: {batch_size: 1, learning_rate: 2, reg: 0, epochs: 3, momentum: 1, debug: yes,\n"
            "        seed: 18446744073709551615}\n"
        )
        expected = ("SoftmaxRegression", 1, 2.0, 0.0, 3, 7, "float32", 2**64 - 1, 1.0, True)
        self.assertEqual(dataclasses.astuple(config), expected)
        for text in ("1e-3", "1E-3", ".1e-2", "1.0e-3", "+1e-3"):
            self.assertEqual(self.read(GOOD.replace("0.001", text)).reg, 0.001)
        config = dataclasses.replace(config, batch_size=np.int64(16), reg=np.float32(0))
        self.assertEqual((type(config.batch_size), type(config.reg)), (int, float))

    def test_mistakes_in_the_file(self):
        for old, new, *expected in (
            *[(f"{key}: {TRAIN[key]}", "", f"Train: {key} is missing; expected") for key in TRAIN],
            ("Model:", "Modell:", "unknown key 'Modell' (did you mean Model?)"),
            ("epochs: 4", "epochs: 4\n  zzz: 1", "Train: unknown key 'zzz'; expected batch_size"),
            ("epochs: 4", "epochs: 4\n  epochs: 5", "epochs appears twice", "line 6"),
            ("  reg: 0.001", "\treg: 0.001", "cannot start any token", "line 8"),
            ("reg: 0.001", "reg: 2025-13-01", "month"),
            (GOOD, "Model: 3\nTrain:\n", "Model: found 3; expected type, hidden_size, dtype"),
            (GOOD, "Train: {}\n", "Model is missing; expected Model, Train"),
        ):
            with self.subTest(new), self.assertRaises(ValueError) as caught:
                self.read(GOOD.replace(old, new))
            for part in ("some.yaml: ", *expected):
                self.assertIn(part, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))

    def test_values_are_checked_wherever_a_config_is_made(self):
        config = main.Config("TwoLayerNet", **TRAIN)
        number, count = "; expected a number ", "; expected a whole number "
        for name, value, message in (
            ("type", "TwoLayer", "'TwoLayer'; expected SoftmaxRegression or TwoLayerNet"),
            ("dtype", "half", "'half'; expected float64 or float32"),
            *[("epochs", n, f"{n!r}{count}of at least 1") for n in (0, 3.0, True, None)],
            *[(name, 0, f"0{count}of at least 1") for name in ("batch_size", "hidden_size")],
            *[("seed", n, f"{n}{count}from 0 to 2**64 - 1") for n in (-1, 2**64)],
            *[("learning_rate", x, f"{x!r}{number}above 0") for x in (0.0, math.inf)],
            *[("reg", x, f"{x!r}{number}of at least 0") for x in (-1e-3, math.inf)],
            *[("momentum", x, f"{x!r}{number}from 0 to 1") for x in (-0.1, 1.1)],
            ("debug", 1, "1; expected True or False"),
        ):
            with self.subTest(name, value=value), self.assertRaises(ValueError) as caught:
                dataclasses.replace(config, **{name: value})
            self.assertEqual(str(caught.exception), f"{name}: found {message}")


class TestRun(unittest.TestCase):
    def test_every_number(self):
        """Compare with the same run written out: order by `random`, images converted at once."""
        parts = [made_up_images(count, seed) for seed, count in enumerate((300, 80, 60))]
        data = main.Data(*[(pixels, labels) for labels, pixels in parts])
        (images, labels), (valid_images, valid_labels), test = data
        for Model, dtype in itertools.product((TwoLayerNet, SoftmaxRegression), main.DTYPES):
            model, seed = Model(dtype=dtype), int(dtype == "float64")
            config = main.Config(Model.__name__, **TRAIN, dtype=dtype, seed=seed)
            optimizer, models, expected = SGD(0.3, 0.001), [], []
            result = main.run(config, data)
            for epoch in range(1, 5):
                sums = np.zeros(2)
                for rows in np.array_split(shuffled(300, epoch * 2**64 + seed), range(16, 300, 16)):
                    sums += len(rows) * np.array(model.forward(images[rows] / 255, labels[rows]))
                    optimizer.update(model)
                models.append(copy.deepcopy(model))
                validated = model.forward(valid_images / 255, valid_labels, "valid")
                expected.append((*(sums / 300), *validated))
            found = [getattr(result, name) for name in main.HISTORIES]
            np.testing.assert_allclose(found, np.transpose(expected), rtol=1e-12)
            best = int(np.argmax(result.valid_accuracy))
            self.assertEqual(result.best_epoch, 1 + best)
            for name, weight in models[best].weights.items():
                np.testing.assert_array_equal(result.best_model.weights[name], weight)
            _, accuracy = models[best].forward(test[0] / 255, test[1], "valid")
            self.assertAlmostEqual(result.test_accuracy, accuracy, places=12)


class TestProgram(InFolder):
    def setUp(self):
        super().setUp()
        write_made_up_data(self.folder)
        Path("some.yaml").write_text(GOOD)
        Path("other.yaml").write_text(OTHER)

    def run_main(self, *configs: str) -> tuple[int, str, str]:
        """Return the exit status, standard output without seconds, and standard error."""
        with (
            contextlib.redirect_stdout(io.StringIO()) as stdout,
            contextlib.redirect_stderr(io.StringIO()) as stderr,
            mock.patch("matplotlib.figure.Figure.savefig"),  # it takes longer than the training
        ):
            status = main.main(["--config", *configs] if configs else [])
        printed = re.sub(r" +\d+\.\d\d(  \*)?$", r"\1", stdout.getvalue(), flags=re.MULTILINE)
        return status, printed, stderr.getvalue()

    def columns(self, name: str) -> list[list[float]]:
        """Return the columns of the history of a run."""
        title, *rows = Path(f"{name}_history.csv").read_text().splitlines()
        self.assertEqual(title, "epoch,train_loss,train_accuracy,valid_loss,valid_accuracy")
        return [list(map(float, column)) for column in zip(*(row.split(",") for row in rows))]

    def test_one_config(self):
        Path("configs").mkdir()
        Path("some.yaml").rename("configs/config_exp.yaml")  # the default of --config
        printed = GOOD_RUN.replace("some", "config_exp")
        with mock.patch("utils.plot_curves") as plot_curves:
            self.assertEqual(self.run_main(), (0, LOADED + printed, ""))
        result = main.run(main.read_config("configs/config_exp.yaml"))
        curves = [getattr(result, name) for name in main.HISTORIES]
        self.assertEqual(self.columns("config_exp"), [[1, 2, 3, 4], *curves])
        title = "\n".join(printed.splitlines()[1:4])
        plot_curves.assert_called_once_with(*curves, "config_exp_", title, 3)

    def test_two_configs(self):
        expected = LOADED + GOOD_RUN + OTHER_RUN
        with mock.patch("utils.draw_curves") as draw_curves:
            self.assertEqual(self.run_main("some.yaml", "other.yaml"), (0, expected, ""))
        runs = {
            "some: type TwoLayerNet, epochs 4, seed 1024, momentum None": self.columns("some"),
            "other: type SoftmaxRegression, epochs 2, seed 1, momentum 0": self.columns("other"),
        }
        for number, name, unit in ((3, "loss", utils.LOSS), (4, "accuracy", utils.ACCURACY)):
            drawn = {label: columns[number] for label, columns in runs.items()}
            draw_curves.assert_any_call(f"comparison_{name}.png", "Validation", unit, drawn)

    def test_divergence(self):
        """Runs that diverge after a good epoch fail; what they did is saved and compared."""
        config = main.read_config("some.yaml")
        with mock.patch("utils.evaluate", side_effect=[(0.8, 0.5), (math.inf, 0.9)] * 3):
            result = main.run(config)
            status, printed, said = self.run_main("some.yaml", "other.yaml")
        problem = "the loss of epoch 2 is not finite; try a smaller learning_rate or reg\n"
        self.assertEqual((status, said), (1, f"main.py: some: {problem}main.py: other: {problem}"))
        self.assertRegex(printed, r"\n +some +TwoLayerNet +4 +1024 +None +diverged +- +-\n")
        self.assertEqual(self.columns("some")[3:], [[0.8, math.inf], [0.5, 0.9]])
        self.assertTrue(Path("other_loss.png").exists())
        self.assertEqual((result.best_epoch, result.test_accuracy), (1, None))
        self.assertIsInstance(result.best_model, TwoLayerNet)
        config = dataclasses.replace(config, learning_rate=1e3, reg=1e3, epochs=50)
        self.assertLess(len(main.run(config).train_loss), 50)

    def test_mistakes(self):
        """Those in a config are told before any data is read."""
        Path("data/mnist_train.csv").unlink()
        Path("bad.yaml").write_text(GOOD.replace("TwoLayerNet", "Net"))
        for configs, message in (
            (["none.yaml"], r"\[Errno 2\] No such file or directory: 'none.yaml'"),
            (["some.yaml", "bad.yaml"], "bad.yaml: type: found 'Net'; expected Softmax"),
            (["some.yaml", "folder/some.yaml"], "folder/some.yaml: two configs are named some; "),
            (["some.yaml", "comparison.yaml"], "comparison.yaml: .* have this name; rename the "),
            (["some.yaml"], "./data/mnist_train.csv: no such file; .* make it with: sh data/get"),
        ):
            status, printed, said = self.run_main(*configs)
            self.assertEqual((status, printed), (2, ""))
            self.assertRegex(said, rf"^main.py: {message}.*\n\Z")

    def test_a_figure_that_cannot_be_written(self):
        Path("some_loss.png").mkdir()
        status, _, said = self.run_main("some.yaml")
        self.assertEqual((status, len(said.splitlines())), (2, 1), said)

    def test_ctrl_c_on_a_foreign_machine(self):
        """What is done is saved, whatever the console encodes and the backend of a notebook."""
        program = (
            "import main, os, runpy, unittest.mock, utils\n"
            "print(os.environ['OMP_NUM_THREADS'])\n"
            "epochs = [(0.9, 0.4), (0.8, 0.5), KeyboardInterrupt]\n"
            "utils.train = unittest.mock.Mock(side_effect=epochs)\n"
            "runpy.run_path(main.__file__, run_name='__main__')"
        )
        Path("some.yaml").rename("η=$a^$.yaml")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
        environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        environment.pop("OMP_NUM_THREADS")  # tests/__init__.py sets it
        done = run_program("-c", program, "--config", "η=$a^$.yaml", env=environment)
        self.assertEqual((done.returncode, done.stderr.strip()), (130, "main.py: interrupted"))
        self.assertTrue(done.stdout.startswith(f"1\n{LOADED}\n\\u03b7=$a^$\n"), done.stdout)
        self.assertEqual(self.columns("η=$a^$")[0], [1, 2])
        self.assertTrue(Path("η=$a^$_loss.png").exists())

    @mock.patch.dict(os.environ, MPLBACKEND="module://unittest.mock", OMP_NUM_THREADS="2")
    @mock.patch("sys.argv", ["main.py", "--config", "none.yaml"])
    def test_the_environment_is_left_alone(self):
        """In a notebook, `%run main.py` runs in the notebook's own process."""
        before = dict(os.environ)
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaisesRegex(SystemExit, "^2$"):
            runpy.run_path(str(ROOT / "main.py"), run_name="__main__")
        runpy.run_path(str(ROOT / "utils.py"))
        self.assertEqual(dict(os.environ), before)
