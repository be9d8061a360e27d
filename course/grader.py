"""Grade submissions by `rubric.yaml`.

The submission runs in one process and the tests in another, which never imports it: they exchange
plain data only (`remote.py`), and values are compared where the submission cannot reach. Checks run
one after the other in the same two processes until one fails; a check has failed only if it does so
in new processes. Whatever a submission does to its own process can lose a check, not win it. That
process is limited in CPU time, in memory, in the size of a file and in open files, and can start no
other; when all its files together pass 200 MB, it is ended within a fraction of a second.

As root, as on Gradescope, tests and submission run as two users who exist for this grade alone
(`processes.py`). The submission can read what everybody can, and write in its own folder and where
everybody can; what it writes there is deleted after the grade. Where other users cannot run Python,
the grader refuses. NOT prevented:

- Without root, all runs with your rights: code that wants to can read your files, the private seed
  among them, and change grades. Grade only what you would run yourself.
- Right values that are copied rather than computed, such as the code of a solution. Choose a
  `private_seed`, keep solutions out of reach, read the code.
- Imports by `exec` or `__import__`, which the rule on imports does not see.
- Use of the network, and messages between submissions that are graded at the same time, through
  folders that everybody can write in.
- Memory that System V calls share, until the run ends; on macOS, any amount of memory.
"""

import copy
import csv
import dataclasses
import functools
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import yaml

from course import HERE, SHARED, processes, without_solutions, write_solution
from course.submissions import read_submission
from tests import ROOT

PRIVATE_COUNT = "The score counts private checks, too; their results are not shown."


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
    message: str = "not run"

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


# The rubric


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
            good = type(value) in (int, float) and 0 <= value < 10**9
        else:
            good = type(value) is types[key]
        if not good and (key, value) != ("cost", "all"):
            raise ValueError(f"{where}: {key}: found {value!r}")
    return kind(**entry, **own)


def seed_number(seed) -> int:
    """Turn any text or number into a seed below 2**32; such a number stays what it is."""
    if type(seed) is int and 0 <= seed < 2**32:
        return seed
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4], "big")


# The grade


@contextmanager
def ready(
    rubric: Path, data: Path, isolate: bool = True, log: Callable[[str], None] = lambda line: None
) -> Iterator[Callable[..., dict]]:
    """Yield `grade`, bound to a rubric and to all that it needs beside a submission.

    A first run, of the skeleton, tells a broken rubric or set-up from a student's broken code: it
    ends in a ValueError. Without `isolate`, for code that one trusts, root stays root.
    """
    content = read_rubric(rubric)
    names = sorted({test for item in content.rules + content.checks for test in item.tests})
    trial = {"tests": names, "seed": 0, "seconds": 60, "load_only": True}
    skeleton = {
        file.relative_to(HERE / "skeleton").as_posix(): file.read_bytes()
        for file in (HERE / "skeleton").rglob("*.py")
    }
    with processes.workplace(data, isolate) as place:
        with processes.two_users(isolate) as users:
            run = processes.Run(skeleton, place, users, time.monotonic() + 120)
            try:
                [([*problems], _)] = run([trial])
            except OSError as error:
                problems = [str(error)]
            if problems and problems[0].startswith("there is no test"):
                raise ValueError(f"{rubric}: {problems[0]}")
            if problems:
                hint = REFUSAL.format(tempfile.gettempdir()) if users[1] else "nothing can be graded"
                raise ValueError(f"{hint}: {problems[0].splitlines()[-1]}")
            if users[1] is None:
                log("submissions run with your rights: see the top of course/grader.py")
            elif processes.can_read(HERE / "rubric.yaml", users[1]):
                log(f"submissions can read solutions and the private seed: chmod 700 {ROOT}")
        yield functools.partial(grade, content, place, isolate)


REFUSAL = (
    f"root cannot run students' code as another user; install {sys.executable} and its packages "
    "where all users can read them, and let them enter {}, or grade as an ordinary user"
)


