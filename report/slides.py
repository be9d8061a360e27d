"""What the report says, slide by slide, and the files that it is written into.

Every number comes from the results. What is said of them stands behind a condition (`Story.says`):
a full report in which one does not hold is not built, and a quick one leaves the sentence out.
"""

import io
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

import utils
from report import figures, plan, results, theory
from report.layout import BOTTOM, MARGIN, STYLE, WIDTH, Column, Slide
from report.results import Outcome, Sample

FOOT = "CS7643 Deep Learning, Assignment 1"
QUICK_FOOT = (
    "QUICK VERSION: few images, epochs and units; its numbers say nothing about the full one"
)
MIDDLE = WIDTH / 2
TOP_OF_PLOT = 96.0


class ClaimError(ValueError):
    """Something that the report says does not hold in the results; the message is what it says."""


class Story:
    """The results that the report tells of, and how strict it is about its words.

    Parameters
    ----------
    folder : Path
        Where the results are.
    quick : bool
        Whether they are those of the quick version.

    Raises
    ------
    ResultsMissing
        If one is not there.
    """

    def __init__(self, folder: Path, quick: bool = False):
        self.quick = quick
        self.experiments = plan.everything(quick)
        self.outcomes = {
            name: results.outcomes(settings, folder) for name, settings in self.experiments.items()
        }
        searched = results.outcomes(plan.searched(self.experiments), folder)
        self.searched = list({str(outcome.setting): outcome for outcome in searched}.values())
        self.best = results.outcome(results.chosen(self.searched), folder)
        self.default = self.by("learning rate", "learning_rate")["0.1"]

    def by(self, experiment: str, key: str) -> dict[str, Outcome]:
        """Return the outcomes of an experiment by the value of what was changed."""
        return {
            short(getattr(outcome.setting.config, key)): outcome
            for outcome in self.outcomes[experiment]
        }

    def says(self, holds: bool, text: str) -> str:
        """Return a sentence if it holds.

        Raises
        ------
        ClaimError
            If it does not. A quick version goes without it instead.
        """
        if holds:
            return text
        if self.quick:
            return ""
        raise ClaimError(f"does not hold in the results: {text}")

    def slide(self, title: str) -> Slide:
        """Return an empty slide."""
        return Slide(title, QUICK_FOOT if self.quick else FOOT)


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction in percent."""
    return f"{100 * fraction:.{digits}f} %"


def points(difference: float, digits: int = 2) -> str:
    """Return a difference of fractions in percentage points."""
    return f"{100 * difference:.{digits}f} points"


def short(number: float) -> str:
    """Return a setting as short as it can be written: 5e-5, not 5e-05."""
    return f"{number:g}".replace("e-0", "e-")


def accuracy_rows(outcomes: dict[str, Outcome]) -> list[list[str]]:
    """Return a row per setting: its name, best epoch, and accuracies where they were measured."""
    rows = []
    for name, outcome in outcomes.items():
        samples = [
            outcome.train,
            outcome.valid,
            *([outcome.test] if outcome.setting.tested else []),
        ]
        epoch = f"{outcome.best_epoch.mean:.1f} ± {outcome.best_epoch.spread:.1f}"
        rows.append([name, epoch, *(sample.percent() for sample in samples)])
    return rows


def describe(outcome: Outcome) -> list[str]:
    """Return the settings that the search varies."""
    config = outcome.setting.config
    return [
        str(config.hidden_size),
        str(config.batch_size),
        short(config.learning_rate),
        short(config.reg),
        str(config.epochs),
    ]


SEARCHED = ("units", "batch size", "rate η", "λ", "epochs")


# Title and theory


def title(story: Story) -> Slide:
    """Return the first slide."""
    slide = story.slide("")
    column = slide.column(top=96)
    column.paragraph("**A two-layer network on MNIST**", size=24)
    column.paragraph("CS7643 Deep Learning, Assignment 1: theory, experiments, paper", size=15)
    column.gap(26)
    column.paragraph(
        f"Every setting was run with {len(plan.SEEDS)} seeds, which put the training images in "
        "other orders; the initial weights are always the same. Numbers are means over the seeds, "
        "± their standard deviation. Curves show the mean, and a band from the least to the most. "
        "Two settings are said to differ only where their means are further apart than their "
        "standard deviations together."
    )
    column.paragraph(
        "The first 48,000 training images are trained on, the last 12,000 validate. Training "
        "accuracy is averaged over an epoch while the network trains; all accuracies in tables "
        "are those of the epoch with the best validation accuracy."
    )
    if story.quick:
        column.paragraph(f"**{QUICK_FOOT}.**")
    return slide


def softmax_gradient(story: Story) -> Slide:
    """Return the derivation of the softmax's gradient."""
    slide = story.slide("Theory 1: the gradient of the softmax")
    column = slide.column()
    column.paragraph(
        "For logits $z$ the softmax is $s_i = e^{z_i} / S$ with $S = \\Sigma_k\\, e^{z_k}$. Its "
        "logarithm is simpler to derive, and contains the log-sum-exp function of problem set 0:"
    )
    column.formula(
        r"$\log s_i = z_i - \log S, \qquad "
        r"\dfrac{\partial \log S}{\partial z_j} = \dfrac{1}{S}\,\dfrac{\partial S}{\partial z_j} = "
        r"\dfrac{e^{z_j}}{S} = s_j$"
    )
    column.paragraph("With $\\delta_{ij} = 1$ where $i = j$ and 0 elsewhere, this gives")
    column.formula(
        r"$\dfrac{\partial \log s_i}{\partial z_j} = \delta_{ij} - s_j, \qquad "
        r"\dfrac{\partial s_i}{\partial z_j} = s_i\,\dfrac{\partial \log s_i}{\partial z_j} = "
        r"s_i\,(\delta_{ij} - s_j)$"
    )
    column.paragraph("or, as a matrix of all $i$ and $j$,")
    column.formula(r"$\dfrac{\partial s}{\partial z} = \mathrm{diag}(s) - s\,s^{T}$")
    column.paragraph(
        "It is symmetric. Each of its rows sums to $s_i - s_i\\,\\Sigma_j\\, s_j = 0$: to add the "
        "same number to all logits changes nothing."
    )
    column.heading("With the cross-entropy")
    column.paragraph("For the loss $L = -\\log s_y$ of an image with label $y$, the same line says")
    column.formula(
        r"$\dfrac{\partial L}{\partial z_j} = -(\delta_{yj} - s_j) = s_j - \delta_{yj}, \qquad "
        r"\dfrac{\partial L}{\partial z} = p - \mathrm{onehot}(y) "
        r"\quad \mathrm{with} \quad p = s(z)$"
    )
    return slide


