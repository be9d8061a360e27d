"""The command line: python -m course skeleton, grade or autograder."""

import argparse
import json
import signal
import sys
from pathlib import Path

from course import HERE, write_skeleton
from tests import ROOT


def main() -> int:
    """Run a command; return the exit status, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m course")
    commands = parser.add_subparsers(dest="command", required=True)
    skeleton = commands.add_parser("skeleton", help="write the students' skeleton")
    skeleton.add_argument("path", metavar="DIR", type=Path, help="a folder that does not exist")
    grade = commands.add_parser("grade", help="grade by course/rubric.yaml")
    one = "a zip or a folder; with --csv also a folder of them"
    grade.add_argument("paths", metavar="SUBMISSION", type=Path, nargs="+", help=one)
    kinds = grade.add_mutually_exclusive_group()
    kinds.add_argument("--json", metavar="FILE", type=Path, help="write Gradescope's results here")
    kinds.add_argument("--csv", metavar="FILE", type=Path, help="grade a class: a row for each")
    grade.add_argument("--feedback", metavar="DIR", type=Path, help="a text for each, with --csv")
    grade.add_argument("--jobs", metavar="N", type=int, default=1, help="grade N at a time")
    autograder = commands.add_parser("autograder", help="make the archive for Gradescope")
    autograder.add_argument("path", metavar="FILE.zip", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to clean up, too
    try:
        if arguments.command == "skeleton":
            write_skeleton(arguments.path)
            print(f"{arguments.path}: start with README.md")
        elif arguments.command == "grade":
            run_grade(arguments, mnist())
        else:
            from course.grader import check_points, write_autograder

            arguments.path.parent.stat()  # or a FileNotFoundError
            check_points(HERE / "rubric.yaml", mnist())
            write_autograder(arguments.path)
            print(f"{arguments.path}: upload it in Gradescope under Configure Autograder")
    except (OSError, ValueError) as error:
        is_file = isinstance(error, OSError)
        log(f"{error.filename or ''}: {error.strerror}" if is_file else str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def log(line: str) -> None:
    print(f"course: {line}", file=sys.stderr)


def mnist() -> Path:
    """Return the folder of MNIST's files, or raise a ValueError that says how to make them."""
    if not (ROOT / "data/mnist_test.csv").exists():
        raise ValueError("data/mnist_test.csv is missing; make it with: sh data/get_data.sh")
    return ROOT / "data"


def run_grade(arguments: argparse.Namespace, data: Path) -> None:
    """Grade one submission and print a table, or a class."""
    from course import processes  # needs Linux or macOS
    from course.grader import Grader, table
    from course.roster import grade_class, write
    from course.rubric import read_rubric

    if arguments.csv is None and (len(arguments.paths) > 1 or arguments.feedback):
        raise ValueError("for feedback, or several submissions, name a file for the grades: --csv")
    results = [file.parent for file in (arguments.json, arguments.csv) if file]
    for path in (*arguments.paths, *results):
        path.stat()  # or a FileNotFoundError
    rubric = read_rubric(HERE / "rubric.yaml")
    with processes.workplace(data) as place:
        grader = Grader(rubric, place)
        log(grader.try_out())
        if arguments.csv:
            options = arguments.csv, arguments.feedback, arguments.jobs
            grade_class(grader, arguments.paths, *options, log)
        else:
            results = grader.grade(arguments.paths[0])
            if arguments.json:
                write(arguments.json, json.dumps(results, indent=1))
            print(table(results))


if __name__ == "__main__":
    sys.exit(main())