def grade(
    rubric: Rubric,
    place: Path,
    isolate: bool,
    submission: Path,
    save: Callable[[dict], None] = lambda results: None,
    log: Callable[[str], None] = lambda line: None,
) -> dict:
    """Grade a submission; return the results in Gradescope's form.

    `save` gets them before the first check and after each, so that they are complete whenever the
    grader is stopped; `log` gets the title of each check that has ended.
    """
    started = time.monotonic()
    rubric = copy.deepcopy(rubric)
    items = rubric.rules + rubric.checks
    note = PRIVATE_COUNT

    def results() -> dict:
        return {
            "score": rubric.score(),
            "output": note,
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "execution_time": round(time.monotonic() - started),
            "tests": [item.result() for item in items],
        }

    save(results())
    try:
        files = read_submission(submission)
    except ValueError as error:
        note = str(error)
        for item in items:
            item.message = ""
        save(results())
        return results()
    with processes.two_users(isolate) as users:
        run = processes.Run(files, place, users, started + rubric.seconds)
        for group in groups(rubric):
            for item, messages, printed in run_group(group, run):
                item.passed, item.message = not messages, "\n".join(messages)
                watch_printing(rubric, item, printed)
                log(item.title())
                save(results())
            if group[0].cost == "all" and not group[0].passed:  # said once, not for every check
                for item in items[items.index(group[0]) + 1 :]:
                    item.message = ""
                break
    save(results())
    return results()


def groups(rubric: Rubric) -> list[list[RubricItem]]:
    """Return what shares processes: each rule by itself, then checks, the private ones last.

    No visible check runs after a private one, whose data it could show.
    """
    for rule in rubric.rules:
        rule.passed = rule.printing
    found = {}
    for check in rubric.checks:
        found.setdefault((check.private, check.mnist), []).append(check)
    rules = [[rule] for rule in rubric.rules if not rule.printing]
    return rules + [found[key] for key in sorted(found)]


def run_group(
    items: list[RubricItem], run: processes.Run
) -> Iterator[tuple[RubricItem, list[str], str]]:
    """Run items in as few processes as possible; yield each, its messages and its output.

    One that fails after others have run gets a second try, in processes that it has for itself.
    """
    while items:
        tests = [{"tests": i.tests, "seed": i.seed, "seconds": i.seconds} for i in items]
        found = run(tests, max(item.megabytes for item in items), items[0].mnist)
        done = len(found) - (len(found) > 1 and bool(found[-1][0]))
        for item, (messages, printed) in zip(items[:done], found):
            yield item, messages, printed
        items = items[done:]


def watch_printing(rubric: Rubric, item: RubricItem, printed: str) -> None:
    """Mark the rules about printing as broken if more has been printed than is allowed."""
    lines = [line.strip() for line in printed.splitlines()]
    patterns = rubric.allowed_output
    lines = [line for line in lines if line and not any(p.fullmatch(line) for p in patterns)]
    for rule in rubric.rules if lines else ():
        if rule.printing and rule.passed:
            shown = "not shown" if item.private else lines[0][:200]
            rule.passed, rule.message = False, f"printed in {item.title()}: {shown}"


def table(results: dict, show_private: bool = True, lines: int = 2) -> str:
    """Show results to a person; of what failed, the first lines of the message."""
    shown = []
    for test in results["tests"]:
        private = test["visibility"] == "hidden"
        points = f"{test['score']:g}/{test['max_score']:g}" if test["max_score"] else test["status"]
        who = "private" if private else ""
        if show_private or not private:
            shown.append(f"{test['number']:8}{test['name']:62}{who:8}{points:>6}")
            shown += [f"{'':8}{line[:120]}" for line in test["output"].splitlines()[:lines]]
    most = sum(test["max_score"] for test in results["tests"])
    return "\n".join([*shown, "", f"Score: {results['score']:g} of {most:g}", results["output"]])


# A class


