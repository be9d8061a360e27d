"""The command line: `python -m tests.grading skeleton DIR`."""

import argparse
import sys
from pathlib import Path

from tests.grading import write_skeleton


def main() -> int:
    """Run a command; return the exit status, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m tests.grading", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    skeleton = commands.add_parser("skeleton", help="write the students' skeleton")
    skeleton.add_argument("folder", metavar="DIR", type=Path, help="a folder that does not exist")
    arguments = parser.parse_args()
    try:
        write_skeleton(arguments.folder)
    except OSError as error:
        print(f"tests.grading: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{arguments.folder}: start with README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
