#!/bin/sh
# Makes mnist_train.csv and mnist_test.csv in this folder with the Python that is active.
for python in python3 python; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        exec "$python" "$(dirname -- "$0")/get_data.py" "$@"
    fi
done
echo "get_data.sh: found no Python 3.10 or newer as python3 or python" >&2
exit 2
