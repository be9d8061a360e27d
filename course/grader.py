"""Grade submissions by `rubric.yaml`.

The submission runs in one process and the tests in another, which never imports it: they exchange
plain data only (`remote.py`), and values are compared where the submission cannot reach. Whatever a
submission does to its own process can lose a check, not win one, except for what only that process
can tell: what `plot_curves` draws, and whether a function changes its arguments. Checks of a kind
share two processes until one fails. The submission's process is limited in CPU time, memory, and
the size and number of its files; it can start no other, and has no network.

Under root, as on Gradescope, tests and submission run under two user IDs reserved for this grade
(`processes.py`). The submission can read what everybody can, and write in its own folder and where
everybody can; what it leaves in /tmp, /var/tmp, /dev/shm and /run/lock is deleted after each run.
NOT prevented:

- Without root, everything runs with your rights: code can read your files, the private seed among
  them, change grades and leave things behind. Grade only what you would run yourself.
- Right values from copied code, or learned in another way than asked for. Choose a `private_seed`,
  keep solutions out of reach, read the code.
- Imports by `exec` or `__import__`, through another module, or behind a file of the same name.
- Messages from visible checks to private ones. Visible checks come first, so nothing private shows.
- Space of deleted but open files, 2 GB until the run ends. On macOS, or without libseccomp:
  any amount of memory, the network, and messages to other runs.
"""

import copy
import sys
import tempfile
import time
import zipfile
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from course import HERE, SHARED, processes, without_solutions, write_solution
from course.rubric import read_rubric
from course.submissions import read_submission
from tests import ROOT

PRIVATE_COUNT = "The score counts private checks, too; their results are not shown."


class Grader(NamedTuple):
    """A rubric, and where runs take place."""

    rubric: SimpleNamespace
    place: Path  # as `processes.workplace` makes it
    isolate: bool = True  # if this is root, run submissions as another user

    def grade(self, submission: Path) -> dict:
        """Grade a submission; return the results in Gradescope's form."""
        deadline = time.monotonic() + self.rubric.seconds
        items, allowed = copy.deepcopy(self.rubric.items), self.rubric.allowed
        try:
            files = read_submission(submission)
        except ValueError as error:
            return results(items, str(error))
        # Items of a kind share processes. Private ones are last: no message shows what they see.
        kind = attrgetter("private", "seconds")
        waiting = sorted((item for item in items if item.tests), key=kind)
        with processes.two_users(self.isolate) as users:
            while waiting and time.monotonic() < deadline:
                group = [item for item in waiting if kind(item) == kind(waiting[0])]
                found, printed = processes.run(group, files, self.place, users, deadline)
                lines = map(str.strip, printed.splitlines())
                lines = [line for line in lines if not allowed.fullmatch(line)]
                for item in items:
                    if lines and item.printing and not item.message:
                        shown = "in a private check" if group[0].private else lines[0][:200]
                        item.message = f"printed: {shown}"
                for item, messages in zip(group, found):
                    item.message = "\n".join(messages) or "failed" * bool(messages)
                    if messages and item.cost == "all":
                        waiting.clear()
                waiting = waiting[len(found) :]
        return results(items, "Time ran out; the last checks were not run." if waiting else "")

    def try_out(self, *paths: Path) -> str:
        """Load the tests and the skeleton; raise a ValueError if set-up or rubric is broken.

        Return a line that says whether submissions can read this project or `paths`.
        """
        names = sorted({test for item in self.rubric.items for test in item.tests})
        item = SimpleNamespace(tests=names, seed="", seconds=0)
        files = read_submission(HERE / "skeleton")
        with processes.two_users(self.isolate) as users:
            try:
                options = files, self.place, users, time.monotonic() + 120
                [messages], _ = processes.run([item], *options)
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
                return f"submissions can read {path} and more beside it: chmod 700 a folder above"
        return "submissions run as other users, who can read neither this project nor each other"


def results(items: list[SimpleNamespace], note: str) -> dict:
    """Return results in Gradescope's form."""
    costs = [item.cost for item in items if item.message != ""]
    points = sum(item.points for item in items if item.message == "")
    return {
        "score": 0 if "all" in costs else max(0, points - sum(costs)),
        "output": printable(note),
        "stdout_visibility": "hidden",
        "tests": [
            {
                "number": item.part,
                "name": f"{item.name} (-{item.cost})" if item.cost else item.name,
                "score": item.points if item.message == "" else 0,
                "max_score": item.points,
                "status": "passed" if item.message == "" else "failed",
                "output": printable(item.message or ""),
                "visibility": "hidden" if item.private else "visible",
            }
            for item in items
        ],
    }


def printable(text: str) -> str:
    """Replace characters that could upset a terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def table(results: dict, hide: str = "") -> str:
    """Format results as text; `hide` the "messages" of private checks, or the "checks"."""
    lines = []
    for test in results["tests"]:
        hidden = test["visibility"] == "hidden"
        points = f"{test['score']:g}/{test['max_score']:g}"
        if not test["max_score"]:
            points = test["status"] if test["output"] or test["status"] == "passed" else "not run"
        if not hidden or hide != "checks":
            lines.append(f"{test['number']:8}{test['name']:62}{'private' * hidden:8}{points:>6}")
        if not hidden or not hide:
            lines += [f"{'':8}{line[:300]}" for line in test["output"].splitlines()[:4]]
    total = sum(test["max_score"] for test in results["tests"])
    note = results["output"] or PRIVATE_COUNT * (hide == "checks")
    return "\n".join([*lines, "", f"Score: {results['score']:g} of {total:g}", note]).rstrip()


def check_points(rubric: Path, data: Path) -> None:
    """Raise a ValueError unless the skeleton's solution gets all points by a rubric."""
    with tempfile.TemporaryDirectory() as folder, processes.workplace(data) as place:
        write_solution(Path(folder, "solution"))
        grader = Grader(read_rubric(rubric), place, isolate=False)  # it is our own code
        for test in grader.grade(Path(folder, "solution"))["tests"]:
            if test["status"] == "failed":
                raise ValueError(f"the solution fails {test['name']}: {test['output'][:300]}")


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
