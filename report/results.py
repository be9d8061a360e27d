"""What came of the runs: over the seeds, and what may be said of it.

The spread of a setting is the standard deviation over its seeds. Two settings are said to differ
only if their means are further apart than their spreads together.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from report import running
from report.plan import Setting


@dataclass(frozen=True)
class Sample:
    """A number for each seed.

    Attributes
    ----------
    values : tuple of float
        One or more.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their arithmetic mean."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float:
        """Their standard deviation, with N - 1 in the denominator; 0 for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def above(self, other: "Sample") -> bool:
        """Tell whether this is larger by more than both spreads together."""
        return self.mean - other.mean > self.spread + other.spread

    def percent(self) -> str:
        """Return mean and spread of fractions in percent, as a table shows them."""
        return f"{100 * self.mean:.2f} ± {100 * self.spread:.2f}"


class Outcome:
    """The results of one setting, a row of each history per seed.

    Attributes
    ----------
    setting : Setting
        What was run.
    results : list of dict
        What `running.load` returned, one per seed.
    """

    def __init__(self, setting: Setting, results: Sequence[dict]):
        self.setting, self.results = setting, list(results)

    def history(self, name: str) -> np.ndarray:
        """Return one of `running.HISTORIES` of all seeds, shape (seeds, epochs)."""
        return np.array([result[name] for result in self.results], dtype=float)

    def at_best(self, name: str) -> Sample:
        """Return an entry of a history at the epoch with the best validation accuracy."""
        return Sample(
            tuple(float(result[name][result["best_epoch"] - 1]) for result in self.results)
        )

    def last(self, name: str) -> Sample:
        """Return the last entry of a history."""
        return Sample(tuple(float(result[name][-1]) for result in self.results))

    @property
    def best_epoch(self) -> Sample:
        """The epoch with the best validation accuracy."""
        return Sample(tuple(float(result["best_epoch"]) for result in self.results))

    @property
    def train(self) -> Sample:
        """Training accuracy in the best epoch, averaged over the epoch while it trains."""
        return self.at_best("train_accuracy")

    @property
    def valid(self) -> Sample:
        """Validation accuracy after the best epoch."""
        return self.at_best("valid_accuracy")

    @property
    def test(self) -> Sample:
        """Test accuracy of the model of the best epoch."""
        return Sample(tuple(float(result["test_accuracy"]) for result in self.results))

    @property
    def seconds(self) -> float:
        """What all its runs took, in seconds of one core."""
        return sum(result["seconds"] for result in self.results)


class ResultsMissing(LookupError):
    """A result is not there; the message says which."""


def outcome(setting: Setting, folder: Path) -> Outcome:
    """Return the results of a setting, or raise ResultsMissing."""
    results = []
    for run in setting.runs():
        result = running.load(run, folder)
        if result is None:
            raise ResultsMissing(f"{folder / run.name}.json: not there, or of another run")
        results.append(result)
    return Outcome(setting, results)


def outcomes(settings: Sequence[Setting], folder: Path) -> list[Outcome]:
    """Return the results of several settings."""
    return [outcome(setting, folder) for setting in settings]


def best(candidates: Sequence[Outcome]) -> Outcome:
    """Return the first of those with the highest mean validation accuracy."""
    return max(candidates, key=lambda candidate: candidate.valid.mean)


def chosen(searched: Sequence[Outcome]) -> Setting:
    """Return the setting that the search chose, to be tested and examined.

    Validation accuracy alone decides: no run of the search has seen the test set.
    """
    return dataclasses.replace(best(searched).setting, tested=True, examined=True)
