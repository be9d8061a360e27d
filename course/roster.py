"""Grade a class: a row of a CSV and a text for each submission."""

import csv
import io
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from course import processes
from course.grader import PRIVATE_COUNT, Grader, table

NOT_SUBMISSIONS = re.compile(r"\.|__MACOSX|.*\.(csv|yml)$")


def grade_class(
    grader: Grader,
    paths: list[Path],
    csv_file: Path,
    feedback: Path | None,
    jobs: int,
    log: Callable[[str], None],
) -> None:
    """Grade submissions in parallel, except those that already have a row in the CSV."""
    checks = [f"{check.title()} ({check.points:g})" for check in grader.rubric.checks]
    header = ["submission", "score", "rules broken", "note", *checks]
    submissions, rows = find_submissions(paths), read_rows(csv_file, header)
    waiting = [name for name in submissions if name not in rows]
    log(f"{len(submissions)} submissions, {len(waiting)} of them without a row in {csv_file}")
    if feedback:
        feedback.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(grader.grade, submissions[name]): name for name in waiting}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                name, results = futures[future], future.result()
                if feedback:
                    text = table(results, "points" if grader.rubric.show_private else "nothing")
                    write(feedback / f"{name.replace(os.sep, '_')}.txt", f"{name}\n\n{text}\n")
                rows[name] = row(name, results)
                lines = io.StringIO()
                csv.writer(lines, lineterminator="\n").writerows([header, *sorted(rows.values())])
                write(csv_file, lines.getvalue())
                minutes = (time.monotonic() - started) / done * (len(waiting) - done) / 60
                log(f"{done}/{len(waiting)} {name}: {results['score']:g}; {minutes:.0f} min left")
        except BaseException:  # Ctrl-C, too
            processes.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise


def find_submissions(paths: list[Path]) -> dict[str, Path]:
    """Return submissions by name; a folder without utils.py holds one in each zip or folder.

    Other files have a row, too, so that no student is forgotten.
    """
    found = []
    for path in paths:
        if path.is_dir() and not (path / "utils.py").exists():
            found += [
                each for each in sorted(path.iterdir()) if not NOT_SUBMISSIONS.match(each.name)
            ]
        else:
            found.append(path)
    names = [path.name for path in found]
    names = [path.name if names.count(path.name) == 1 else str(path) for path in found]
    for name in names:
        if not name.isprintable() or len(os.fsencode(name)) > 200:
            raise ValueError(f"{name!r} is too long or unprintable; rename it")
    return dict(zip(names, found))


def row(name: str, results: dict) -> list[str]:
    """Return a submission's row of the CSV."""
    rules = [test for test in results["tests"] if test["number"] == "rule"]
    broken = "; ".join(f"{rule['name']}: {rule['output']}" for rule in rules if rule["output"])
    note = results["output"].replace(PRIVATE_COUNT, "")
    points = [f"{test['score']:g}" for test in results["tests"][len(rules) :]]
    return [name, f"{results['score']:g}", broken, note, *points]


def read_rows(file: Path, header: list[str]) -> dict[str, list[str]]:
    """Return the rows of a CSV that an earlier run has left, by name."""
    if not file.exists():
        return {}
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
    if rows[:1] != [header]:
        raise ValueError(f"{file}: its columns are not those of this rubric; move it away")
    return {cells[0]: cells for cells in rows[1:]}


def write(file: Path, text: str) -> None:
    """Write a file in one step, so that nobody reads half of it."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
