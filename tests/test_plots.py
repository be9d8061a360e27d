"""The learning curves: which files, and what is drawn in them."""

import math
import os
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from matplotlib.figure import Figure

import utils
from tests import ROOT, run_program, warnings_are_errors


class TestPlots(unittest.TestCase):
    def setUp(self):
        warnings_are_errors(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def draw(self, *histories, **options):
        """Plot, and return the axes of both figures."""
        with mock.patch("matplotlib.figure.Figure", wraps=Figure) as spy:
            drawn = []
            spy.side_effect = lambda *args, **kwargs: (
                drawn.append(Figure(*args, **kwargs)) or drawn[-1]
            )
            self.assertIsNone(utils.plot_curves(*histories, **options))
        return [figure.axes[0] for figure in drawn]

    def files(self) -> list[str]:
        return sorted(os.listdir())

    def test_files(self):
        utils.plot_curves([2.0, 1.0], [0.5, 0.6], [1.5, 1.2], [0.5, 0.7])
        self.assertEqual(self.files(), ["accuracy.png", "loss.png"])
        utils.plot_curves([2.0, 1.0], [0.5, 0.6], [1.5, 1.2], [0.5, 0.7], prefix="a run_")
        self.assertEqual(
            self.files(), ["a run_accuracy.png", "a run_loss.png", "accuracy.png", "loss.png"]
        )
        for name in self.files():
            self.assertEqual(Path(name).read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

    def test_contents(self):
        histories = [2.0, 1.0, 0.5], [0.5, 0.6, 0.7], [1.5, 1.2, 1.3], [0.55, 0.75, 0.65]
        for axes, training, validation, title, unit in zip(
            self.draw(*histories),
            histories[0:2],
            histories[2:4],
            ("Loss", "Accuracy"),
            ("nats", "fraction"),
            strict=True,
        ):
            self.assertEqual(axes.get_title(), title)
            curves = {line.get_label(): line for line in axes.lines}
            self.assertEqual(list(curves["training"].get_xdata()), [1, 2, 3])
            self.assertEqual(list(curves["training"].get_ydata()), training)
            self.assertEqual(list(curves["validation"].get_xdata()), [1, 2, 3])
            self.assertEqual(list(curves["validation"].get_ydata()), validation)
            mark = curves["best validation accuracy: epoch 2"]
            self.assertEqual(list(mark.get_xdata()), [2, 2])
            self.assertEqual(axes.get_xlabel(), "epoch")
            self.assertIn(unit, axes.get_ylabel())
            legend = [text.get_text() for text in axes.get_legend().get_texts()]
            self.assertEqual(legend, list(curves))

    def test_ticks_are_epochs(self):
        for epochs in (1, 2, 3, 10, 30, 31, 200):
            with self.subTest(epochs=epochs):
                curve = [1 / (epoch + 1) for epoch in range(epochs)]
                for axes in self.draw(curve, curve, curve, curve):
                    low, high = axes.get_xlim()
                    self.assertLess(low, 1)
                    self.assertGreater(high, epochs)
                    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
                    self.assertTrue(shown)
                    self.assertTrue(all(tick == int(tick) and tick >= 1 for tick in shown))
                    self.assertEqual(axes.lines[0].get_marker() == "o", epochs <= 30)

    def test_a_run_that_diverged(self):
        for lost in (math.nan, math.inf):
            axes, _ = self.draw([1.0, lost], [0.5, 0.1], [0.9, lost], [0.6, 0.1])
            self.assertEqual(axes.lines[0].get_ydata()[0], 1.0)
            self.assertTrue(math.isnan(axes.lines[0].get_ydata()[1]))
            self.assertEqual(axes.lines[2].get_label(), "best validation accuracy: epoch 1")
            self.assertEqual(axes.lines[3].get_label(), "loss not finite: epoch 2")
        # An epoch whose loss is not finite is not the best, however accurate, and the first counts.
        nan = math.nan
        _, axes = self.draw([1.0, nan, nan], [0.5, 0.9, 0.9], [1.0, 1.0, nan], [0.5, 0.9, 0.9])
        labels = [line.get_label() for line in axes.lines[2:]]
        self.assertEqual(labels, ["best validation accuracy: epoch 1", "loss not finite: epoch 2"])
        axes, _ = self.draw([nan], [0.1], [nan], [0.1])
        self.assertEqual(
            [line.get_label() for line in axes.lines[2:]], ["loss not finite: epoch 1"]
        )

    def test_an_epoch_that_gets_nothing_right_is_better_than_one_that_diverged(self):
        axes, _ = self.draw([math.nan, 1.0], [0.5, 0.0], [1.0, 1.0], [0.5, 0.0])
        self.assertEqual(axes.lines[2].get_label(), "best validation accuracy: epoch 2")

    def test_looks(self):
        """Both curves look alike, marks are thinner, and every epoch lies within the axes."""
        for epochs, right_end in ((1, 1.5), (5, 5.5), (25, 25.5), (31, 31.62), (200, 204)):
            curve = [1 / (epoch + 1) for epoch in range(epochs)]
            for axes in self.draw(curve, curve, curve, curve):
                np.testing.assert_allclose(axes.get_xlim(), (0.5, right_end))
                training, validation, mark = axes.lines
                self.assertEqual(training.get_markersize(), validation.get_markersize())
                self.assertEqual(training.get_linewidth(), validation.get_linewidth())
                self.assertNotEqual(training.get_color(), validation.get_color())
                self.assertTrue(0 < mark.get_linewidth() < training.get_linewidth())
        for name in self.files():
            header = Path(name).read_bytes()[16:24]
            self.assertEqual(struct.unpack(">II", header), (1050, 675))  # pixels

    def test_the_first_of_epochs_that_tie_is_the_best(self):
        axes, _ = self.draw([1.0] * 3, [0.5] * 3, [1.0] * 3, [0.6, 0.7, 0.7])
        self.assertEqual(axes.lines[2].get_label(), "best validation accuracy: epoch 2")

    def test_refused(self):
        for histories in (
            ([], [], [], []),
            ([1.0], [1.0], [1.0], []),
            ([1.0], [1.0, 2.0], [1.0], [1.0]),
        ):
            with self.assertRaisesRegex(ValueError, "expected as many, at least 1"):
                utils.plot_curves(*histories)
        self.assertEqual(self.files(), [])

    def test_an_old_figure_is_not_lost(self):
        Path("loss.png").write_bytes(b"old")
        for failure in (OSError(28, "No space left on device"), KeyboardInterrupt()):
            with (
                mock.patch("os.replace", side_effect=failure),
                self.assertRaises(type(failure)) as caught,
            ):
                utils.plot_curves([1.0], [1.0], [1.0], [1.0])
            if isinstance(failure, OSError):
                self.assertEqual(caught.exception.filename, "loss.png")
            self.assertEqual(self.files(), ["loss.png"])
            self.assertEqual(Path("loss.png").read_bytes(), b"old")
        utils.plot_curves([1.0], [1.0], [1.0], [1.0])
        self.assertNotEqual(Path("loss.png").read_bytes(), b"old")

    def test_the_same_curves_give_the_same_bytes(self):
        utils.plot_curves([1.0], [0.1], [1.0], [0.1])
        first = Path("loss.png").read_bytes()
        utils.plot_curves([1.0], [0.1], [1.0], [0.1])
        self.assertEqual(Path("loss.png").read_bytes(), first)

    def test_no_display_and_no_pyplot(self):
        done = run_program(
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); import utils\n"
            "utils.plot_curves([1.0], [0.1], [1.0], [0.1])\n"
            "print('matplotlib.pyplot' in sys.modules)",
            cwd=Path.cwd(),
        )
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))


if __name__ == "__main__":
    unittest.main()
