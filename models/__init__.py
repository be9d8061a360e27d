"""The two networks: softmax regression and a network with one hidden layer."""

from .softmax_regression import SoftmaxRegression
from .two_layer_nn import TwoLayerNet

__all__ = ["SoftmaxRegression", "TwoLayerNet"]
