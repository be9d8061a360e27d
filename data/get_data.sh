#!/bin/sh
# Make mnist_train.csv and mnist_test.csv in this folder with the active Python.
CDPATH= cd -- "$(dirname -- "$0")" && exec "$(command -v python3 || command -v python)" get_data.py
