"""Run the experiments that have no result yet, and write the report: `python -m report`.

Where all results are there, as in a fresh clone, nothing is trained, and it takes seconds.
"""

import argparse
import functools
import json
import sys
from pathlib import Path

import utils
from report import experiments, figures


def build(folder: Path) -> None:
    """Write report.pdf, template.pdf and tuning.png into the folder of their sources."""
    import matplotlib  # after utils, which drops a notebook's backend that is missing here
    import typst

    results = experiments.read_results(folder / "results.jsonl")
    growth = results[experiments.as_text(experiments.GROWTH)]
    outcomes = experiments.outcomes(results)
    drawn = folder / ".build"  # ignored by git; a Typst editor finds all that it needs here
    drawn.mkdir(exist_ok=True)
    with matplotlib.rc_context(figures.STYLE):
        for name, figure in figures.draw_all(outcomes):
            (drawn / f"{name}.svg").write_bytes(figures.save(figure))
            if name == "tuning":
                utils.write_whole(folder / "tuning.png", figures.save(figure, "png"))
    summaries = {
        name: [setting | {"runs": None} for setting in settings]
        for name, settings in outcomes.items()
    }
    summary = json.dumps({"experiments": summaries, "growth": growth})
    (drawn / "summary.json").write_text(summary, encoding="utf-8")
    for name in ("report", "template"):
        # Only the fonts that come with typst, so that the PDF is the same everywhere.
        pdf = typst.compile(folder / f"{name}.typ", root=folder, ignore_system_fonts=True)
        utils.write_whole(folder / f"{name}.pdf", pdf)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    argparse.ArgumentParser("python -m report", description=__doc__).parse_args(arguments)
    try:
        results = experiments.FOLDER / "results.jsonl"
        log = functools.partial(print, flush=True)
        experiments.run_missing(results, experiments.all_runs(), log)
        build(experiments.FOLDER)
    except ModuleNotFoundError as error:
        if error.name != "typst":
            raise
        print("python -m report: needs typst: python -m pip install typst==0.15.2", file=sys.stderr)
        return 2
    except (OSError, ValueError, RuntimeError) as error:  # TypstError, for one, is a RuntimeError
        print(f"python -m report: {error}", file=sys.stderr)
        return 2
    print("wrote report.pdf, template.pdf and tuning.png into report/")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("python -m report: interrupted; what is done is kept", file=sys.stderr)
        sys.exit(130)
