"""Run the experiments that have no result yet, and write the report: `python -m report`.

If all results are there, as in a fresh clone, nothing is trained, and it takes seconds.
"""

import argparse
import json
import sys
from pathlib import Path

import utils
from report import experiments, figures


def build(folder: Path) -> None:
    """Write report.pdf, template.pdf and tuning.png into the folder of their sources."""
    import matplotlib  # after utils, which drops a notebook's backend that is missing here
    import typst

    outcomes = experiments.outcomes(experiments.read_results(folder / "results.jsonl"))
    drawn = folder / ".build"  # ignored by git; a Typst editor finds all that it needs here
    drawn.mkdir(exist_ok=True)
    with matplotlib.rc_context(figures.STYLE):
        for name, figure in figures.draw_all(outcomes):
            figure.savefig(drawn / f"{name}.svg")
            if name == "tuning":  # for the README
                figure.savefig(drawn / "tuning.png", metadata={"Software": None})
                (drawn / "tuning.png").replace(folder / "tuning.png")
    (drawn / "outcomes.json").write_text(json.dumps(outcomes), encoding="utf-8")
    for name in ("report", "template"):
        # Only the fonts that come with typst, so that the PDF is the same everywhere.
        pdf = typst.compile(folder / f"{name}.typ", root=folder, ignore_system_fonts=True)
        utils.write_whole(folder / f"{name}.pdf", pdf)


def main() -> int:
    """Run the command line and return its exit status."""
    argparse.ArgumentParser("python -m report", description=__doc__).parse_args()
    try:
        experiments.run_missing(experiments.FOLDER / "results.jsonl", experiments.all_runs())
        build(experiments.FOLDER)
    except (ImportError, OSError, ValueError, RuntimeError) as error:  # typst's is a RuntimeError
        print(f"python -m report: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("python -m report: interrupted; finished runs are kept", file=sys.stderr)
        return 130
    print("wrote report.pdf, template.pdf and tuning.png into report/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
