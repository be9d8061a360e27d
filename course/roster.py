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
    for path in arguments.paths:
        path.stat()  # or a FileNotFoundError
    with processes.workplace(data) as place:
        grader = Grader(read_rubric(HERE / "rubric.yaml"), place)
        log(grader.try_out(*arguments.paths if arguments.csv else ()))
        if arguments.csv:
            return grade_class(grader, arguments)
        results = grader.grade(arguments.paths[0])
        if arguments.json:
            shown = results | {"output": results["output"] or PRIVATE_COUNT}
            arguments.json.write_text(json.dumps(shown, indent=1))
        print(table(results))


def grade_class(grader: Grader, arguments: Namespace) -> None:
    """Grade submissions in parallel, except those that already have a row in the CSV."""
    checks = [
        f"{item.part} {item.name}{' (private)' * item.private} ({item.points:g})"
        for item in grader.rubric.items
        if item.points
    ]
    header = ["submission", "score", "rules broken", "note", *checks]
    submissions, rows = find_submissions(arguments.paths), {}
    if arguments.csv.exists():
        lines = [*csv.reader(io.StringIO(arguments.csv.read_text(encoding="utf-8")))]
        if lines[:1] != [header]:
            raise ValueError(f"{arguments.csv}: not the columns of this rubric; move it away")
        rows = {line[0]: line for line in lines[1:] if line}
    waiting = [name for name in submissions if name not in rows]
    log(f"{len(submissions)} submissions, {len(waiting)} of them without a row in {arguments.csv}")
    started, part = time.monotonic(), Path(f"{arguments.csv}.part")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        futures = {pool.submit(grader.grade, submissions[name]): name for name in waiting}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                name, results = futures[future], future.result()
                if arguments.feedback:
                    arguments.feedback.mkdir(parents=True, exist_ok=True)
                    text = table(results, "messages" if grader.rubric.show_private else "checks")
                    file = arguments.feedback / f"{name.replace(os.sep, '_')}.txt"
                    file.write_text(f"{name}\n\n{text}\n", encoding="utf-8")
                rules = [test for test in results["tests"] if test["number"] == "rule"]
                broken = [f"{rule['name']}: {rule['output']}" for rule in rules if rule["output"]]
                points = [f"{test['score']:g}" for test in results["tests"] if test["max_score"]]
                first = [name, f"{results['score']:g}", "; ".join(broken), results["output"]]
                rows[name] = [*first, *points]
                lines = [header, *sorted(rows.values())]
                with part.open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows(lines)
                part.replace(arguments.csv)  # in one step: a run that is stopped loses no row
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
    names = [path.name if path.name.isprintable() else ascii(path.name) for path in found]
    return {name if names.count(name) == 1 else str(path): path for name, path in zip(names, found)}