def neurons(story: Story) -> Slide:
    """Return the neurons for AND and OR."""
    slide = story.slide("Theory 2: neurons for AND and OR")
    slide.column().paragraph(
        "$f(x) = 1$ if $w^T x + b \\geq 0$, otherwise 0. Both neurons count the ones; the bias "
        "says how many it takes. The line is $w^T x + b = 0$; on the shaded side of it, $f$ is 1."
    )
    for place, (name, neuron) in enumerate(theory.NEURONS.items()):
        left = MARGIN + place * (MIDDLE - MARGIN + 12)
        column = slide.column(left, left + 150, top=130)
        (w1, w2), b = neuron
        column.heading(name)
        column.paragraph(f"$w = ({w1},\\ {w2})^T$")
        column.paragraph(f"$b = {b}$", after=12)
        rows = [
            [
                f"{x1}",
                f"{x2}",
                f"{w1 * x1 + w2 * x2 + b:.1f}".replace("-", "−"),
                str(neuron((x1, x2))),
            ]
            for x1, x2 in theory.INPUTS
        ]
        column.table(("$x_1$", "$x_2$", "$w^T x + b$", "f(x)"), rows, size=11)
        figures.truth(slide.axes(left + 190, 150, 150, 190), name, neuron)
    return slide


def xor(story: Story) -> Slide:
    """Return the proof that no such neuron computes XOR."""
    slide = story.slide("Theory 3: no such neuron computes XOR")
    column = slide.column(right=500)
    column.paragraph("Suppose that $w$ and $b$ did. The four rows of the truth table then say")
    column.formula(r"$f(0,0) = 0: \quad b < 0$", size=13, after=2)
    column.formula(r"$f(0,1) = 1: \quad w_2 + b \geq 0$", size=13, after=2)
    column.formula(r"$f(1,0) = 1: \quad w_1 + b \geq 0$", size=13, after=2)
    column.formula(r"$f(1,1) = 0: \quad w_1 + w_2 + b < 0$", size=13)
    column.paragraph(
        "The sum of the second and the third is $w_1 + w_2 + 2b \\geq 0$, so with the first"
    )
    column.formula(r"$w_1 + w_2 + b \;\geq\; -b \;>\; 0$", size=13)
    column.paragraph("which contradicts the fourth. So there are no such $w$ and $b$. ∎")
    column.heading("In the plane")
    column.paragraph(
        "The inputs with output 1 lie on one side of a straight line, or on it, and so does the "
        "segment between (0, 1) and (1, 0). The inputs with output 0 lie strictly on the other "
        "side, and so does the segment between (0, 0) and (1, 1). But the two segments cross, in "
        "(½, ½), which cannot lie on both sides."
    )
    axes = slide.axes(545, 110, 200, 200)
    figures.truth(axes, "XOR")
    axes.plot([0, 1], [1, 0], "-", color=figures.COLORS[0])
    axes.plot([0, 1], [0, 1], "--", color=figures.COLORS[0])
    axes.plot(0.5, 0.5, "x", color=figures.COLORS[1], markersize=10, markeredgewidth=2)
    return slide


# Learning rates


def two_curves(
    slide: Slide, outcomes: dict[str, Outcome], symbol: str, top: float, legend: float = 0.92
) -> None:
    """Place loss and accuracy curves side by side, training solid and validation dashed."""
    named = {f"{symbol} = {name}": outcome for name, outcome in outcomes.items()}
    height = BOTTOM - top - 34
    for place, (ylabel, training, validation) in enumerate(
        (
            ("mean cross-entropy (nats)", "train_loss", "valid_loss"),
            ("fraction of images right", "train_accuracy", "valid_accuracy"),
        )
    ):
        left = MARGIN + 40 + place * (MIDDLE - MARGIN + 8)
        axes = slide.axes(left, top, MIDDLE - MARGIN - 48, height)
        figures.curves(axes, named, training, validation)
        axes.set_ylabel(ylabel)
        axes.set_title(
            ("Loss", "Accuracy")[place] + " (training solid, validation dashed)", loc="left"
        )
        if place == 0:
            axes.legend(loc="upper right", bbox_to_anchor=(1, legend))


HEADER = ("best epoch", "training (%)", "validation (%)", "test (%)")


def learning_rates(story: Story) -> Slide:
    """Return table and curves of the learning rates."""
    slide = story.slide("Learning rates: what happened")
    outcomes = story.by("learning rate", "learning_rate")
    column = slide.column(right=640)
    column.table(("learning rate η", *HEADER), accuracy_rows(outcomes))
    two_curves(slide, outcomes, "η", column.y + 22)
    return slide


