"""The experiments and the write-up: `python -m report` in the project's folder.

plan.py declares what is run, running.py runs what is missing, results.py reads what came of it.
theory.py answers the theory questions, figures.py draws, slides.py says what stands on which slide,
layout.py sets it. Nothing here is needed to train a network: everything goes through `main.run`.
"""
