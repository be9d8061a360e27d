"""What is run: every experiment, declared as data. Nothing here runs anything.

An experiment is a list of settings in the order in which they are told of; every setting is run
with each of SEEDS. The same setting in two experiments is run once.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import main

SEEDS = (1, 2, 3)  # of the order of the images: the initial weights are always the same
TRAINING_IMAGES = 48_000
CONFIGS = Path(main.__file__).parent / "configs"


def with_(config: main.Config, **changes) -> main.Config:
    """Return a config with some settings changed."""
    return dataclasses.replace(config, **changes)


# Neither momentum, which has no effect, nor messages on a terminal are wanted.
DEFAULT = with_(main.read_config(CONFIGS / "config_exp.yaml"), momentum=None, debug=False)


@dataclass(frozen=True)
class Setting:
    """What is varied, without the seed.

    Attributes
    ----------
    config : main.Config
        The settings of a run; its seed does not count.
    images : int
        How many of the training images are used, the first ones.
    random_labels : bool
        Whether the labels of the training images are drawn at random.
    tested : bool
        Whether the test set is looked at.
    examined : bool
        Whether the mistakes on the test set and the hidden units of the best model are kept.
    """

    config: main.Config
    images: int = TRAINING_IMAGES
    random_labels: bool = False
    tested: bool = False
    examined: bool = False

    def runs(self, seeds: Sequence[int] = SEEDS) -> "list[Run]":
        """Return one run per seed."""
        return [Run(dataclasses.replace(self, config=with_(self.config, seed=n))) for n in seeds]

    @property
    def work(self) -> float:
        """How long a run takes, in arbitrary units: for the time left, and for what goes first."""
        config = self.config
        per_image = 1 + 6 / config.batch_size  # an update costs as much as some six images do
        return config.epochs * (self.images * per_image + 6_000) * (30 + config.hidden_size)


@dataclass(frozen=True)
class Run:
    """A setting with the seed in its config: what one process does at a time."""

    setting: Setting

    @property
    def name(self) -> str:
        """The name of the file that the result is kept in, without its ending."""
        setting, config = self.setting, self.setting.config
        parts = [
            f"hidden{config.hidden_size}",
            f"batch{config.batch_size}",
            f"lr{config.learning_rate:g}",
            f"reg{config.reg:g}",
            f"epochs{config.epochs}",
            *([config.dtype] if config.dtype != DEFAULT.dtype else []),
            *([f"images{setting.images}"] if setting.images != TRAINING_IMAGES else []),
            *(["random"] if setting.random_labels else []),
            *(["tested"] if setting.tested else []),
            *(["examined"] if setting.examined else []),
            f"seed{config.seed}",
        ]
        return "_".join(parts)

    def as_dict(self) -> dict:
        """Return all that decides the result, as JSON can hold it."""
        return dataclasses.asdict(self.setting)


# Section 5 of the handout: one thing is changed, the rest is as in config_exp.yaml.
LEARNING_RATES = [
    Setting(with_(DEFAULT, learning_rate=rate), tested=True) for rate in (1.0, 0.1, 0.05, 0.01)
]
REGULARIZATIONS = [
    Setting(with_(DEFAULT, reg=reg), tested=True) for reg in (1.0, 0.1, 0.01, 0.001, 0.0001)
]

# The search, in six stages. It never sees the test set. float32 takes half the time of float64.
FAST = with_(DEFAULT, dtype="float32")
BATCHES_AND_STEPS = [
    Setting(with_(FAST, batch_size=size, learning_rate=rate, reg=5e-5, epochs=12))
    for size in (8, 32, 128)
    for rate in (0.05, 0.2, 0.8)
]
WIDE = with_(FAST, batch_size=16, learning_rate=0.2, reg=5e-5, epochs=20)
WIDTHS = [Setting(with_(WIDE, hidden_size=units)) for units in (128, 400, 800)]
DECAYS = [Setting(with_(WIDE, hidden_size=400, reg=reg)) for reg in (0.0, 5e-5, 2e-4)]
# The same rate over batch size as in WIDTHS, in steps eight times as long.
LONG_STEPS = [
    Setting(with_(WIDE, hidden_size=units, batch_size=128, learning_rate=1.6))
    for units in (128, 800)
]
LONG = [
    Setting(
        with_(FAST, hidden_size=units, batch_size=size, learning_rate=rate, reg=reg, epochs=epochs)
    )
    for units, size, rate, reg, epochs in (
        (400, 16, 0.2, 5e-5, 50),
        (400, 32, 0.4, 5e-5, 50),
        (800, 32, 0.4, 5e-5, 50),
        (400, 32, 0.2, 1e-4, 80),
        (1600, 16, 0.2, 5e-5, 40),
    )
]
AROUND = [
    Setting(with_(FAST, hidden_size=units, batch_size=size, learning_rate=rate, reg=reg, epochs=50))
    for units, size, rate, reg in (
        (256, 32, 0.4, 5e-5),
        (400, 32, 0.8, 5e-5),
        (400, 64, 0.8, 5e-5),
        (400, 32, 0.4, 2e-5),
        (400, 32, 0.4, 8e-5),
    )
]
SEARCH = {
    "batch and step": BATCHES_AND_STEPS,
    "width": WIDTHS,
    "long steps": LONG_STEPS,
    "decay": DECAYS,
    "long runs": LONG,
    "around it": AROUND,
}

# "Understanding deep learning requires rethinking generalization", with our network: few images, so
# that labels drawn at random can be learned by heart, and no regularization.
BY_HEART = with_(FAST, batch_size=8, learning_rate=0.3, hidden_size=400, reg=0.0, epochs=220)
LABELS = [Setting(BY_HEART, images=5_000, random_labels=random) for random in (False, True)]

# What made the difference? The setting that the search chose, one thing of it as in the default.
BEST = LONG[1]
UNDONE = [
    Setting(with_(BEST.config, **{key: getattr(DEFAULT, key)}))
    for key in ("learning_rate", "batch_size", "hidden_size", "reg", "epochs")
]

# Is it the steps or the decay that the largest learning rate lacks? One setting answers.
FASTEST_WITH_LESS_DECAY = [Setting(with_(DEFAULT, learning_rate=1.0, reg=0.0001), tested=True)]

# What holds the best back? The setting that the search chose, with as many updates on fewer images.
IMAGES = [
    Setting(with_(BEST.config, epochs=BEST.config.epochs * parts), images=TRAINING_IMAGES // parts)
    for parts in (4, 2, 1)
]

EXPERIMENTS = {
    "learning rate": LEARNING_RATES,
    "regularization": REGULARIZATIONS,
    **SEARCH,
    "undone": UNDONE,
    "less decay": FASTEST_WITH_LESS_DECAY,
    "images": IMAGES,
    "labels": LABELS,
}


def everything(quick: bool = False) -> dict[str, list[Setting]]:
    """Return all experiments by name: as they are, or made small for a first look."""
    if not quick:
        return EXPERIMENTS
    return {name: [in_small(one) for one in settings] for name, settings in EXPERIMENTS.items()}


def in_small(setting: Setting) -> Setting:
    """Return a setting with fewer images, epochs and hidden units."""
    config = with_(
        setting.config,
        epochs=2 + setting.config.epochs // 10,
        hidden_size=setting.config.hidden_size // 4,
    )
    return dataclasses.replace(setting, config=config, images=min(setting.images, 6_000))


def searched(experiments: dict[str, list[Setting]]) -> list[Setting]:
    """Return the settings that the search chooses from."""
    return [setting for name in SEARCH for setting in experiments[name]]


def all_runs(experiments: dict[str, list[Setting]]) -> list[Run]:
    """Return every run once."""
    runs = (run for settings in experiments.values() for one in settings for run in one.runs())
    return list({run.name: run for run in runs}.values())
