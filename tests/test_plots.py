"""The learning curves: what is drawn, and that a figure appears whole or not at all."""

import math
import unittest
from pathlib import Path
from unittest import mock

import matplotlib.figure

import utils
from tests import InFolder

CURVES = ([1.0, 0.5, 0.4], [0.6, 0.8, 0.9], [0.9, 0.6, 0.7], [0.7, 0.85, 0.8])


class TestPlots(InFolder):
    def draw(self, *histories) -> dict[str, matplotlib.figure.Axes]:
        """Plot the histories; return the axes of each file that was written."""
        axes = {}
        savefig = matplotlib.figure.Figure.savefig

        def spy(figure, file, **options):
            savefig(figure, file, **options)
            axes[file.getvalue()] = figure.axes[0]

        with mock.patch("matplotlib.figure.Figure.savefig", spy):
            utils.plot_curves(*histories, prefix="some_")
        return {path.name: axes[path.read_bytes()] for path in Path().glob("*.png")}

    def test_curves(self):
        axes = self.draw(*CURVES)
        self.assertEqual(sorted(axes), ["some_accuracy.png", "some_loss.png"])
        for name, unit, training, validation in (
            ("some_loss.png", "nats", CURVES[0], CURVES[2]),
            ("some_accuracy.png", "fraction", CURVES[1], CURVES[3]),
        ):
            lines = {line.get_label(): line for line in axes[name].lines}
            self.assertEqual(list(lines["training"].get_xdata()), [1, 2, 3])
            self.assertEqual(list(lines["training"].get_ydata()), training)
            self.assertEqual(list(lines["validation"].get_ydata()), validation)
            best = lines["best validation accuracy: epoch 2"]
            self.assertEqual(list(best.get_xdata()), [2, 2])
            self.assertEqual(axes[name].get_xlabel(), "epoch")
            self.assertIn(unit, axes[name].get_ylabel())

    def test_epochs_are_whole(self):
        for epochs in (1, 2, 10, 200):
            for axes in self.draw(*[[0.5] * epochs] * 4).values():
                low, high = axes.get_xlim()
                ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
                self.assertTrue(ticks and all(tick == int(tick) for tick in ticks))

    def test_a_run_that_diverged(self):
        for lost in (math.nan, math.inf):
            axes = self.draw([1.0, lost], [0.5, 0.1], [0.9, lost], [0.6, 0.1])
            self.assertEqual(axes["some_loss.png"].lines[0].get_ydata()[0], 1.0)
            self.draw([lost], [0.1], [lost], [0.1])

    def test_the_same_curves_give_the_same_bytes(self):
        first, second = (
            self.draw(*CURVES).keys() and Path("some_loss.png").read_bytes() for _ in "12"
        )
        self.assertEqual(first, second)

    def test_a_figure_that_cannot_be_written_leaves_the_old_one(self):
        Path("loss.png").write_bytes(b"old")
        with (
            mock.patch("pathlib.Path.write_bytes", side_effect=OSError),
            self.assertRaises(OSError),
        ):
            utils.plot_curves(*CURVES)
        self.assertEqual([path.name for path in Path().iterdir()], ["loss.png"])
        self.assertEqual(Path("loss.png").read_bytes(), b"old")


if __name__ == "__main__":
    unittest.main()
