"""The command line: python -m course skeleton, grade or autograder."""

import argparse
import signal
import sys
from pathlib import Path

from course import HERE, log, write_skeleton
from tests import ROOT


def main() -> int:
    """Run a command; return the exit status, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m course")
    commands = parser.add_subparsers(dest="command", required=True)
    skeleton = commands.add_parser("skeleton", help="write the students' skeleton")
    skeleton.add_argument("path", metavar="DIR", type=Path, help="a folder that does not exist")
    grade = commands.add_parser("grade", help="grade by course/rubric.yaml")
    grade.add_argument("paths", metavar="SUBMISSION", type=Path, nargs="+", help="zips or folders")
    kinds = grade.add_mutually_exclusive_group()
    kinds.add_argument("--json", metavar="FILE", type=Path, help="write Gradescope's results here")
    kinds.add_argument("--csv", metavar="FILE", type=Path, help="grade all, or a folder of them")
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
        elif not (ROOT / "data/mnist_test.csv").exists():
            raise ValueError("data/mnist_test.csv is missing; make it with: sh data/get_data.sh")
        elif arguments.command == "grade":
            from course.roster import grade_all  # needs Linux or macOS

            grade_all(arguments, ROOT / "data")
        else:
            from course.grader import check_points, write_autograder

            check_points(HERE / "rubric.yaml", ROOT / "data")
            write_autograder(arguments.path)
            print(f"{arguments.path}: upload it in Gradescope under Configure Autograder")
    except (OSError, ValueError) as error:
        is_file = isinstance(error, OSError)
        log(f"{error.filename or ''}: {error.strerror}" if is_file else str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
