"""Grade one submission and print a table; or a class, with a row of a CSV and a text for each."""

import csv
import io
import json
import os
import re
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from course import HERE, log, processes
from course.grader import PRIVATE_COUNT, Grader, table
from course.rubric import read_rubric

NOT_SUBMISSIONS = re.compile(r"\.|__MACOSX|.*\.(csv|yml)$")


def grade_all(arguments: Namespace, data: Path) -> None:
    """Do what the command `grade` asks for."""
    if arguments.csv is None and (len(arguments.paths) > 1 or arguments.feedback):
        raise ValueError("for feedback, or several submissions, name a file for the grades: --csv")
    results = [file.parent for file in (arguments.json, arguments.csv) if file]
    for path in (*arguments.paths, *results):
        path.stat()  # or a FileNotFoundError
    rubric = read_rubric(HERE / "rubric.yaml")
    with processes.workplace(data) as place:
        grader = Grader(rubric, place)
        log(grader.try_out(*arguments.paths if arguments.csv else ()))
        if arguments.csv:
            grade_class(grader, arguments)
        else:
            results = grader.grade(arguments.paths[0])
            if arguments.json:
                write(arguments.json, json.dumps(results, indent=1))
            print(table(results))


def grade_class(grader: Grader, arguments: Namespace) -> None:
    """Grade submissions in parallel, except those that already have a row in the CSV."""
    checks = [
        f"{check.part} {check.name}{' (private)' * check.private} ({check.points:g})"
        for check in grader.rubric.checks
    ]
    header = ["submission", "score", "rules broken", "note", *checks]
    submissions, rows = find_submissions(arguments.paths), read_rows(arguments.csv, header)
    waiting = [name for name in submissions if name not in rows]
    log(f"{len(submissions)} submissions, {len(waiting)} of them without a row in {arguments.csv}")
    if arguments.feedback:
        arguments.feedback.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        futures = {pool.submit(grader.grade, submissions[name]): name for name in waiting}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                name, results = futures[future], future.result()
                if arguments.feedback:
                    text = table(results, "points" if grader.rubric.show_private else "nothing")
                    file = arguments.feedback / f"{name.replace(os.sep, '_')}.txt"
                    write(file, f"{name}\n\n{text}\n")
                rows[name] = row(name, results)
                lines = io.StringIO()
                csv.writer(lines, lineterminator="\n").writerows([header, *sorted(rows.values())])
                write(arguments.csv, lines.getvalue())
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
            inside = sorted(path.iterdir())
            found += [each for each in inside if not NOT_SUBMISSIONS.match(each.name)]
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
