"""Do the experiments that are not yet done, and write the tables, the figures and the report.

    python -m report            everything, into report/: up to an hour on two cores
    python -m report --quick    a small version, into report/quick/: up to two minutes

Where all results are there, as in a fresh clone, nothing is trained, and it takes seconds.
"""

import argparse
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

from report import plan, results, running, slides

FULL, QUICK = Path("report"), Path("report/quick")


def print_line(line: str) -> None:
    """Print a line at once, also where standard output is a file or a pipe."""
    print(line, flush=True)


def build(quick: bool) -> None:
    """Run what is missing, then write what the results say."""
    folder = QUICK if quick else FULL
    kept = folder / "results"
    settings = plan.everything(quick)
    running.run_missing(plan.all_runs(settings), kept, print_line)
    # The search decides what is tested.
    best = results.chosen(results.outcomes(plan.searched(settings), kept))
    running.run_missing(best.runs(), kept, print_line)
    for path in slides.write(folder, quick):
        print_line(f"wrote {path}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, 2 after a mistake of the user's, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m report",
        description="Do the experiments of the report that are not yet done, and write its tables, "
        "figures and PDF. Without the MNIST files in ./data it can only write.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small version in two minutes, into report/quick/"
    )
    quick = parser.parse_args(arguments).quick
    try:
        build(quick)
    except KeyboardInterrupt:
        print("report: interrupted; what is done is kept, run it again to go on", file=sys.stderr)
        return 130
    except BrokenExecutor:
        print(
            "report: a process was killed, perhaps for want of memory; what is done is kept, run "
            "it again to go on",
            file=sys.stderr,
        )
        return 2
    except (OSError, ValueError, LookupError) as error:
        print(f"report: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
