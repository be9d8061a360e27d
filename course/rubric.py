"""Read `rubric.yaml`, and refuse what would cost points by mistake."""

import dataclasses
import hashlib
import re
from pathlib import Path

import yaml

NOT_RUN = "not run"


@dataclasses.dataclass
class RubricItem:
    """A check, whose tests must all pass to earn its points, or a rule, and the result.

    Breaking a rule costs `cost` points, or "all". A rule about `printing` has no tests: it is broken
    when the submission prints something in any item.
    """

    part: str
    name: str
    tests: list = dataclasses.field(default_factory=list)
    points: float = 0
    cost: float | str = 0
    printing: bool = False
    private: bool = False
    seed: int = 0
    seconds: float = 10
    megabytes: float = 2000
    mnist: bool = False
    passed: bool = False
    message: str = NOT_RUN

    def __post_init__(self):
        if bool(self.tests) == self.printing:
            raise ValueError(f"{self.name}: expected either tests or printing")

    def title(self) -> str:
        return f"{self.part} {self.name}{' (private)' if self.private else ''}"

    def result(self) -> dict:
        """Return the result in Gradescope's form."""
        return {
            "number": self.part,
            "name": f"{self.name} (-{self.cost})" if self.cost else self.name,
            "score": self.points if self.passed else 0,
            "max_score": self.points,
            "status": "passed" if self.passed else "failed",
            "output": "" if self.passed else printable(self.message),
            "visibility": "hidden" if self.private else "visible",
        }


def printable(text: str) -> str:
    """Replace what can upset a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


@dataclasses.dataclass
class Rubric:
    """The rules that are not switched off, the checks, and what holds for all of them."""

    rules: list
    checks: list
    seconds: float = 420  # of the clock, for a submission
    allowed_output: list = dataclasses.field(default_factory=list)
    show_private: bool = False

    def score(self) -> float:
        """Return the points of the checks, less the cost of the rules that are broken."""
        costs = [rule.cost for rule in self.rules if not rule.passed]
        points = sum(check.points for check in self.checks if check.passed)
        return 0 if "all" in costs else max(0, points - sum(costs))


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"{key} stands twice, from line {node.start_mark.line + 1} on")
        return super().construct_mapping(node, deep)


def read_rubric(path: Path) -> Rubric:
    """Read a rubric, or raise a ValueError that says what is wrong with it."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)
        seeds = {kind: seed_number(content.pop(f"{kind}_seed")) for kind in ("public", "private")}
        rules = [make(RubricItem, entry, part="rule") for entry in content.pop("rules")]
        checks = []
        for entry in content.pop("checks"):
            if not {"public", "private"} & {*entry}:
                raise ValueError(f"{entry.get('name')}: public or private is missing")
            points = {kind: entry.pop(kind, 0) for kind in ("public", "private")}
            for kind in (kind for kind in points if points[kind]):
                seed = seeds["private" if entry.get("mnist") else kind]
                own = {"points": points[kind], "private": kind == "private", "seed": seed}
                checks.append(make(RubricItem, entry, **own))
        rules = [rule for rule in rules if rule.cost]
        rubric = make(Rubric, content, rules=rules, checks=checks)
        rubric.allowed_output = [re.compile(pattern) for pattern in rubric.allowed_output]
        return rubric
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing") from None
    except (AttributeError, TypeError, ValueError, re.error, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def make(kind: type, entry: dict, **own):
    """Make a RubricItem or a Rubric, if every key is known and every value of the right type."""
    where = entry.get("name", "the rubric")
    types = {field.name: field.type for field in dataclasses.fields(kind)}
    for key, value in [*entry.items(), *own.items()]:
        if key not in types or (key in own and key in entry):
            raise ValueError(f"{where}: unknown key {key}")
        if types[key] in (int, float, float | str):
            good = type(value) in (int, float) and 0 <= value < 2**32
        else:
            good = type(value) is types[key]
        if not good and (key, value) != ("cost", "all"):
            raise ValueError(f"{where}: {key}: found {value!r}")
    return kind(**entry, **own)


def seed_number(seed) -> int:
    """Turn any text or number into a seed below 2**32; such a number stays what it is."""
    if seed is None:
        raise ValueError("a seed is empty")
    if type(seed) is int and 0 <= seed < 2**32:
        return seed
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4], "big")
