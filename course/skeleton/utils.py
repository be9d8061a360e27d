"""Load and batch the data, run one epoch, plot the curves."""

import random

import matplotlib.pyplot as plt
import numpy as np


def load_csv(path):
    """Load the images and labels of one CSV file. Given.

    Each line holds a label, 0 to 9, then the 784 pixels of an image, 0 to 255. Return two lists:
    images, each a list of 784 floats in [0, 1] (pixel / 255), and labels, ints.
    """
    data, labels = [], []
    scaled = {str(value): value / 255 for value in range(256)}
    with open(path) as file:
        for line in file:
            label, *pixels = line.strip().split(",")
            data.append([scaled[pixel] for pixel in pixels])
            labels.append(int(label))
    return data, labels


def load_mnist_trainval():
    """Load the training file and split it into training and validation data (handout 1.1 a).

    Return train_data, train_label, val_data, val_label, lists like those from `load_csv`. The first
    80 % of ./data/mnist_train.csv are for training, the last 20 % for validation, in the order of
    the file. With MNIST, these are 48,000 and 12,000 images.

    Hint: `load_csv` reads the images. You need only one number: where to cut. Compute it from the
    number of images: a small file must be split at 80 %, too.
    """
    # BEGIN SOLUTION
    data, labels = load_csv("./data/mnist_train.csv")
    split = len(data) * 4 // 5
    return data[:split], labels[:split], data[split:], labels[split:]
    # END SOLUTION


def load_mnist_test():
    """Load ./data/mnist_test.csv as `load_csv` does. Given."""
    return load_csv("./data/mnist_test.csv")


def generate_batched_data(data, label, batch_size=32, shuffle=False, seed=None):
    """Cut images and labels into batches, in order or shuffled (handout 1.1 b).

    Return two lists of NumPy arrays: the images of each batch, (batch_size, 784), and their labels,
    (batch_size,), which stay integers. If the number of images, N, is not a multiple of batch_size,
    the last batch is smaller. Do not change the caller's lists: `main.py` uses them again in the
    next epoch.

    With `shuffle`, put images and labels into a random order first, the same for both: the order
    that `random.shuffle` gives a list of length N. If `seed` is not None, call `random.seed(seed)`
    before you shuffle, so that the order can be repeated. Otherwise, do not call it at all.

    Hint: if you shuffle two lists one after the other, they get different orders. What could you
    shuffle once that stands for both an image and its label? `range(0, N, batch_size)` gives the
    start of each batch, and a slice may reach past the end of a list.
    """
    # BEGIN SOLUTION
    order = list(range(len(data)))
    if seed is not None:
        random.seed(seed)
    if shuffle:
        random.shuffle(order)
    batched_data, batched_label = [], []
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batched_data.append(np.array([data[row] for row in rows]))
        batched_label.append(np.array([label[row] for row in rows]))
    return batched_data, batched_label
    # END SOLUTION


def train(epoch, batched_train_data, batched_train_label, model, optimizer, debug=True):
    """Train a model for one epoch: a forward pass and an update per batch. Given.

    Return loss and accuracy, averaged over the images.
    """
    results = []
    for X, y in zip(batched_train_data, batched_train_label):
        results.append(model.forward(X, y, mode="train"))
        optimizer.update(model)
    sizes = [len(y) for y in batched_train_label]
    epoch_loss, epoch_acc = np.average(results, axis=0, weights=sizes)
    if debug:
        print(f"Epoch {epoch:2}: training   loss {epoch_loss:.4f}, accuracy {epoch_acc:.4f}")
    return epoch_loss, epoch_acc


def evaluate(batched_test_data, batched_test_label, model, debug=True):
    """Measure loss and accuracy of a model, averaged over the images. Given."""
    results = [
        model.forward(X, y, mode="valid") for X, y in zip(batched_test_data, batched_test_label)
    ]
    sizes = [len(y) for y in batched_test_label]
    epoch_loss, epoch_acc = np.average(results, axis=0, weights=sizes)
    if debug:
        print(f"          evaluation loss {epoch_loss:.4f}, accuracy {epoch_acc:.4f}")
    return epoch_loss, epoch_acc


def plot_curves(train_loss_history, train_acc_history, valid_loss_history, valid_acc_history):
    """Draw the learning curves (handout 4 a).

    Save two figures in the working directory, one with both loss curves and one with both accuracy
    curves. Each history is a list of floats, one per epoch.

    Hint: what does a reader who has not seen the code need? Which curve is which, and what the axes
    show. Look at the second figure, too: `plt` draws into the current figure until you start a new
    one.
    """
    # BEGIN SOLUTION
    for name, training, validation in (
        ("loss", train_loss_history, valid_loss_history),
        ("accuracy", train_acc_history, valid_acc_history),
    ):
        plt.figure()
        plt.plot(training, label="training")
        plt.plot(validation, label="validation")
        plt.xlabel("epoch")
        plt.ylabel(name)
        plt.legend()
        plt.savefig(f"{name}.png")
        plt.close()
    # END SOLUTION
