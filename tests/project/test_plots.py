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
    def draw(self, plot, *arguments, **keywords) -> dict[str, matplotlib.figure.Axes]:
        """Call a function that plots; return the axes in each file that was written."""
        axes = {}
        savefig = matplotlib.figure.Figure.savefig

        def spy(figure, file, **options):
            savefig(figure, file, **options)
            axes[file.getvalue()] = figure.axes[0]

        with mock.patch("matplotlib.figure.Figure.savefig", spy):
            plot(*arguments, **keywords)
        return {path.name: axes[path.read_bytes()] for path in Path().glob("*.png")}

    def test_curves(self):
        axes = self.draw(utils.plot_curves, *CURVES, prefix="some_", title="some run")
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
            self.assertEqual(axes[name].get_title(), "some run")
            self.assertEqual(axes[name].get_xlabel(), "epoch")
            self.assertIn(unit, axes[name].get_ylabel())

    def test_epochs_are_whole(self):
        for epochs in (1, 2, 10, 200):
            for axes in self.draw(utils.plot_curves, *[[0.5] * epochs] * 4).values():
                low, high = axes.get_xlim()
                ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
                self.assertTrue(ticks and all(tick == int(tick) for tick in ticks))

    def test_a_run_that_diverged(self):
        for lost in (math.nan, math.inf):
            curves = ([1.0, lost], [0.5, 0.1], [0.9, lost], [0.6, 0.7])
            axes = self.draw(utils.plot_curves, *curves)
            self.assertEqual(axes["loss.png"].lines[0].get_ydata()[0], 1.0)
            self.assertIn("epoch 1", axes["loss.png"].lines[2].get_label())
            axes = self.draw(utils.plot_curves, [lost], [0.1], [lost], [0.1])
            self.assertEqual(len(axes["loss.png"].lines), 2)  # no epoch is the best

    def test_comparison(self):
        losses = {f"run{number}": [1.0, 1 / (2 + number)] for number in range(8)}
        accuracies = {"run0": [0.5, 0.6], "run1": [0.7]}
        axes = self.draw(utils.plot_comparison, losses, accuracies)
        for name, curves in (("loss", losses), ("accuracy", accuracies)):
            drawn = {
                line.get_label(): list(line.get_ydata())
                for line in axes[f"comparison_{name}.png"].lines
            }
            self.assertEqual(drawn, curves)
            looks = {
                (line.get_color(), line.get_linestyle())
                for line in axes[f"comparison_{name}.png"].lines
            }
            self.assertEqual(len(looks), len(curves))

    def test_the_same_curves_give_the_same_bytes(self):
        images = []
        for _ in range(2):
            utils.plot_curves(*CURVES)
            images.append(Path("loss.png").read_bytes())
        self.assertEqual(*images)

    def test_a_figure_that_cannot_be_written_leaves_the_old_one(self):
        Path("loss.png").write_bytes(b"old")
        with (
            mock.patch("pathlib.Path.replace", side_effect=OSError),
            self.assertRaises(OSError),
        ):
            utils.plot_curves(*CURVES)
        self.assertEqual([path.name for path in Path().iterdir()], ["loss.png"])
        self.assertEqual(Path("loss.png").read_bytes(), b"old")


if __name__ == "__main__":
    unittest.main()
