"""Load and batch the data, run one epoch, plot the curves."""

import random

import matplotlib.pyplot as plt
import numpy as np


def load_csv(path):
    """Return the images of a CSV file, pixels in [0, 1], and their labels, as lists."""
    data, labels = [], []
    scaled = {str(value): value / 255 for value in range(256)}
    with open(path) as file:
        for line in file:
            label, *pixels = line.strip().split(",")
            data.append([scaled[pixel] for pixel in pixels])
            labels.append(int(label))
    return data, labels


def load_mnist_trainval():
    """Return the first 80 % to train on and the last 20 % to validate on."""
    data, labels = load_csv("./data/mnist_train.csv")
    split = len(data) * 4 // 5
    return data[:split], labels[:split], data[split:], labels[split:]


def load_mnist_test():
    """Return the test images and their labels."""
    return load_csv("./data/mnist_test.csv")


def generate_batched_data(data, label, batch_size=32, shuffle=False, seed=None):
    """Cut images and labels into batches, shuffled alike if asked for."""
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


def train(epoch, batched_train_data, batched_train_label, model, optimizer, debug=True):
    """Train for one epoch; return the mean loss and accuracy of its batches."""
    losses, accuracies = [], []
    for X, y in zip(batched_train_data, batched_train_label):
        loss, accuracy = model.forward(X, y, mode="train")
        optimizer.update(model)
        losses.append(loss)
        accuracies.append(accuracy)
    epoch_loss, epoch_acc = np.mean(losses), np.mean(accuracies)
    if debug:
        print(f"epoch {epoch}: training loss {epoch_loss:.4f}, accuracy {epoch_acc:.4f}")
    return epoch_loss, epoch_acc


def evaluate(batched_test_data, batched_test_label, model, debug=True):
    """Return the mean loss and accuracy of a model on batches."""
    results = [
        model.forward(X, y, mode="valid") for X, y in zip(batched_test_data, batched_test_label)
    ]
    epoch_loss, epoch_acc = np.mean(results, axis=0)
    if debug:
        print(f"          evaluation loss {epoch_loss:.4f}, accuracy {epoch_acc:.4f}")
    return epoch_loss, epoch_acc


def plot_curves(train_loss_history, train_acc_history, valid_loss_history, valid_acc_history):
    """Save both loss curves to loss.png and both accuracy curves to accuracy.png."""
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
