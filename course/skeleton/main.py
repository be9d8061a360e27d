"""Train the network that a config file describes, and report its accuracy on the test set.

    python main.py --config configs/config_softmax.yaml

This file is complete. Read it to see where the functions that you write are called.
"""

import argparse
import copy
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine, threads wait for each other

import yaml

import utils
from models import SoftmaxRegression, TwoLayerNet
from optimizer import SGD


def main():
    """Train, validate after every epoch, keep the best model, and test it."""
    parser = argparse.ArgumentParser(description="Train a network on MNIST.")
    parser.add_argument("--config", default="configs/config_exp.yaml")
    with open(parser.parse_args().config) as file:
        config = yaml.safe_load(file)
    settings, model_settings = config["Train"], config["Model"]
    batch_size, debug = settings["batch_size"], settings["debug"]
    train_data, train_label, val_data, val_label = utils.load_mnist_trainval()
    test_data, test_label = utils.load_mnist_test()
    val_batches = utils.generate_batched_data(val_data, val_label, batch_size)
    test_batches = utils.generate_batched_data(test_data, test_label, batch_size)

    model = SoftmaxRegression()
    if model_settings["type"] == "TwoLayerNet":
        model = TwoLayerNet(hidden_size=model_settings["hidden_size"])
    optimizer = SGD(float(settings["learning_rate"]), float(settings["reg"]))
    train_losses, train_accuracies, val_losses, val_accuracies = [], [], [], []
    best_accuracy, best_model = -1.0, None
    for epoch in range(1, settings["epochs"] + 1):
        # A new order in each epoch, the same in every run.
        train_batches = utils.generate_batched_data(
            train_data, train_label, batch_size, shuffle=True, seed=100 + epoch
        )
        loss, accuracy = utils.train(epoch, *train_batches, model, optimizer, debug)
        train_losses.append(loss)
        train_accuracies.append(accuracy)
        loss, accuracy = utils.evaluate(*val_batches, model, debug)
        val_losses.append(loss)
        val_accuracies.append(accuracy)
        if accuracy > best_accuracy:
            best_accuracy, best_model = accuracy, copy.deepcopy(model)

    _, test_accuracy = utils.evaluate(*test_batches, best_model, debug=False)
    print(f"Best validation accuracy: {best_accuracy:.4f}")
    print(f"Test accuracy: {test_accuracy:.4f}")
    utils.plot_curves(train_losses, train_accuracies, val_losses, val_accuracies)


if __name__ == "__main__":
    main()
