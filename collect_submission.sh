#!/bin/sh
# Make assignment_1_submission.zip for Gradescope, and list what is in it.
CDPATH= cd -- "$(dirname -- "$0")" || exit
python=$(command -v python3 || command -v python)
rm -rf configs/__pycache__ models/__pycache__ optimizer/__pycache__
"$python" -m zipfile -c assignment_1_submission.zip main.py utils.py configs models optimizer &&
    "$python" -m zipfile -l assignment_1_submission.zip
