"""Print how long an epoch takes.

    python -m tests.benchmark

takes half a minute and needs MNIST in ./data. An epoch is one of `main.run`:
shuffle, batch, train, validate. It is compared with its matrix products with W1 alone, which are
nearly all of the arithmetic. The two are timed in turn, so that a slow moment of the machine
affects both. Seconds and ratios are medians over the epochs.
"""

import time
from statistics import median

import numpy as np

import main


def print_row(config: main.Config, data: main.Data) -> None:
    """Print the seconds of an epoch, and its ratio to its matrix products."""
    W1 = main.build_model(config).weights["W1"]  # (784, H)
    D = np.ones((config.batch_size, W1.shape[1]), W1.dtype)
    train, valid = (np.divide(images, 255, dtype=W1.dtype) for images, _ in data[:2])
    epochs, ratios, started = [], [], time.perf_counter()

    def after_epoch(model) -> None:
        nonlocal started
        epochs.append(time.perf_counter() - started)
        started = time.perf_counter()
        for start in range(0, len(train), config.batch_size):
            X = train[start : start + config.batch_size]
            X @ W1
            X.T @ D[: len(X)]
        for start in range(0, len(valid), 500):
            valid[start : start + 500] @ W1
        ratios.append(epochs[-1] / (time.perf_counter() - started))
        started = time.perf_counter()

    main.run(config, data, after_epoch=after_epoch)
    name = f"{config.type}, {config.dtype}"
    # The first epoch warms up.
    print(f"{name:36}{median(epochs[1:]):8.3f}{median(ratios[1:]):8.2f}", flush=True)


if __name__ == "__main__":
    data = main.load_data()
    print(f"{'an epoch':36}{'seconds':>8}{'ratio':>8}")
    for model in ("TwoLayerNet", "SoftmaxRegression"):
        for dtype in ("float64", "float32"):
            print_row(main.Config(model, 64, 0.1, 0.001, epochs=6, dtype=dtype), data)