def learning_rates_why(story: Story) -> Slide:
    """Return what the learning rates show, and why."""
    slide = story.slide("Learning rates: what it shows, and why")
    rate = story.by("learning rate", "learning_rate")
    column = slide.column()

    def after(name: str, epochs: int) -> Sample:
        history = rate[name].history("valid_accuracy")
        return Sample(tuple(history[:, min(epochs, history.shape[1]) - 1]))

    fast, usual, half, slow = (rate[name] for name in ("1", "0.1", "0.05", "0.01"))
    same_way = [after("0.1", 1), after("0.05", 2), after("0.01", 10)]
    later = [after("0.1", 5), after("0.05", 10)]
    broken = [after("1", 1), after("0.1", 10)]
    rises = np.mean(np.diff(fast.history("valid_loss"), axis=1) > 0)
    calm = np.mean(np.diff(usual.history("valid_loss"), axis=1) > 0)
    ends = [one.last("valid_accuracy").spread for one in (fast, usual)]
    (freed,) = story.outcomes["less decay"]
    norms = fast.history("weight_norm").mean(axis=0)
    column.points(
        story.says(
            fast.valid.above(usual.valid)
            and usual.valid.above(half.valid)
            and half.valid.above(slow.valid)
            and fast.test.above(usual.test)
            and usual.test.above(half.test)
            and half.test.above(slow.test),
            f"**The larger the rate, the better after ten epochs**: {percent(fast.valid.mean)} on "
            f"the validation set with η = 1, {percent(slow.valid.mean)} with 0.01, every step "
            "larger than the spread of the seeds. The test set agrees.",
        ),
        story.says(
            max(one.mean for one in same_way) - min(one.mean for one in same_way) < 0.005
            and abs(later[0].mean - later[1].mean) < 0.002
            and broken[1].above(broken[0]),
            "**Small rates go nearly the same way, only slower.** What counts is rate times "
            "epochs: 0.1 after one epoch, 0.05 after two and 0.01 after ten reach "
            f"{same_way[0].percent()}, {same_way[1].percent()} and {same_way[2].percent()} %; 0.1 "
            f"after five and 0.05 after ten, {later[0].percent()} and {later[1].percent()} %. "
            "With small steps, gradient descent follows one path, and η · epochs is the length of "
            f"time on it. Long steps leave it: 1 after one epoch has {broken[0].percent()} %, 0.1 "
            f"after ten {broken[1].percent()} %.",
        ),
        story.says(
            slow.history("valid_accuracy")[:, :3].max() < 0.15,
            "**Why it begins so slowly**: with weights of 0.001 all hidden units say ½ to every "
            "image. The gradient of W1 is proportional to W2, and what W2 can learn to W1: both "
            "start at nothing and grow like compound interest. With 0.01 three epochs pass before "
            f"anything is seen (at most {percent(slow.history('valid_accuracy')[:, :3].max())}).",
        ),
        story.says(
            rises > 2 * calm and ends[0] > 3 * ends[1] and ends[0] > 3 * fast.valid.spread,
            "**What a large step costs**: with η = 1 the validation loss goes up from one epoch "
            f"to the next in {percent(rises, 0)} of the cases, with 0.1 in {percent(calm, 0)}, "
            f"and after the last epoch the seeds are ± {points(ends[0])} apart, not "
            f"{points(ends[1])}: where such a run stops is chance. To keep the best epoch takes "
            "most of that away.",
        ),
        story.says(
            freed.valid.above(fast.valid) and abs(norms[-1] - norms[-3]) < 0.1,
            f"**What stops η = 1** is λ: the norm of its weights stands still at {norms[-1]:.1f}, "
            f"and with λ = {short(freed.setting.config.reg)} instead of "
            f"{short(fast.setting.config.reg)} the same rate reaches {freed.valid.percent()} % in "
            "the same ten epochs.",
        ),
        size=12,
    )
    return slide


# Regularization


def regularization(story: Story) -> Slide:
    """Return table and curves of the regularization."""
    slide = story.slide("Regularization: what happened")
    outcomes = story.by("regularization", "reg")
    column = slide.column(right=640)
    column.table(("coefficient λ", *HEADER), accuracy_rows(outcomes))
    two_curves(slide, outcomes, "λ", column.y + 22, legend=0.8)
    return slide