def grade_class(
    paths: list[Path],
    csv_file: Path,
    feedback: Path | None,
    jobs: int,
    rubric: Path,
    grade_one: Callable[..., dict],
    log: Callable[[str], None],
) -> None:
    """Grade submissions side by side, and write a row of a CSV and a text for each.

    Submissions that have a row are left alone, so that a run that was stopped goes on.
    """
    content = read_rubric(rubric)
    titles = [f"{check.title()} ({check.points:g})" for check in content.checks]
    header = ["submission", "score", "rules broken", "note", *titles]
    rows = {}
    if csv_file.exists():
        with csv_file.open(newline="", encoding="utf-8") as file:
            found, *old = list(csv.reader(file)) or [[]]
        if found != header:
            raise ValueError(f"{csv_file}: another rubric's columns; move this file away")
        rows = {row[0]: row for row in old}
    submissions = find_submissions(paths)
    waiting = {name: path for name, path in submissions.items() if name not in rows}
    if feedback:
        feedback.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(grade_one, path): name for name, path in waiting.items()}
        try:
            for count, future in enumerate(as_completed(futures), 1):
                name, results = futures[future], future.result()
                if feedback:
                    text = table(without_private_details(results), content.show_private, lines=20)
                    write(feedback / f"{name.replace(os.sep, '_')}.txt", f"{name}\n\n{text}\n")
                rows[name] = row(name, results)
                ordered = [rows[each] for each in submissions if each in rows]
                others = [rows[each] for each in rows if each not in submissions]
                stream = io.StringIO(newline="")
                csv.writer(stream, lineterminator="\n").writerows([header, *ordered, *others])
                write(csv_file, stream.getvalue())
                left = (time.monotonic() - started) / count * (len(waiting) - count) / 60
                log(f"{count}/{len(waiting)} {name}: {results['score']:g}, {left:.0f} min left")
        except BaseException:  # Ctrl-C, too
            processes.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise


def find_submissions(paths: list[Path]) -> dict[str, Path]:
    """Return submissions by name; a folder without utils.py stands for what it holds."""
    found = []
    for path in paths:
        path.stat()  # or a FileNotFoundError
        if path.is_dir() and not (path / "utils.py").exists():
            inside = sorted(path.iterdir())
            found += [each for each in inside if each.is_dir() or each.suffix.lower() == ".zip"]
        else:
            found.append(path)
    names = [path.name for path in found]
    return {path.name if names.count(path.name) == 1 else str(path): path for path in found}


def row(name: str, results: dict) -> list[str]:
    """Return a submission's row of the CSV."""
    tests = results["tests"]
    broken = [test["name"] for test in tests if test["number"] == "rule" and test["output"]]
    note = results["output"].replace(PRIVATE_COUNT, "")
    points = [f"{test['score']:g}" for test in tests if test["number"] != "rule"]
    return [name, f"{results['score']:g}", "; ".join(broken), note, *points]


def without_private_details(results: dict) -> dict:
    """Return results without the messages of private checks."""
    tests = [
        test | {"output": ""} if test["visibility"] == "hidden" else test
        for test in results["tests"]
    ]
    return results | {"tests": tests}


def write(file: Path, text: str) -> None:
    """Write a file at once, so that nobody finds half of it."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


# Gradescope


def check_points(rubric: Path, data: Path) -> None:
    """Raise a ValueError unless the plain solution gets all points by a rubric."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ready(rubric, data, isolate=False) as grade_one,  # it is our own code
    ):
        write_solution(Path(folder, "solution"))
        results = grade_one(Path(folder, "solution"))
    for test in results["tests"]:
        if test["status"] == "failed":
            raise ValueError(
                f"{rubric}: the plain solution fails {test['name']}: {test['output'][:300]}"
            )


def write_autograder(file: Path) -> None:
    """Write the archive for Gradescope, without solutions: a submission could find them there."""
    files = [ROOT / name for name in SHARED if name.startswith(("configs/", "data/", "tests/"))]
    files += [path for path in HERE.glob("*.py") if path.name != "mistakes.py"]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in ("setup.sh", "run_autograder"):
            archive.write(HERE / "autograder" / script, script)
        for path in [*files, HERE / "rubric.yaml"]:
            archive.write(path, path.relative_to(ROOT))
        for path in (HERE / "skeleton").rglob("*.py"):
            text = without_solutions(path.name, path.read_text())
            archive.writestr(path.relative_to(ROOT).as_posix(), text)
