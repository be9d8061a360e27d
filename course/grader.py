"""Grade submissions by `rubric.yaml`.

The submission runs in one process and the tests in another, which never imports it: they exchange
plain data only (`remote.py`), and values are compared where the submission cannot reach. Whatever a
submission does to its own process can lose a check, not win one, except for what only that process
can tell: what `plot_curves` draws, and whether a function changes its arguments. Checks share two
processes until a check fails; unless it took too long, it counts as failed only if it fails in new
processes, too. The submission's process is limited in CPU time, memory, and the size and number of
its files; it can start no other, and has no network.

Under root, as on Gradescope, tests and submission run under two user IDs reserved for this grade
(`processes.py`). The submission can read what everybody can, and write in its own folder and where
everybody can; what it leaves in /tmp, /var/tmp, /dev/shm and /run/lock is deleted after each run.
NOT prevented:

- Without root, everything runs with your rights: code can read your files, the private seed among
  them, change grades and leave things behind. Grade only what you would run yourself.
- Right values from copied code, or learned in another way than asked for. Choose a `private_seed`,
  keep solutions out of reach, read the code.
- Imports by `exec` or `__import__`, through another module, or behind a file of the same name.
- Messages from visible checks to private ones, in other folders where everybody can write, or by
  the times at which files were read. Visible checks come first, so nothing private is shown.
- Space of deleted but open files, 2 GB until the run ends. On macOS, or without libseccomp:
  any amount of memory, the network, and messages to other runs.
"""

import copy
import sys
import tempfile
import time
import zipfile
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from course import HERE, SHARED, processes, without_solutions, write_solution
from course.rubric import Rubric, RubricItem, printable, read_rubric
from course.submissions import read_submission
from tests import ROOT

PRIVATE_COUNT = "The score counts private checks, too; their results are not shown."


class Grader(NamedTuple):
    """A rubric, and where runs take place."""

    rubric: Rubric
    place: Path  # as `processes.workplace` makes it
    isolate: bool = True  # if this is root, run submissions as another user

    def grade(self, submission: Path) -> dict:
        """Grade a submission; return the results in Gradescope's form."""
        deadline = time.monotonic() + self.rubric.seconds
        rubric = copy.deepcopy(self.rubric)
        try:
            files = read_submission(submission)
        except ValueError as error:
            return rubric.results(printable(str(error)))
        for rule in rubric.rules:
            rule.passed = rule.printing  # until something is printed
        # Private items are last, so that no message can show what they have seen.
        waiting = [item for item in rubric.rules + rubric.checks if item.tests]
        waiting.sort(key=lambda item: (item.private, item.seconds))
        with processes.two_users(self.isolate) as users:
            while waiting:
                if time.monotonic() > deadline:
                    return rubric.results("Time ran out; the last checks were not run.")
                # Private and visible checks share no process.
                private, items = next(groupby(waiting, lambda item: item.private))
                group = list(items)
                found, printed = processes.run(group, files, self.place, users, deadline)
                if len(found) > 1 and found[-1] and "TimeoutError" not in str(found[-1]):
                    found.pop()  # for a second try, first in new processes
                rubric.check_printing(printed, private)
                for item, messages in zip(group, found):
                    item.passed, item.message = not messages, "\n".join(messages)
                    if messages and item.cost == "all":
                        waiting.clear()
                waiting = waiting[len(found) :]
        return rubric.results(PRIVATE_COUNT)

    def try_out(self, *paths: Path) -> str:
        """Load the tests and the skeleton, to tell a broken set-up or rubric from broken code.

        Return a line that says how safe it is to grade here, and whether submissions can read
        `paths`, or raise a ValueError.
        """
        items = self.rubric.rules + self.rubric.checks
        names = sorted({test for item in items for test in item.tests})
        files = read_submission(HERE / "skeleton")
        with processes.two_users(self.isolate) as users:
            try:
                options = files, self.place, users, time.monotonic() + 120
                [messages], _ = processes.run([RubricItem("", "", names, seconds=0)], *options)
            except OSError as error:
                messages = [str(error)]
        if messages and (messages[0].startswith("there is no such test") or users[1] is None):
            raise ValueError(f"rubric.yaml: {messages[0]}")
        if messages:
            raise ValueError(
                f"root cannot run students' code as another user: {messages[0][-200:]}; let "
                f"everyone read {sys.prefix} and enter {tempfile.gettempdir()} (if its packages "
                "are in root's home, use /usr/bin/python3), or do not grade as root"
            )
        if users[1] is None:
            return "submissions run with your rights: see the top of course/grader.py"
        for path in (HERE / "rubric.yaml", *map(Path.resolve, paths)):
            if processes.quietly("test", "-r", path, user=users[1])[0] == 0:
                return (
                    f"submissions can read {path} and what is beside it: chmod 700 a folder above"
                )
        return "submissions run as other users, who can read neither this project nor each other"


def table(results: dict, private: str = "results") -> str:
    """Format results as text, with the "results", "points" or "nothing" of private checks."""
    lines = []
    for test in results["tests"]:
        hidden = test["visibility"] == "hidden"
        points = f"{test['score']:g}/{test['max_score']:g}"
        if not test["max_score"]:
            points = test["status"] if test["output"] or test["status"] == "passed" else "not run"
        if not hidden or private != "nothing":
            who = "private" if hidden else ""
            lines.append(f"{test['number']:8}{test['name']:62}{who:8}{points:>6}")
        if not hidden or private == "results":
            lines += [f"{'':8}{line[:300]}" for line in test["output"].splitlines()[:4]]
    note = results["output"]
    if private != "nothing":
        note = note.replace(PRIVATE_COUNT, "")
    total = sum(test["max_score"] for test in results["tests"])
    return "\n".join([*lines, "", f"Score: {results['score']:g} of {total:g}", note]).rstrip()


def check_points(rubric: Path, data: Path) -> None:
    """Raise a ValueError unless the skeleton's solution gets all points by a rubric."""
    with tempfile.TemporaryDirectory() as folder, processes.workplace(data) as place:
        grader = Grader(read_rubric(rubric), place, isolate=False)  # it is our own code
        write_solution(Path(folder, "solution"))
        for test in grader.grade(Path(folder, "solution"))["tests"]:
            if test["status"] == "failed":
                text = f"the solution fails {test['name']}: {test['output'][:300]}"
                raise ValueError(f"{rubric}: {text}")


def write_autograder(file: Path) -> None:
    """Write the archive for Gradescope, without solutions: a submission could find them there."""
    files = [ROOT / name for name in SHARED if name.startswith(("configs/", "data/", "tests/"))]
    files += [path for path in HERE.glob("*.py") if path.name != "mistakes.py"]
    files += [HERE / "rubric.yaml", *(HERE / "skeleton").rglob("*.py")]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in ("setup.sh", "run_autograder"):
            archive.write(HERE / "autograder" / script, script)
        for path in files:
            text = path.read_text(encoding="utf-8")
            if HERE / "skeleton" in path.parents:
                text = without_solutions(path.name, text)
            archive.writestr(path.relative_to(ROOT).as_posix(), text)