def regularization_why(story: Story) -> Slide:
    """Return what the regularization shows, and what it does to the weights."""
    slide = story.slide("Regularization: what it does to the weights, and why")
    reg = story.by("regularization", "reg")
    norms = {name: outcome.last("weight_norm") for name, outcome in reg.items()}
    axes = slide.axes(MARGIN + 36, TOP_OF_PLOT, 250, 260)
    named = {f"λ = {name}": outcome for name, outcome in reg.items()}
    figures.curves(axes, named, "weight_norm")
    axes.set_title("Norm of all weights, $(\\sum w^2)^{1/2}$", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.94), ncols=2, fontsize=8.5)
    axes.set_ylim(0, 26 if not story.quick else None)
    axes.set_ylabel("norm")
    column = slide.column(left=345)
    one, tenth, hundredth, usual, small = (reg[n] for n in ("1", "0.1", "0.01", "0.001", "0.0001"))
    gain = small.valid.mean - usual.valid.mean
    faster = story.by("learning rate", "learning_rate")["1"]
    (both,) = story.outcomes["less decay"]
    still = hundredth.history("weight_norm").mean(axis=0)
    loss = hundredth.history("train_loss").mean(axis=0)
    moving = [one.history("weight_norm").mean(axis=0) for one in (usual, small)]
    gaps = [
        one.last("train_accuracy").mean - one.last("valid_accuracy").mean
        for one in (hundredth, usual, small)
    ]
    column.points(
        story.says(
            small.valid.above(usual.valid)
            and usual.valid.above(hundredth.valid)
            and hundredth.valid.above(tenth.valid)
            and tenth.valid.above(one.valid),
            f"**The less, the better**, from {percent(one.valid.mean)} with λ = 1 to "
            f"{percent(small.valid.mean)} with 0.0001.",
        ),
        story.says(
            norms["1"].mean < 0.1 and one.valid.mean < 0.12 and 1 < norms["0.1"].mean < 4,
            f"**λ = 1 kills the network.** Its norm falls to {norms['1'].mean:.2f} and it "
            "guesses. Near zero the two layers feed each other's growth, at a rate that the data "
            "decide, and λ is taken off it: where more is taken than grows, zero attracts. With "
            f"0.1 the signal just wins, and the norm stays at {norms['0.1'].mean:.1f}.",
        ),
        story.says(
            abs(still[-1] - still[-3]) < 0.02 and abs(loss[-1] - loss[-3]) < 0.005,
            f"**λ = 0.01 has arrived.** The norm stands still at {still[-1]:.1f}, where the pull "
            f"of the data and the decay balance, and the loss with it, at {loss[-1]:.2f} nats: a "
            "small norm means small logits, and so doubt about every image.",
        ),
        story.says(
            all(norm[-1] - norm[-3] > 0.1 for norm in moving)
            and faster.valid.above(small.valid)
            and both.valid.above(faster.valid),
            "**0.001 and 0.0001 are still on the way**: their norms rise. Here steps are what is "
            f"missing: ten times the rate gains {points(faster.valid.mean - usual.valid.mean)}, a "
            f"tenth of λ {points(gain)}. Once the rate is 1, λ is the limit: both together gain "
            f"{points(both.valid.mean - usual.valid.mean)}.",
        ),
        story.says(
            max(gaps) <= 0,
            "**No overfitting is seen** that L2 could cure: with 0.01 and less, validation ends "
            f"{points(-max(gaps))} to {points(-min(gaps))} above training accuracy (which is "
            "understated, as it is counted on the way).",
        ),
        size=11,
    )
    return slide


# Tuning


def first_search() -> list[dict]:
    """Return what came of the single runs before the search; they are not run again."""
    return json.loads((Path(__file__).parent / "first_search.json").read_text(encoding="utf-8"))


def method(story: Story) -> Slide:
    """Return how the search went about it."""
    slide = story.slide("Tuning: the search")
    runs = len(story.searched) * len(plan.SEEDS)
    seconds = sum(outcome.seconds for outcome in story.searched)
    first = first_search()

    def span(key: str) -> str:
        values = [run[key] for run in first]
        return f"{short(min(values))} to {short(max(values))}"

    column = slide.column()
    column.paragraph(
        "Five things were varied: batch size, learning rate, hidden units, λ and epochs, in "
        f"{len(story.searched)} settings with {len(plan.SEEDS)} seeds each: {runs} runs, "
        f"{seconds / 60:.0f} minutes of one core, of which other work took a share, all in float32. "
        "**The search never saw the test set**; the setting with the highest mean validation accuracy "
        "was then run once more, with it. The stages were planned one after the other, each in sight of "
        f"those before. The regions come from {len(first)} single runs before it, validation only "
        f"({span('epochs')} epochs, {span('hidden_size')} units, batches of {span('batch_size')}, rates "
        f"from {span('learning_rate')}, λ from {span('reg')}; the best has "
        f"{percent(max(run['valid_accuracy'] for run in first), 2)}). They are not run again; tables.md "
        "lists them."
    )
    column.points(
        "**Batch and step.** The two are usually changed together, so they are separated first: "
        "three batch sizes, three rates, all else fixed. Small batches buy many updates per "
        "epoch, large rates buy long ones, and both add noise.",
        "**Width.** More hidden units can hold more strokes. But every logit is a sum over all "
        "units, so the loss is the more steeply curved in W2 the wider the network: is a long "
        "step then too long?",
        "**Decay.** With η = 1, λ = 0.001 was the limit. How much is right when the steps suffice?",
        "**Long runs.** What looked good, with more epochs, and once with half the rate over "
        "batch and twice the λ; then settings around the best of these.",
    )
    best = story.best
    column.gap(4)
    units, batch, rate, reg, epochs = describe(best)
    column.paragraph(
        f"Chosen: **{units} hidden units, batches of {batch}, rate {rate}, λ = {reg}, {epochs} "
        f"epochs**, with {best.valid.percent()} % on the validation set and, looked at once, "
        f"**{best.test.percent()} % on the test set**. It is configs/config_best.yaml."
        if not story.quick
        else f"Chosen: {units} hidden units, batches of {batch}, rate {rate}, λ = {reg}, "
        f"{epochs} epochs."
    )
    return slide


