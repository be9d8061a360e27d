"""The program as a user meets it, on small made-up data, and `run` as other code meets it."""

import contextlib
import copy
import dataclasses
import functools
import io
import itertools
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import tracemalloc
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np

import main
import utils
from models import SoftmaxRegression, TwoLayerNet
from tests import (
    ROOT,
    run_program,
    start_program,
    warnings_are_errors,
    write_made_up_data,
)

CONFIG = """\
Train:
  batch_size: 16
  learning_rate: {learning_rate}
  reg: 0.001
  epochs: {epochs}
  seed: {seed}
  debug: {debug}
Model:
  type: {type}
"""

SETTINGS = {
    "learning_rate": 0.1,
    "epochs": 3,
    "seed": 1024,
    "debug": False,
    "type": "TwoLayerNet",
}


@contextlib.contextmanager
def in_folder(folder: Path):
    """Work in a folder, and come back."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class TestProgram(unittest.TestCase):
    """Every test has a folder of its own, with data and nothing else, and works in it."""

    def setUp(self):
        warnings_are_errors(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        write_made_up_data(self.folder)

    def config(self, name="some.yaml", **changes) -> str:
        """Write a config, and return its name."""
        (self.folder / name).write_text(CONFIG.format(**{**SETTINGS, **changes}))
        return name

    def run_main(self, *arguments, **options) -> subprocess.CompletedProcess:
        return run_program(ROOT / "main.py", *arguments, cwd=self.folder, **options)

    def assert_fails(self, done, status: int, *expected: str):
        """Check that the program ended in one line on standard error that holds all of these."""
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in ("main.py: ", *expected):
            self.assertIn(part, done.stderr)

    def figures(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if "png" in path.name)


class TestOutput(TestProgram):
    def test_a_run(self):
        done = self.run_main("--config", self.config("my run.yaml", epochs=12))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertRegex(
            lines[0],
            r"^MNIST with 320 images to train on, 80 to validate, 100 to test, loaded in \d+\.\d s$",
        )
        self.assertEqual(lines[1], "TwoLayerNet with 101,770 weights in float64")
        self.assertIn("learning rate 0.1, reg 0.001, batch size 16, seed 1024", lines[2])
        self.assertEqual(lines[4].split(), ["training", "validation"])
        self.assertEqual(
            re.split(" {2,}", lines[5]),
            ["epoch", "loss", "accuracy", "loss", "accuracy", "seconds", "* best so far"],
        )
        epochs = [re.split(" +", line.strip()) for line in lines[6:18]]
        self.assertEqual([row[0] for row in epochs], [str(number) for number in range(1, 13)])
        best, accuracies = -1.0, [float(row[4]) for row in epochs]
        for row, accuracy in zip(epochs, accuracies):
            self.assertEqual(len(row) == 7 and row[6] == "*", accuracy > best)
            best = max(best, accuracy)
            for number in row[1:5]:
                self.assertRegex(number, r"^\d+\.\d{4}$")
        at = accuracies.index(best) + 1
        self.assertEqual(lines[19], f"Best validation accuracy: {best:.4f} after epoch {at}")
        self.assertRegex(lines[20], r"^Test accuracy: [01]\.\d{4}$")
        self.assertEqual(lines[21:], ["Figures: my run_loss.png, my run_accuracy.png"])
        self.assertEqual(self.figures(), ["my run_accuracy.png", "my run_loss.png"])

    def test_seconds(self):
        clock = itertools.count(1000, 2.5)
        out = io.StringIO()
        with (
            in_folder(self.folder),
            mock.patch("time.perf_counter", lambda: next(clock)),
            contextlib.redirect_stdout(out),
        ):
            self.assertEqual(main.main(["--config", self.config()]), 0)
        self.assertRegex(out.getvalue(), r"\AMNIST [^\n]* test, loaded in 2\.5 s\n")
        self.assertEqual(len(re.findall(r"(?m) 2\.50(  \*)?$", out.getvalue())), 3)

    def test_lines_appear_at_once(self):
        written = io.BytesIO()
        with contextlib.redirect_stdout(io.TextIOWrapper(written, encoding="utf-8")):
            main.print_line("epoch")
            self.assertEqual(written.getvalue().split(), [b"epoch"])

    def test_no_control_characters_without_a_terminal(self):
        done = self.run_main("--config", self.config(debug=True))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout))

    @unittest.skipUnless(hasattr(os, "openpty"), "needs a POSIX terminal")
    def test_progress_on_a_terminal(self):
        for debug in (True, False):
            master, slave = os.openpty()
            command = [sys.executable, "-W", "error", ROOT / "main.py", "--config"]
            with subprocess.Popen(
                [*command, self.config(debug=debug)],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=slave,
            ) as process:
                os.close(slave)
                shown = b""
                with contextlib.suppress(OSError):  # how Linux ends a terminal
                    while part := os.read(master, 1000):
                        shown += part
                os.close(master)
            self.assertEqual(process.returncode, 0)
            self.assertEqual(b"\repoch 1, training: batch 1/20, loss 2.30" in shown, debug)
            self.assertNotIn(b"\n", shown)
            self.assertEqual(shown.split(b"\r")[-1], b"")  # the line is left empty

    def test_momentum_is_said_to_have_no_effect_once(self):
        name = self.config()
        text = (self.folder / name).read_text().replace("  reg:", "  momentum: 0.9\n  reg:")
        with_momentum = self.folder / "momentum.yaml"
        with_momentum.write_text(text)
        done = self.run_main("--config", with_momentum)
        self.assert_fails(done, 0, f"{with_momentum}: momentum has no effect")
        self.assertEqual(self.numbers(done), self.numbers(self.run_main("--config", name)))

    @staticmethod
    def numbers(done) -> list:
        """Return what a run printed, without the seconds and the names of files."""
        text = re.sub(r"loaded in .* s|Figures: .*", "", done.stdout)
        return re.sub(r"\d+\.\d\d(?!\d)", "", text).split()

    def test_the_same_config_gives_the_same_numbers(self):
        name = self.config()
        first, second = (self.run_main("--config", name) for _ in range(2))
        self.assertEqual(self.numbers(first), self.numbers(second))
        other = self.run_main("--config", self.config(seed=7))
        self.assertEqual(other.returncode, 0)
        self.assertNotEqual(self.numbers(first)[40:], self.numbers(other)[40:])

    def test_help(self):
        done = self.run_main("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        defaults = [
            f"(default: {main.DEFAULTS[name]})" for name in ("seed", "hidden_size", "dtype")
        ]
        for word in ("--config", "configs/config_exp.yaml", *main.SECTIONS, *defaults):
            self.assertIn(word, done.stdout)
        for keys in main.SECTIONS.values():
            for name in keys:
                self.assertIn(f" {name}: ", done.stdout)

    def test_default_config(self):
        (self.folder / "configs").mkdir()
        self.config("configs/config_exp.yaml", epochs=1)
        done = self.run_main()
        self.assertEqual(done.returncode, 0)
        self.assertIn("Figures: config_exp_loss.png", done.stdout)


class TestMistakes(TestProgram):
    def test_command_line(self):
        self.assert_fails(self.run_main("--confg", "x"), 2, "unrecognized arguments", "--help")
        self.assert_fails(self.run_main("--config"), 2, "expected one argument")
        self.assert_fails(self.run_main("--conf", "x"), 2, "unrecognized arguments")

    def test_packages_are_missing(self):
        done = run_program("-S", "-I", ROOT / "main.py", cwd=self.folder)
        self.assert_fails(done, 2, "No module named 'numpy'; set up as README.md says")

    def broken_numpy(self, program: str) -> dict:
        """Return the environment in which `import numpy` runs this instead."""
        (self.folder / "broken").mkdir()
        (self.folder / "broken" / "numpy.py").write_text(program)
        return {"PYTHONPATH": str(self.folder / "broken")}

    def test_a_broken_package(self):
        environment = self.broken_numpy("raise ImportError('\\n\\nAdvice.\\n\\n' * 99)")
        done = self.run_main("--config", self.config(), env=environment)
        self.assert_fails(done, 2, "main.py: Advice. Advice. ", "; set up as README.md says")
        self.assertLess(len(done.stderr), 280)

    @unittest.skipIf(os.name == "nt", "Windows has no SIGINT for one process")
    def test_ctrl_c_while_modules_load(self):
        # NumPy's import may answer an exception with one of its own.
        environment = self.broken_numpy(
            "import os, signal\n"
            "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    while True: pass\n"
            "except KeyboardInterrupt:\n    raise ImportError"
        )
        done = self.run_main("--config", self.config(), env=environment)
        self.assertEqual((done.returncode, done.stderr), (130, "main.py: interrupted\n"))

    @unittest.skipIf(os.name == "nt", "Windows has no SIGINT for one process")
    def test_ctrl_c_is_ignored_where_it_was(self):
        environment = self.broken_numpy(
            "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise ImportError('broken')"
        )
        for program in (ROOT / "main.py", ROOT / "data" / "get_data.py"):
            ignoring = functools.partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
            done = run_program(program, cwd=self.folder, env=environment, preexec_fn=ignoring)
            self.assertIn("broken", done.stderr)

    def test_ctrl_c_while_matplotlib_draws(self):
        drawn = []

        def draw(*_, **__):
            signal.raise_signal(signal.SIGINT)
            drawn.append(signal.getsignal(signal.SIGINT))

        config = self.config()
        errors = io.StringIO()
        with (
            in_folder(self.folder),
            mock.patch("utils.plot_curves", draw),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(errors),
        ):
            status = main.main(["--config", config])
        self.assertEqual((status, errors.getvalue()), (130, "main.py: interrupted\n"))
        self.assertEqual(len(drawn), 1)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)

    def test_main_in_a_thread(self):
        config = self.config()
        with (
            in_folder(self.folder),
            contextlib.redirect_stdout(io.StringIO()),
            ThreadPoolExecutor() as pool,
        ):
            self.assertEqual(pool.submit(main.main, ["--config", config]).result(), 0)
        self.assertEqual(len(self.figures()), 2)

    def test_ctrl_c_is_left_to_whoever_imports_this(self):
        self.assertIsNot(signal.getsignal(signal.SIGINT), main.stop_at_once)

    def test_matplotlib_is_missing(self):
        done = run_program(
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.modules['matplotlib'] = None\n"
            "import main",
            cwd=self.folder,
        )
        self.assert_fails(done, 2, "No module named 'matplotlib'; set up as README.md says")

    def test_matplotlib_is_set_up_badly(self):
        environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        with mock.patch.dict(os.environ, environment):
            done = self.run_main("--config", self.config())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (self.folder / "matplotlibrc").write_text("text.usetex: True\n")
        with mock.patch.dict(os.environ, {"PATH": ""}):  # no LaTeX
            done = self.run_main("--config", self.config())
        self.assert_fails(done, 2, "Matplotlib could not draw the figures: ")
        self.assertIn("Test accuracy: ", done.stdout)

    def test_a_name_that_standard_output_cannot_encode(self):
        with mock.patch.dict(os.environ, {"PYTHONIOENCODING": "ascii"}):
            done = self.run_main("--config", self.config("\u65e5\u672c.yaml"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Figures: \\u65e5\\u672c_loss.png", done.stdout)
        self.assertIn("\u65e5\u672c_loss.png", self.figures())

    def test_standard_output_cannot_be_written(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("needs /dev/full")
        with open("/dev/full", "w") as full:
            done = self.run_main("--config", self.config(), stdout=full)
        self.assert_fails(done, 1, "standard output: No space left on device")

    def test_configs(self):
        # The data is gone: what is wrong with a config is said before any data is read.
        for name in ("train", "test"):
            (self.folder / "data" / f"mnist_{name}.csv").unlink()
        bad = self.config("bad.yaml", epochs="ten")
        self.assert_fails(
            self.run_main("--config", bad), 2, "bad.yaml: Train: epochs: found 'ten'; expected a"
        )
        self.assert_fails(self.run_main("--config", "none.yaml"), 2, "none.yaml: no such file")
        self.assert_fails(self.run_main("--config", "data"), 2, "data: ")
        self.assert_fails(self.run_main("--config", ""), 2, "main.py: ")
        (self.folder / "binary.yaml").write_bytes(bytes(range(256)))
        self.assert_fails(self.run_main("--config", "binary.yaml"), 2, "binary.yaml: is not a text")
        self.assertEqual(self.figures(), [])

    def test_a_mistake_need_not_wait_for_matplotlib(self):
        done = run_program(
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); import main\n"
            "print(main.main(['--config', 'none.yaml']), 'matplotlib' in sys.modules)",
            cwd=self.folder,
        )
        self.assertEqual(done.stdout.split(), ["2", "False"])

    def test_data(self):
        config = self.config()
        test = self.folder / "data" / "mnist_test.csv"
        test.write_text("5,6\n")
        self.assert_fails(
            self.run_main("--config", config), 2, "./data/mnist_test.csv, line 1: found 2 columns"
        )
        test.unlink()
        self.assert_fails(
            self.run_main("--config", config),
            2,
            "./data/mnist_test.csv: no such file",
            "get_data.sh",
        )
        self.assertEqual(self.figures(), [])

    def test_divergence(self):
        for name in ("SoftmaxRegression", "TwoLayerNet"):
            with self.subTest(name):
                config = self.config(f"{name}.yaml", learning_rate="1e12", epochs=50, type=name)
                done = self.run_main("--config", config)
                self.assert_fails(
                    done, 1, f"{name}.yaml: diverged", "smaller learning_rate (it is 1e+12)"
                )
                self.assertNotRegex(done.stdout.lower(), r"\bnan\b|\binf\b|test accuracy")
                self.assertIn(f"{name}_accuracy.png", self.figures())
                self.assertIn(f"{name}_loss.png", self.figures())

    def test_figures_that_cannot_be_written(self):
        (self.folder / "some_accuracy.png").mkdir()
        done = self.run_main("--config", self.config())
        self.assert_fails(done, 2, "main.py: some_accuracy.png: ")
        self.assertIn("Test accuracy: ", done.stdout)
        self.assertFalse([name for name in self.figures() if name.startswith(".")])

    @unittest.skipIf(os.name == "nt", "Windows has no SIGINT for one process")
    def test_ctrl_c(self):
        config = self.config(epochs=10**6)
        with start_program(ROOT / "main.py", "--config", config, cwd=self.folder) as process:
            while not process.stdout.readline().startswith("    2 "):
                pass
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        self.assertEqual((process.returncode, errors), (130, "main.py: interrupted\n"))
        self.assertEqual(self.figures(), [])

    def test_nobody_reads_on(self):
        buffered = {"PYTHONUNBUFFERED": ""}
        config = self.config(epochs=10**6)
        with start_program(
            ROOT / "main.py", "--config", config, cwd=self.folder, env=buffered
        ) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.stderr.read(), "")
        self.assertEqual(process.returncode, 1)

    def test_memory(self):
        stderr = io.StringIO()
        config = self.folder / self.config()
        with (
            in_folder(self.folder),
            mock.patch("main.build_model", side_effect=MemoryError),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(stderr),
        ):
            self.assertEqual(main.main(["--config", str(config)]), 2)
        self.assertIn("not enough memory; try dtype: float32, a smaller", stderr.getvalue())


class TestRun(TestProgram):
    """`run` called by other code."""

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.settings = main.read_config(self.config())
        self.data = main.load_data()

    def test_result(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            result = main.run(self.settings)
        self.assertEqual(out.getvalue(), "")
        for curve in (
            result.train_loss,
            result.valid_loss,
            result.train_accuracy,
            result.valid_accuracy,
        ):
            self.assertEqual([type(value) for value in curve], [float] * 3)
        self.assertIsInstance(result.best_model, TwoLayerNet)
        self.assertEqual(result.best_epoch, int(np.argmax(result.valid_accuracy)) + 1)
        self.assertEqual(self.figures(), [])

    def test_what_is_printed_and_plotted_is_the_result(self):
        config = self.config(learning_rate=0.3, epochs=6)
        expected = main.run(main.read_config(config))
        out = io.StringIO()
        with mock.patch("utils.plot_curves") as plot, contextlib.redirect_stdout(out):
            self.assertEqual(main.main(["--config", config]), 0)
        plot.assert_called_once_with(
            expected.train_loss,
            expected.train_accuracy,
            expected.valid_loss,
            expected.valid_accuracy,
            prefix="some_",
        )
        best = expected.valid_accuracy[expected.best_epoch - 1]
        self.assertNotEqual(best, expected.test_accuracy)
        self.assertIn(f"\nTest accuracy: {expected.test_accuracy:.4f}\n", out.getvalue())
        self.assertIn(
            f"\nBest validation accuracy: {best:.4f} after epoch {expected.best_epoch}\n",
            out.getvalue(),
        )
        rows = re.findall(r"^ +\d+(?:  +\d\.\d{4}){4}", out.getvalue(), re.MULTILINE)
        self.assertEqual(len(rows), 6)
        for epoch, row in enumerate(rows):
            curves = plot.call_args.args
            self.assertEqual(
                row.split(), [str(epoch + 1), *(f"{curve[epoch]:.4f}" for curve in curves)]
            )

    def test_neither_settings_nor_result_can_be_changed(self):
        result = main.Result([1.0], [0.1], [1.0], [0.1], 1, None, 0.1)
        for value in (self.settings, result):
            with self.assertRaises(dataclasses.FrozenInstanceError):
                value.best_epoch = 2

    def test_data_can_be_loaded_once(self):
        self.assertEqual(
            dataclasses.astuple(main.run(self.settings, self.data))[:5],
            dataclasses.astuple(main.run(self.settings))[:5],
        )

    def test_without_a_test_set(self):
        whole, lines = main.run(self.settings, self.data), []
        result = main.run(self.settings, self.data._replace(test=None), lines.append)
        self.assertIsNone(result.test_accuracy)
        self.assertEqual(result.valid_accuracy, whole.valid_accuracy)
        self.assertEqual(result.best_epoch, whole.best_epoch)
        self.assertRegex(lines[-1], "^Best validation accuracy: ")

    def test_after_epoch_sees_the_model_of_each_epoch(self):
        seen = []

        def look(model):
            seen.append(
                utils.evaluate([self.data.valid[0] / 255], [self.data.valid[1]], model, False)
            )

        result = main.run(self.settings, self.data, after_epoch=look)
        self.assertEqual([accuracy for _, accuracy in seen], result.valid_accuracy)

    def test_the_best_model_is_the_one_of_its_epoch(self):
        # With steps this large the accuracy goes up and down, so the last epoch is not the best.
        settings = dataclasses.replace(self.settings, learning_rate=3.0, epochs=15)
        result = main.run(settings, self.data)
        self.assertLess(result.best_epoch, 15)
        until_then = dataclasses.replace(settings, epochs=result.best_epoch)
        again = main.run(until_then, self.data)
        self.assertEqual(again.best_epoch, result.best_epoch)
        self.assertEqual(again.test_accuracy, result.test_accuracy)
        for name, weight in again.best_model.weights.items():
            np.testing.assert_array_equal(weight, result.best_model.weights[name])

    def test_settings_have_their_effect(self):
        expected = main.run(self.settings, self.data)
        for change in (
            {"batch_size": 17},
            {"learning_rate": 0.2},
            {"reg": 0.1},
            {"seed": 1025},
            {"hidden_size": 127},
            {"type": "SoftmaxRegression"},
            {"dtype": "float32"},
        ):
            with self.subTest(change):
                result = main.run(dataclasses.replace(self.settings, **change), self.data)
                self.assertNotEqual(result.train_loss, expected.train_loss)
        for change in ({"momentum": 0.5}, {"debug": True}):
            result = main.run(dataclasses.replace(self.settings, **change), self.data)
            self.assertEqual(result.train_loss, expected.train_loss)

    def test_epochs_have_orders_of_their_own(self):
        with mock.patch(
            "utils.generate_batched_data", wraps=main.utils.generate_batched_data
        ) as spy:
            for seed in (0, 1, 2, 2**64 - 1):
                main.run(dataclasses.replace(self.settings, seed=seed), self.data)
        seeds = [call.kwargs["seed"] for call in spy.call_args_list if call.kwargs.get("shuffle")]
        # This rule is why the default seed keeps all classes of softmax regression.
        self.assertEqual(
            seeds,
            [epoch * 2**64 + seed for seed in (0, 1, 2, 2**64 - 1) for epoch in (1, 2, 3)],
        )
        self.assertEqual(len(set(seeds)), 12)

    def test_models(self):
        model = main.build_model(dataclasses.replace(self.settings, hidden_size=7, dtype="float32"))
        self.assertIsInstance(model, TwoLayerNet)
        self.assertEqual(model.weights["W1"].shape, (784, 7))
        self.assertEqual(model.weights["W1"].dtype, np.float32)
        model = main.build_model(dataclasses.replace(self.settings, type="SoftmaxRegression"))
        self.assertIsInstance(model, SoftmaxRegression)
        self.assertEqual(model.weights["W1"].dtype, np.float64)

    def test_bytes_and_floats_give_the_same(self):
        for dtype in ("float64", "float32"):
            settings = dataclasses.replace(self.settings, dtype=dtype)
            floats = [(np.divide(images, 255, dtype=dtype), labels) for images, labels in self.data]
            one, other = main.run(settings, self.data), main.run(settings, main.Data(*floats))
            self.assertEqual(one.train_loss, other.train_loss)
            self.assertEqual(one.valid_loss, other.valid_loss)
            self.assertEqual(one.test_accuracy, other.test_accuracy)

    def test_images_are_loaded_as_bytes(self):
        for images, labels in main.load_data():
            self.assertEqual(images.dtype, np.uint8)
            self.assertEqual(len(images), len(labels))

    def test_a_run_holds_no_floats_of_all_images(self):
        settings = dataclasses.replace(self.settings, type="SoftmaxRegression")
        main.run(settings, self.data)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        main.run(settings, self.data)
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, self.data.train[0].size * np.dtype(settings.dtype).itemsize)

    def test_the_data_is_left_alone(self):
        before = copy.deepcopy(self.data)
        main.run(self.settings, self.data)
        for part, expected in zip(self.data, before):
            np.testing.assert_array_equal(part[0], expected[0])
            np.testing.assert_array_equal(part[1], expected[1])

    def test_batches_of_any_size(self):
        for batch_size in (1, 80, 10**9):
            settings = dataclasses.replace(self.settings, batch_size=batch_size)
            result = main.run(settings, self.data)
            self.assertTrue(math.isfinite(result.valid_loss[-1]))

    def test_divergence(self):
        settings = dataclasses.replace(self.settings, learning_rate=1e12, epochs=50)
        result = main.run(settings, self.data)
        self.assertIsNone(result.test_accuracy)
        self.assertLess(len(result.train_loss), 50)
        self.assertFalse(math.isfinite(result.train_loss[-1] + result.valid_loss[-1]))
        self.assertTrue(all(math.isfinite(loss) for loss in result.train_loss[:-1]))

    def test_nothing_is_warned_of_in_the_test(self):
        # The test set alone is bright enough to make these weights overflow.
        (images, labels), valid, (bright, test_labels) = self.data
        dark = images / 200, labels
        data = main.Data(dark, (valid[0] / 200, valid[1]), (bright * 1e6, test_labels))
        settings = main.Config("TwoLayerNet", 64, 1e308, 0.0, 1)
        main.run(settings, data)

    def test_a_model_that_gets_nothing_right_is_the_best_there_is(self):
        with mock.patch.object(main.utils, "evaluate", return_value=(0.5, 0.0)):
            result = main.run(self.settings, self.data)
        self.assertEqual((result.best_epoch, result.test_accuracy), (1, 0.0))
        self.assertIsInstance(result.best_model, TwoLayerNet)

    def test_a_loss_that_is_not_finite_ends_the_run(self):
        for patched, curve in (("train", "train_loss"), ("evaluate", "valid_loss")):
            finite = [(0.5, 0.5), (0.4, 0.6)]
            with mock.patch.object(main.utils, patched, side_effect=[*finite, (math.nan, 0.9)]):
                result = main.run(dataclasses.replace(self.settings, epochs=9), self.data)
            self.assertEqual(len(result.train_loss), 3)
            self.assertTrue(math.isnan(getattr(result, curve)[-1]))
            # What was best until then is kept, but not tested.
            self.assertEqual(result.best_epoch, 1 + int(np.argmax(result.valid_accuracy[:2])))
            self.assertIsInstance(result.best_model, TwoLayerNet)
            self.assertIsNone(result.test_accuracy)


if __name__ == "__main__":
    unittest.main()
