"""The rubric: read `rubric.yaml`, reject mistakes in it, add up a submission's results."""

import dataclasses
import re
import zlib
from pathlib import Path

import yaml


@dataclasses.dataclass
class RubricItem:
    """A check or a rule, as in rubric.yaml, and its result."""

    part: str
    name: str
    tests: list = dataclasses.field(default_factory=list)
    points: float = 0
    cost: float = 0  # or "all"
    printing: bool = False  # instead of tests: broken if what is printed is not allowed
    private: bool = False
    seed: int = 0
    seconds: int = 5  # of CPU time
    passed: bool = dataclasses.field(default=False, init=False)
    message: str = dataclasses.field(default="", init=False)

    def __post_init__(self):
        check_types(self)
        if bool(self.tests) == self.printing:
            raise ValueError(f"{self.name}: expected either tests or printing")

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
    """Replace characters that could upset a terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


@dataclasses.dataclass
class Rubric:
    """The rules that count, the checks, and settings for all of them."""

    rules: list
    checks: list
    seconds: float = 420  # of wall-clock time, for a submission
    allowed_output: list = dataclasses.field(default_factory=list)
    show_private: bool = False

    def __post_init__(self):
        check_types(self)
        self.allowed = re.compile("|".join(f"(?:{line})" for line in ["", *self.allowed_output]))

    def check_printing(self, printed: str, private: bool) -> None:
        """Mark the rules about printing as broken if more is printed than is allowed."""
        lines = map(str.strip, printed.splitlines())
        lines = [line for line in lines if not self.allowed.fullmatch(line)]
        for rule in self.rules:
            if lines and rule.printing and rule.passed:
                shown = "in a private check" if private else lines[0][:200]
                rule.passed, rule.message = False, f"printed: {shown}"

    def results(self, note: str) -> dict:
        """Return the results in Gradescope's form."""
        costs = [rule.cost for rule in self.rules if not rule.passed]
        points = sum(check.points for check in self.checks if check.passed)
        return {
            "score": 0 if "all" in costs else max(0, points - sum(costs)),
            "output": note,
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "tests": [item.result() for item in self.rules + self.checks],
        }


def check_types(item: RubricItem | Rubric) -> None:
    """Raise a ValueError unless fields have their types and ranges; a cost may be "all"."""
    for field in dataclasses.fields(item):
        value, kind = getattr(item, field.name), field.type
        good = type(value) is kind or (type(value), kind) == (int, float)
        if kind in (int, float):
            good, expected = good and 0 <= value < 2**32, "a number from 0 to 2**32 - 1"
        elif field.name in ("tests", "allowed_output"):
            good, expected = good and all(type(each) is str for each in value), "a list of texts"
        else:
            expected = f"a {kind.__name__}"
        if not good and (field.name, value) != ("cost", "all"):
            name = getattr(item, "name", "the rubric")
            raise ValueError(f"{name}: {field.name}: found {value!r}, expected {expected}")


class Loader(yaml.SafeLoader):
    """Rejects duplicate keys, like the loader in main.py, which the archive lacks."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.MarkedYAMLError(None, None, f"{key.value} appears twice", key.start_mark)
        return super().construct_mapping(node, deep)


def make_item(entry: dict, **own) -> RubricItem:
    """Make an item, or raise a ValueError that names the item and a key."""
    try:
        return RubricItem(**entry, **own)
    except TypeError as error:  # a key that is unknown, missing, or not the teacher's
        name = entry.get("name", "a check or rule")
        raise ValueError(f"{name}: {str(error).partition(' ')[2]}") from None


def read_rubric(path: Path) -> Rubric:
    """Read a rubric, or raise a ValueError that says what is wrong with it."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)
        seeds = {kind: content.pop(f"{kind}_seed") for kind in ("public", "private")}
        for kind, seed in seeds.items():
            if seed is None:
                raise ValueError("a seed is empty")
            seeds[kind] = seed % 2**32 if type(seed) is int else zlib.crc32(str(seed).encode())
        rules = [make_item(entry, part="rule") for entry in content.pop("rules")]
        checks = []
        for entry in content.pop("checks"):
            points = {kind: entry.pop(kind, 0) for kind in seeds}
            for kind, count in points.items():
                own = {"points": count, "private": kind == "private", "seed": seeds[kind]}
                checks.append(make_item(entry, **own))
        if 0 in (content.get("seconds"), *[item.seconds for item in rules + checks]):
            raise ValueError("seconds: found 0, expected at least 1")
        rules = [rule for rule in rules if rule.cost]
        return Rubric(rules, [check for check in checks if check.points], **content)
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing") from None
    except (AttributeError, TypeError, ValueError, re.error, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