def batch_and_step(story: Story) -> Slide:
    """Return the first stage of the search."""
    slide = story.slide("Tuning: batch size and step, separated")
    outcomes = story.outcomes["batch and step"]
    sizes = sorted({outcome.setting.config.batch_size for outcome in outcomes})
    rates = sorted({outcome.setting.config.learning_rate for outcome in outcomes})
    at = {
        (outcome.setting.config.batch_size, outcome.setting.config.learning_rate): outcome
        for outcome in outcomes
    }
    axes = slide.axes(MARGIN + 36, TOP_OF_PLOT, 270, 230)
    groups = {f"batches of {size}": [at[size, rate] for rate in rates] for size in sizes}
    figures.accuracies(axes, [f"{rate:g}" for rate in rates], groups, "learning rate η")
    column = slide.column(left=375)
    rows = [[f"{size}", *(at[size, rate].valid.percent() for rate in rates)] for size in sizes]
    column.table(("batch size", *(f"η = {rate:g}" for rate in rates)), rows)
    small, middle, large = sizes
    low, mid, high = rates
    equal = [at[small, low], at[middle, mid], at[large, high]]
    best = results.best(outcomes)
    column.points(
        story.says(
            all(
                at[small, rate].valid.above(at[middle, rate].valid)
                and at[middle, rate].valid.above(at[large, rate].valid)
                for rate in (low, mid)
            )
            and at[middle, high].valid.above(at[small, high].valid),
            f"**At small rates, small batches win** (at η = {low:g}, "
            f"{percent(at[small, low].valid.mean)} against {percent(at[large, low].valid.mean)}): "
            f"an epoch with batches of {small} has {large // small} times as many updates. At "
            f"{high:g} that turns round: {at[middle, high].valid.percent()} with {middle}, "
            f"{at[small, high].valid.percent()} with {small}.",
        ),
        story.says(
            not any(
                one.valid.above(two.valid)
                for same in (equal, [at[middle, low], at[large, mid]])
                for one in same
                for two in same
            ),
            f"**What counts is rate over batch size**: where it is {low / small:.4f}, batches of "
            f"{small}, {middle} and {large} reach "
            f"{', '.join(one.valid.percent() for one in equal)}; where it is {mid / large:.4f}, "
            f"{middle} and {large} reach {at[middle, low].valid.percent()} and "
            f"{at[large, mid].valid.percent()}. The mean gradient of many images in one long step "
            "does what those of few do in many short ones, as long as the gradient stays the same "
            "on the way.",
        ),
        story.says(
            at[small, mid].valid.above(at[middle, high].valid),
            f"**Where that ends**: of the same ratio, {mid / small:.3f}, the longer step of "
            f"{high:g} is behind ({at[middle, high].valid.percent()} against "
            f"{at[small, mid].valid.percent()}).",
        ),
        story.says(
            at[small, mid].valid.above(at[small, high].valid)
            and at[small, mid].train.above(at[small, high].train),
            f"**Small batches have their own limit**: with batches of {small}, η = {high:g} is "
            f"worse than {mid:g}, in training, too ({percent(at[small, high].train.mean)} and "
            f"{percent(at[small, mid].train.mean)}), as noise that never falls would make it.",
        ),
        f"Best of this page: batches of {best.setting.config.batch_size}, "
        f"η = {best.setting.config.learning_rate:g}, {best.valid.percent()} %.",
        size=11.5,
    )
    return slide


def stage_table(story: Story, column: Column, names: Sequence[str]) -> None:
    """Set a table of stages of the search, the chosen setting in bold type."""
    rows, bold = [], []
    for name in names:
        for outcome in story.outcomes[name]:
            if results.best(story.searched).setting == outcome.setting:
                bold.append(len(rows))
            epoch = f"{outcome.best_epoch.mean:.0f}"
            samples = (outcome.train.percent(), outcome.valid.percent())
            rows.append([name, *describe(outcome), epoch, *samples])
    column.table(
        ("stage", *SEARCHED, "best epoch", "training (%)", "validation (%)"), rows, bold=bold
    )


def width_and_decay(story: Story) -> Slide:
    """Return the stages of the search that change one thing at a time."""
    slide = story.slide("Tuning: width, long steps and decay")
    column = slide.column(right=580)
    stage_table(story, column, ("width", "long steps", "decay"))
    width = {outcome.setting.config.hidden_size: outcome for outcome in story.outcomes["width"]}
    narrow, wide, widest = width.values()
    none, some, much = story.outcomes["decay"]
    steps = {
        outcome.setting.config.hidden_size: outcome for outcome in story.outcomes["long steps"]
    }
    lost = {units: width[units].valid.mean - one.valid.mean for units, one in steps.items()}
    fewest, most = sorted(steps)
    column = slide.column(top=column.y)
    column.points(
        story.says(
            not any(one.valid.above(two.valid) for one in width.values() for two in width.values()),
            f"**Width** makes no difference beyond the spread: {narrow.valid.percent()} with "
            f"{narrow.setting.config.hidden_size} units, {wide.valid.percent()} with "
            f"{wide.setting.config.hidden_size}, {widest.valid.percent()} with "
            f"{widest.setting.config.hidden_size}.",
        ),
        story.says(
            width[most].valid.above(steps[most].valid) and lost[most] > 3 * lost[fewest],
            "**The wider, the shorter a step has to be.** Steps eight times as long, at the same "
            f"ratio to the batch, cost {fewest} units {points(lost[fewest])} and {most} units "
            f"{points(lost[most])}, and make the seeds differ by ± "
            f"{points(steps[most].valid.spread)}. A logit is a sum over all units, so the same "
            "step in every weight moves it further.",
        ),
        story.says(
            some.valid.above(much.valid)
            and not some.valid.above(none.valid)
            and not none.valid.above(some.valid)
            and none.train.above(some.train),
            f"**Decay**: after {some.setting.config.epochs} epochs λ = "
            f"{short(much.setting.config.reg)} is too much ({much.valid.percent()}), and "
            f"{short(some.setting.config.reg)} and none cannot be told apart "
            f"({some.valid.percent()} and {none.valid.percent()}), though without it training is "
            f"further ({percent(none.train.mean, 2)} against {percent(some.train.mean, 2)}).",
        ),
        size=11.5,
    )
    return slide


