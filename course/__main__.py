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
    grade = commands.add_parser("grade", help="grade a submission by course/rubric.yaml")
    grade.add_argument("path", metavar="SUBMISSION", type=Path, help="a zip or a folder")
    grade.add_argument("--json", metavar="FILE", type=Path, help="write Gradescope's results here")
    autograder = commands.add_parser("autograder", help="make the archive for Gradescope")
    autograder.add_argument("path", metavar="FILE.zip", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "skeleton":
            write_skeleton(arguments.path)
            print(f"{arguments.path}: start with README.md")
        elif arguments.command == "grade":
            print_grade(arguments.path, arguments.json)
        else:
            from course.grader import write_autograder

            write_autograder(arguments.path)
            print(f"{arguments.path}: upload it in Gradescope under Configure Autograder")
    except OSError as error:
        print(f"course: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"course: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def print_grade(submission: Path, json_file: Path | None) -> None:
    """Grade a submission and print a table; the check that is running is shown on the way."""
    from course.grader import grade, table  # needs Linux or macOS

    def log(line: str) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"{line:79}" if end == "\r" else line, end=end, file=sys.stderr)

    def save(results: dict) -> None:
        if json_file:
            part = json_file.with_name(f"{json_file.name}.part")
            part.write_text(json.dumps(results, indent=1))
            part.replace(json_file)

    submission.stat()  # or a FileNotFoundError
    if not (ROOT / "data" / "mnist_test.csv").exists():
        raise ValueError("data/mnist_test.csv is missing; make it with: sh data/get_data.sh")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(table(grade(submission, HERE / "rubric.yaml", ROOT / "data", save, log)))


if __name__ == "__main__":
    sys.exit(main())
