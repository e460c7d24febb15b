"""The networks that the paper compares with: two fully connected layers without spikes, and PCA.

ReLU in the hidden layer, a linear output, the loss of equation 8 (half the squared error, summed
over the outputs, mean over the batch). The paper names neither activation nor loss.
"""

import numpy as np

from .vmem_bptt import Adam


class Sgd:
    """Plain gradient descent over a list of arrays, updated in place, with weight decay."""

    def __init__(self, params, weight_decay=0.0):
        self.params = params
        self.weight_decay = weight_decay

    def step(self, gradients, learning_rate):
        for p, g in zip(self.params, gradients, strict=True):
            p -= learning_rate * (g + self.weight_decay * p)


OPTIMIZERS = {"sgd": Sgd, "adam": Adam}


def initial_parameters(sizes, rng: np.random.Generator):
    """[W1, b1, W2, b2]: uniform in ±sqrt(6 / fan_in) before the ReLU, ±sqrt(3 / fan_in) after it; no bias."""
    n_in, hidden, n_out = sizes
    first, second = np.sqrt(6 / n_in), np.sqrt(3 / hidden)
    return [
        rng.uniform(-first, first, (n_in, hidden)).astype(np.float32),
        np.zeros(hidden, np.float32),
        rng.uniform(-second, second, (hidden, n_out)).astype(np.float32),
        np.zeros(n_out, np.float32),
    ]


def forward(parameters, inputs):
    """(hidden [n_samples, hidden], output [n_samples, n_out])."""
    w1, b1, w2, b2 = parameters
    hidden = np.maximum(inputs @ w1 + b1, 0)
    return hidden, hidden @ w2 + b2


def gradients(parameters, inputs, target):
    """(loss, its gradient for each of the parameters)."""
    w2 = parameters[2]
    hidden, output = forward(parameters, inputs)
    error = output - target
    d_output = error / len(inputs)
    d_hidden = (d_output @ w2.T) * (hidden > 0)
    loss = 0.5 * float(np.sum(error * error)) / len(inputs)
    return loss, [inputs.T @ d_hidden, d_hidden.sum(axis=0), hidden.T @ d_output, d_output.sum(axis=0)]


def train_epoch(parameters, inputs_of, target_of, n, optimizer, rates, batch, rng):
    """One epoch; returns the loss of each batch.

    Parameters
    ----------
    inputs_of, target_of : function (indices) -> array [len(indices), n]
    n : int
        Number of samples.
    rates : sequence of float
        Learning rate of each batch.
    """
    order = rng.permutation(n)
    losses = []
    for b in range(n // batch):
        members = order[b * batch : (b + 1) * batch]
        loss, found = gradients(parameters, inputs_of(members), target_of(members))
        optimizer.step(found, rates[b])
        losses.append(loss)
    return losses


class Pca:
    """Principal components of images: the best linear autoencoder there is."""

    def __init__(self, images, n_components: int):
        """images: [n_samples, n]."""
        images = np.asarray(images, np.float64)
        self.mean = images.mean(axis=0)
        centred = images - self.mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        self.components = vectors[:, ::-1][:, :n_components]

    def reconstruct(self, images):
        """[n_samples, n], through ``n_components`` numbers an image."""
        return (images - self.mean) @ self.components @ self.components.T + self.mean


def quantize_levels(values, bits: int, highest: float):
    """``values`` rounded to 2^bits levels between 0 and ``highest`` (the paper's quantised hidden state)."""
    steps = 2**bits - 1
    return np.rint(np.clip(values / highest, 0, 1) * steps) * (highest / steps)