def long_runs(story: Story) -> Slide:
    """Return the stages of the search that come close to the best."""
    slide = story.slide("Tuning: long runs")
    column = slide.column(right=580)
    stages = ("long runs", "around it")
    stage_table(story, column, stages)
    runs = [outcome for name in stages for outcome in story.outcomes[name]]
    valid = [one.valid.mean for one in runs]
    images = story.outcomes["images"]
    errors = [1 - one.valid.mean for one in images]
    ratios = [after / before for before, after in itertools.pairwise(errors)]
    first, *others = sorted(runs, key=lambda one: -one.valid.mean)
    equals = [one for one in others if not first.valid.above(one.valid)]
    column = slide.column(top=column.y)
    column.points(
        f"**The best mean** is {first.valid.percent()} %. Of the other {len(others)} settings, "
        f"{len(equals)} cannot be told apart from it. As the highest of {len(story.searched)} "
        "means, each of the best of many epochs, it is a little flattered; the test set will tell.",
        story.says(
            max(valid) - min(valid) < 0.005 and all(one.train.mean > 0.99 for one in runs),
            f"**The {len(runs)} settings span {points(max(valid) - min(valid))}**, and all are "
            f"right in training by {percent(min(one.train.mean for one in runs))} or more.",
        ),
        story.says(
            images[-1].setting == results.best(story.searched).setting
            and all(more.valid.above(few.valid) for few, more in itertools.pairwise(images))
            and errors[-2] - errors[-1] > 2 * (max(valid) - min(valid)),
            "**More images help, and by more than all that was varied here.** The best setting, "
            f"trained with as many updates on {images[0].setting.images:,}, "
            f"{images[1].setting.images:,} and {images[2].setting.images:,} images, reaches "
            f"{', '.join(one.valid.percent() for one in images)} %: a doubling takes the errors "
            f"to {ratios[0]:.2f} and {ratios[1]:.2f} times what they were. Extrapolated, all "
            "60,000 would give "
            f"{percent(1 - errors[-1] * ratios[1] ** math.log2(60_000 / 48_000), 2)}, and the "
            "98.4 % of Simard et al. (2003) would take some "
            f"{round(images_for(0.016, errors[-1], ratios[1]), -3):,}. So what it lacks first is "
            "images.",
        ),
        size=11.5,
    )
    return slide


def images_for(error: float, found: float, ratio: float) -> int:
    """Return how many images would lead to an error, if a doubling of 48,000 takes it to `ratio`."""
    return round(plan.TRAINING_IMAGES * 2 ** (math.log(error / found) / math.log(ratio)))


def best_setting(story: Story) -> Slide:
    """Return the chosen setting beside the default one."""
    slide = story.slide("Tuning: the chosen setting beside the default")
    column = slide.column(right=600)
    pair = {"default": story.default, "chosen": story.best}
    rows = [
        [name, *describe(one), one.train.percent(), one.valid.percent(), one.test.percent()]
        for name, one in pair.items()
    ]
    column.table(("", *SEARCHED, "training (%)", "validation (%)", "test (%)"), rows, bold=[1])
    top = column.y + 24
    axes = slide.axes(MARGIN + 36, top, 300, BOTTOM - top - 34)
    named = {name: one for name, one in pair.items()}
    figures.curves(axes, named, "train_accuracy", "valid_accuracy")
    axes.set_ylim(0.9 if not story.quick else None, 1.002)
    axes.set_title("Accuracy (training solid, validation dashed)", loc="left")
    axes.set_ylabel("fraction of images right, from 0.9")
    axes.legend(loc="lower right")
    column = slide.column(left=400, top=top - 12)
    errors = [1 - one.test.mean for one in (story.default, story.best)]
    best, default = story.best, story.default
    units, batch, rate, reg, epochs = describe(default)
    names = (
        f"η = {rate}",
        f"batches of {batch}",
        f"{units} units",
        f"λ = {reg}",
        f"{epochs} epochs",
    )
    undone = dict(zip(names, story.outcomes["undone"]))
    lost = {name: best.valid.mean - one.valid.mean for name, one in undone.items()}
    column.points(
        story.says(
            best.test.above(default.test) and errors[0] > 3 * errors[1],
            f"**The error falls from {percent(errors[0], 2)} to {percent(errors[1], 2)}**, to "
            f"{errors[1] / errors[0]:.2f} times what it was.",
        ),
        story.says(
            all(best.valid.above(one.valid) for one in undone.values())
            and max(lost, key=lost.get) == names[3]
            and undone[names[3]].train.mean < 0.96,
            "**Why it works**: with one thing of the default at a time, validation loses "
            + ", ".join(f"{points(loss)} with {name}" for name, loss in lost.items())
            + ". The smaller λ matters by far the most: with that of the default, the network does not even "
            f"fit its training images ({percent(undone[names[3]].train.mean, 2)}).",
        ),
        story.says(
            best.train.mean - best.valid.mean > 0.01,
            f"**What is left is a gap**: {percent(best.train.mean, 2)} in training, "
            f"{percent(best.valid.mean, 2)} in validation. The page before says what it lacks.",
        ),
        "Test accuracy by seed: "
        + ", ".join(percent(value, 2) for value in best.test.values)
        + "; validation: "
        + ", ".join(percent(value, 2) for value in best.valid.values)
        + ".",
        size=11.5,
    )
    return slide


def confusion(story: Story) -> Slide:
    """Return the confusion matrix of the chosen setting."""
    slide = story.slide("What it gets wrong: the confusion matrix")
    total = sum(np.array(result["confusion"]) for result in story.best.results)
    figures.confusion(slide.axes(MARGIN + 36, 80, 310, 310), total)
    pairs = sorted(
        ((int(total[a, b] + total[b, a]), a, b) for a in range(10) for b in range(a)), reverse=True
    )
    wrong = total.sum() - total.trace()

    def by_digit(result: dict) -> np.ndarray:
        counts = np.array(result["confusion"])
        return 1 - counts.diagonal() / counts.sum(axis=1)

    shares = sum(map(by_digit, story.best.results)) / len(story.best.results)
    easiest, *_, second, hardest = (int(digit) for digit in np.argsort(shares))
    column = slide.column(left=430)
    column.paragraph(
        f"Test images, summed over the {len(story.best.results)} seeds: the digit in rows, what "
        f"the network took it for in columns. {wrong} of {total.sum():,} answers "
        "are wrong (each image is asked once per seed)."
    )
    column.table(
        ("confused", "times", "of all mistakes"),
        [[f"{b} and {a}", str(n), percent(n / max(1, wrong))] for n, a, b in pairs[:6]],
    )
    column.points(
        story.says(
            len({by_digit(result).argmax() for result in story.best.results}) > 1,
            f"Most often wrong are {hardest} ({percent(shares[hardest])}) and {second} "
            f"({percent(shares[second])}), least often {easiest} ({percent(shares[easiest])}); which "
            "is first changes with the seed.",
        )
    )
    column.paragraph(
        "A network of this kind weighs each pixel where it stands: it does not know that a stroke "
        "moved by two pixels is the same stroke, or where a gap in one must be."
    )
    return slide


