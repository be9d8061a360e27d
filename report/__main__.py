"""Do the experiments that are not yet done, and write the tables, the figures and the report.

    python -m report            everything, into report/: about an hour on two cores
    python -m report --quick    a small version, into report/quick/: up to two minutes

Where all results are there, as in a fresh clone, nothing is trained, and it takes seconds.
"""

import os
import signal
import sys


def stop_at_once(*_) -> None:
    """Answer Ctrl-C while modules load: an exception could end as an error of NumPy's import."""
    os.write(2, b"report: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    usual_handler = signal.getsignal(signal.SIGINT)
    if usual_handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop_at_once)
    # The figures are files; a backend that a notebook asks for may not even exist here.
    os.environ["MPLBACKEND"] = "agg"

import logging
from concurrent.futures import BrokenExecutor
from pathlib import Path

from main import Parser
from report import plan, results, running, slides

FULL, QUICK = Path("report"), Path("report/quick")


def print_line(line: str) -> None:
    """Print a line at once, also where standard output is a file or a pipe."""
    try:
        print(line, flush=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def print_error(message: object) -> None:
    """Print a message, or what an error says, as one line on standard error."""
    if isinstance(message, OSError) and message.filename is not None:
        message = f"{message.filename}: {message.strerror}"
    print(f"report: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


def build(quick: bool) -> None:
    """Run what is missing, then write what the results say."""
    folder = QUICK if quick else FULL
    kept = folder / "results"
    experiments = plan.everything(quick)
    running.run_missing(plan.all_runs(experiments), kept, print_line)
    # The search decides what is tested.
    best = results.chosen(results.outcomes(plan.searched(experiments), kept))
    running.run_missing(best.runs(), kept, print_line)
    for path in slides.write(folder, quick):
        print_line(f"wrote {path}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, 2 if it could not do its work, or 130 after Ctrl-C."""
    parser = Parser(
        prog="python -m report",
        description="Do the experiments of the report that are not yet done, and write its tables, "
        "figures and PDF. Without the MNIST files in ./data it can only write.",
        allow_abbrev=False,
    )
    parser.add_argument("--quick", action="store_true", help="a small version, into report/quick/")
    quick = parser.parse_args(arguments).quick
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # no advice about its cache
    try:
        build(quick)
        return 0
    except KeyboardInterrupt:
        print_error("interrupted; what is done is kept, run it again to go on")
        return 130
    except BrokenExecutor:
        print_error(
            "a process was killed, perhaps for want of memory; what is done is kept, run it again "
            "to go on"
        )
    except MemoryError:
        print_error("not enough memory")
    except (OSError, ValueError, LookupError) as error:
        if isinstance(error, OSError) and error.filename == "standard output":
            # What is still buffered goes nowhere, or Python would try it again when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print_error(error)
    return 2


if __name__ == "__main__":
    signal.signal(signal.SIGINT, usual_handler)
    sys.exit(main())
