"""The optimizer: plain stochastic gradient descent with L2 regularization."""

from .sgd import SGD

__all__ = ["SGD"]