def mistakes(story: Story) -> Slide:
    """Return the wrong answers that the network was surest of."""
    kept = story.best.results[0]["mistakes"]
    slide = story.slide("What it gets wrong: its surest mistakes")
    probabilities = [mistake["probability"] for mistake in kept]
    slide.column().paragraph(
        f"Seed {story.best.results[0]['run']['config']['seed']}, test set: digit → what it was "
        f"read as, and with which probability, from {max(probabilities):.3f} down to "
        f"{min(probabilities):.3f}."
    )
    for place, mistake in enumerate(kept):
        row, column = divmod(place, 10)
        axes = slide.axes(MARGIN + 8 + column * 70, 118 + row * 74, 54, 54)
        caption = f"{mistake['label']} → {mistake['read_as']}  {mistake['probability']:.2f}"
        figures.image(axes, figures.decode(mistake["pixels"]), caption)
    return slide


def hidden_units(story: Story) -> Slide:
    """Return what the strongest hidden units look for."""
    kept = story.best.results[0]["units"]
    slide = story.slide("What it learned: hidden units")
    slide.column().paragraph(
        f"The incoming weights of the {len(kept)} hidden units with the longest vectors of "
        "outgoing weights: ink in red places switches a unit on, ink in blue ones off; each image "
        "has its own scale. Red beside blue often looks like a detector of an edge or a stroke in "
        "that place."
    )
    for place, unit in enumerate(kept):
        row, column = divmod(place, 10)
        axes = slide.axes(MARGIN + 8 + column * 70, 130 + row * 70, 62, 62)
        figures.image(axes, figures.decode(unit, signed=True), signed=True)
    return slide


# The paper


def labels_text(story: Story) -> list[str]:
    """Return what the experiment with random labels shows: at most 350 words."""
    true, random = story.outcomes["labels"]
    config = true.setting.config
    learned = {"true": epoch_of_99(true), "random": epoch_of_99(random)}
    both = all(learned.values())
    spent = {
        name: Sample(
            tuple(history[int(at) - 1] for history, at in zip(norms, learned[name].values))
        )
        for name, norms in (
            ("true", true.history("weight_norm")),
            ("random", random.history("weight_norm")),
        )
        if both
    }
    chance = random.last("valid_accuracy").mean
    return [
        (
            "Zhang et al. (2017) trained large networks on labels drawn at random. Here is their "
            f"experiment with our own: {config.hidden_size} hidden units, no regularization, the "
            f"first {true.setting.images:,} training images, once with their labels and once with "
            "random ones, other ones for each seed."
        ),
        story.says(
            random.last("train_accuracy").mean > 0.99 and 0.08 < chance < 0.12,
            "**Contribution.** Random labels are learned by heart: "
            f"{percent(random.last('train_accuracy').mean)} in training and {percent(chance)} in "
            "validation, which is chance. So neither the number of weights nor what a network "
            "could represent explains why the same network, with the same optimizer, reaches "
            f"{percent(true.last('valid_accuracy').mean)} on new images when the labels are true. "
            "Bounds that rest on capacity alone say nothing here.",
        ),
        story.says(
            both and learned["random"].mean > 3 * learned["true"].mean,
            "**Why patterns are learned where there are any.** Training passes 99 % after "
            + " epochs with true labels and ".join(
                f"{one.mean:.0f} ± {one.spread:.0f}" for one in learned.values() if one
            )
            + " with random ones. One reading: with true labels all images of a digit pull the weights the "
            "same way, so what they share is learned first; random labels pull against each other until "
            "the network tells single images apart.",
        ),
        story.says(
            both and spent["random"].above(spent["true"]),
            "The price shows in the weights: at that point their norm is "
            + " and ".join(f"{one.mean:.0f} ± {one.spread:.0f}" for one in reversed(spent.values()))
            + ". So where a pattern exists, it is the nearer solution for gradient descent that starts from "
            "small weights: a regularizer that nobody wrote down.",
        ),
        (
            "**Strengths and weaknesses.** The experiment is simple and hard to argue with. It "
            "says what does not explain generalization, and leaves open what does. Ours is one "
            "small network on few images, and shows nothing about explicit regularizers."
        ),
        (
            "**How it fits what we thought.** Textbooks tie generalization to having fewer "
            "parameters than examples. This network has many more, and still generalizes, or not, "
            "as the data allow. So it is a property of network, data and algorithm together, and "
            "ease of learning is a trace of it that can be measured."
        ),
    ]


def epoch_of_99(outcome: Outcome) -> Sample | None:
    """Return the first epoch with more than 99 % in training; None if a seed has none."""
    above = outcome.history("train_accuracy") > 0.99
    if not above.any(axis=1).all():
        return None
    return Sample(tuple(float(epoch) for epoch in 1 + above.argmax(axis=1)))


