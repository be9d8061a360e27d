"""The rubric: read `rubric.yaml`, and reject mistakes in it."""

import re
from pathlib import Path
from types import SimpleNamespace

import yaml

# Keys and their defaults, which are of the right type. A cost may be "all", too. An item with
# `printing` has no tests: it fails if anything is printed that is not allowed.
SETTINGS = {"seconds": 420, "show_private": False, "allowed_output": []}
ITEM = {"part": "rule", "name": "", "tests": [], "printing": False, "seconds": 5}
ITEM |= {"public": 0, "private": 0, "cost": 0}


class Loader(yaml.SafeLoader):
    """Rejects duplicate keys, like the loader in main.py, which the archive lacks."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(keys) > len({*keys}):
            raise yaml.MarkedYAMLError(None, None, f"a key twice: {keys}", node.start_mark)
        return super().construct_mapping(node, deep)


def fill(entry: dict, defaults: dict) -> dict:
    """Add defaults; a ValueError names a key that is unknown, or has a value of another kind."""
    for key, value in entry.items():
        default = defaults.get(key)
        good = type(value) is type(default) and value is not None
        if type(default) is int:
            good = type(value) in (int, float) and (key == "seconds") <= value < 2**32
        elif type(default) is list:
            good = good and all(type(each) is str for each in value)
        if not good and (key, value) != ("cost", "all"):
            name = entry.get("name", "the rubric")
            raise ValueError(f"{name}: {key}: unknown key or wrong value {value!r}")
    return defaults | entry


def read_rubric(path: Path) -> SimpleNamespace:
    """Read a rubric, or raise a ValueError that says what is wrong with it.

    Its items are the rules that cost something, and each check once for its public and once for its
    private points. An item's message is None until it is run, and "" if it passes.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)
        seeds = {kind: content.pop(f"{kind}_seed", None) for kind in ("public", "private")}
        if None in seeds.values():
            raise ValueError("public_seed or private_seed is missing")
        items = []
        for entry in content.pop("rules") + content.pop("checks"):
            item = fill(entry, ITEM)
            if bool(item["tests"]) == item["printing"]:
                raise ValueError(f"{item['name']}: expected either tests or printing")
            item["message"] = "" if item["printing"] else None
            for kind, seed in seeds.items():
                own = {"points": item[kind], "private": kind == "private", "seed": str(seed)}
                if own["points"] or (item["cost"] and not own["private"]):
                    items.append(SimpleNamespace(**item | own))
        rubric = SimpleNamespace(**fill(content, SETTINGS), items=items)
        rubric.allowed = re.compile("|".join(["", *rubric.allowed_output]))
        return rubric
    except (AttributeError, KeyError, TypeError, ValueError, re.error, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
