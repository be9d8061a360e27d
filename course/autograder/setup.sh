#!/bin/sh
# Gradescope runs this once, in the folder of the unpacked archive: install packages, make the data.
set -e
cd -- "$(dirname -- "$0")"
export PIP_BREAK_SYSTEM_PACKAGES=1 # nothing else lives in the container
python3 -m pip --version || { apt-get update && apt-get install -y python3-pip; }
python3 -m pip install "numpy>=1.26" "pyyaml>=6.0" "matplotlib>=3.10.7"
sh data/get_data.sh