def labels(story: Story) -> Slide:
    """Return the experiment of the paper, done with our own code."""
    slide = story.slide("Paper: understanding deep learning requires rethinking generalization")
    true, random = story.outcomes["labels"]
    axes = slide.axes(MARGIN + 36, TOP_OF_PLOT, 250, 250)
    named = {"true labels": true, "random labels": random}
    figures.curves(axes, named, "train_accuracy", "valid_accuracy")
    axes.set_ylabel("fraction of images right")
    axes.set_title("Training solid, validation dashed", loc="left")
    axes.legend(loc="center right")
    column = slide.column(left=345, top=70)
    for text in labels_text(story):
        column.paragraph(text, size=10.5, after=4)
    return slide


# Writing

SLIDES = (
    title,
    softmax_gradient,
    neurons,
    xor,
    learning_rates,
    learning_rates_why,
    regularization,
    regularization_why,
    method,
    batch_and_step,
    width_and_decay,
    long_runs,
    best_setting,
    confusion,
    mistakes,
    hidden_units,
    labels,
)


def write(folder: Path, quick: bool = False) -> Iterator[Path]:
    """Write the report, its tables and its main figures into a folder; yield each path.

    Raises
    ------
    ResultsMissing
        If a result is not there.
    ClaimError, LayoutError
        If something that the report says does not hold, or does not fit.
    OSError
        If a file cannot be written.
    """
    story = Story(folder / "results", quick)
    with matplotlib.rc_context(STYLE):
        slides = [make(story) for make in SLIDES]
        for number, slide in enumerate(slides, start=1):
            slide.number(number)
        yield keep(folder / "report.pdf", as_pdf([slide.figure for slide in slides]))
        for name, figure in main_figures(story).items():
            png = io.BytesIO()
            figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
            yield keep(folder / f"{name}.png", png.getvalue())
    yield keep(folder / "tables.md", "\n\n".join(tables(story)).encode() + b"\n")


def keep(path: Path, content: bytes) -> Path:
    """Write a file whole; return its path."""
    utils.write_whole(path, content)
    return path


def as_pdf(pages: Sequence[Figure]) -> bytes:
    """Return a PDF of these pages, the same bytes for the same pages."""
    content = io.BytesIO()
    about = {"Title": "CS7643 Deep Learning, Assignment 1", "CreationDate": None}
    with PdfPages(content, metadata=about) as pdf:
        for page in pages:
            pdf.savefig(page)
    return content.getvalue()


def main_figures(story: Story) -> dict[str, Figure]:
    """Return the figures that are also kept as pictures."""
    made = {}
    for name, outcomes, symbol in (
        ("learning_rates", story.by("learning rate", "learning_rate"), "η"),
        ("regularization", story.by("regularization", "reg"), "λ"),
        ("tuning", {"default": story.default, "chosen": story.best}, ""),
        ("labels", dict(zip(("true labels", "random labels"), story.outcomes["labels"])), ""),
    ):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        named = {f"{symbol} = {key}" if symbol else key: one for key, one in outcomes.items()}
        for axes, kind in zip(figure.subplots(1, 2), ("loss", "accuracy")):
            figures.curves(axes, named, f"train_{kind}", f"valid_{kind}")
            axes.set_ylabel(
                {"loss": "mean cross-entropy (nats)", "accuracy": "fraction of images right"}[kind]
            )
            axes.set_title("training solid, validation dashed", loc="left")
            axes.legend()
        made[name] = figure
    return made


def tables(story: Story) -> Iterator[str]:
    """Yield the tables of the report in Markdown."""
    yield "# Results" + (f"\n\n{QUICK_FOOT}." if story.quick else "")
    for experiment, key, symbol in (
        ("learning rate", "learning_rate", "η"),
        ("regularization", "reg", "λ"),
    ):
        yield f"## {experiment.capitalize()}"
        yield markdown((symbol, *HEADER), accuracy_rows(story.by(experiment, key)))
    rows = [
        [
            *(short(run[key]) for key in ("hidden_size", "batch_size", "learning_rate", "reg")),
            *(str(run[key]) for key in ("epochs", "best_epoch")),
            f"{100 * run['valid_accuracy']:.2f}",
        ]
        for run in first_search()
    ]
    yield "## Before the search: single runs"
    yield markdown((*SEARCHED, "best epoch", "validation (%)"), rows)
    for name in plan.SEARCH:
        rows = [
            [*describe(one), f"{one.best_epoch.mean:.1f}", one.train.percent(), one.valid.percent()]
            for one in story.outcomes[name]
        ]
        yield f"## Search: {name}"
        yield markdown((*SEARCHED, *HEADER[:3]), rows)
    for title, name in (
        ("The chosen setting, one thing as in the default", "undone"),
        ("The chosen setting with fewer images (of 12,000, 24,000 and 48,000)", "images"),
        ("η = 1 with less decay", "less decay"),
    ):
        rows = [
            [*describe(one), one.train.percent(), one.valid.percent()]
            for one in story.outcomes[name]
        ]
        yield f"## {title}"
        yield markdown((*SEARCHED, *HEADER[1:3]), rows)
    yield "## Default and chosen"
    yield comparison(story)
    yield "## True and random labels, after the last epoch"
    rows = [
        [name, one.last("train_accuracy").percent(), one.last("valid_accuracy").percent()]
        for name, one in zip(("true", "random"), story.outcomes["labels"])
    ]
    yield markdown(("labels", *HEADER[1:3]), rows)


def comparison(story: Story) -> str:
    """Return the table of the default and the chosen setting in Markdown; README.md shows it."""
    rows = [
        [name, *describe(one), one.train.percent(), one.valid.percent(), one.test.percent()]
        for name, one in (("default", story.default), ("chosen", story.best))
    ]
    return markdown(("setting", *SEARCHED, *HEADER[1:]), rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its first column aligned left and the others right."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
