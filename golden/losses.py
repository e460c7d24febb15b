"""Losses on the spike counts of a network's last layer, with their gradients: what backpropagation through time descends.

The arrays are NumPy's, or PyTorch's or CuPy's: whatever the counts are.
"""

import sys

import numpy as np

LOWEST_DEVIATION = 1e-3
"""A silent image has no direction to improve in; this keeps its gradient finite."""


def namespace(array):
    """The library that an array is of: numpy, torch or cupy."""
    return sys.modules[type(array).__module__.partition(".")[0]]


def normalise(images):
    """Zero mean and unit variance over the last axis (section 3.1); a constant image becomes 0."""
    images = np.asarray(images)
    if not np.issubdtype(images.dtype, np.floating):
        images = images.astype(np.float64)
    centred = images - images.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True))
    return centred / np.where(deviation > 0, deviation, 1)


def image_loss(counts, target):
    """Mean square error of normalised images, and its gradient.

    counts: [n_samples, n] spike counts; target: [n_samples, n] normalised images.
    Returns (loss of each sample [n_samples], d(sum of losses)/d(counts) [n_samples, n]).
    """
    z, sigma = _normalised(counts)
    d_z = z - target
    loss = _mean_product(d_z, d_z)
    d_z *= 2 / z.shape[-1]
    return loss, _through_normalisation(d_z, z, sigma)


def class_image_loss(counts, labels, images, class_weight, sharpness=10.0, smoothing=0.1):
    """`image_loss` for one image a class, and ``class_weight`` times the cross-entropy of the nearest.

    An image that lies between two classes costs little as MSE, and is named wrongly as often as not. The
    softmax runs over ``sharpness`` times the correlation with each class image.

    counts: [n_samples, n] spike counts; labels: int [n_samples]; images: [n_classes, n] normalised.
    Returns (loss of each sample [n_samples], d(sum of losses)/d(counts) [n_samples, n]).
    """
    z, sigma = _normalised(counts)
    n = z.shape[-1]
    d_z = z - images[labels]
    loss = _mean_product(d_z, d_z)
    d_z *= 2 / n
    missed, d_score = cross_entropy(z @ images.T * (sharpness / n), labels, smoothing)
    loss += class_weight * missed
    d_z += d_score @ images * (class_weight * sharpness / n)
    return loss, _through_normalisation(d_z, z, sigma)


def class_loss(counts, labels, sharpness=10.0):
    """Cross-entropy of the classes, each an output neuron, and its gradient.

    The softmax runs over the shares of all output spikes, times ``sharpness``.

    counts: [n_samples, n_classes] spike counts; labels: int [n_samples].
    Returns (loss of each sample [n_samples], d(sum of losses)/d(counts) [n_samples, n_classes]).
    """
    scale = counts.dtype.type(sharpness)
    # One spike more than there are: a silent output has shares too.
    total = counts.sum(axis=-1, keepdims=True) + 1
    share = counts / total
    loss, d_share = cross_entropy(scale * share, labels)
    d_share *= scale
    d_counts = (d_share - (d_share * share).sum(axis=-1, keepdims=True)) / total
    return loss, d_counts


def cross_entropy(scores, labels, smoothing=0.0):
    """(Cross-entropy of a softmax [n_samples], its gradient [n_samples, n_classes]) of scores of that shape.

    ``smoothing`` is the share that goes to all classes alike, in place of the label: nothing is ever quite certain.
    """
    probability = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probability /= probability.sum(axis=-1, keepdims=True)
    rows = np.arange(len(labels))
    wanted = np.full_like(probability, smoothing / probability.shape[-1])
    wanted[rows, labels] += 1 - smoothing
    loss = -(wanted * np.log(probability + scores.dtype.type(1e-12))).sum(axis=-1)
    probability -= wanted
    return loss, probability


def _mean_product(a, b):
    return namespace(a).einsum("ij,ij->i", a, b) / a.shape[-1]


def _normalised(counts):
    """(counts with zero mean and, nearly, unit variance, their deviation [n_samples, 1])."""
    z = counts - counts.mean(axis=-1, keepdims=True)
    sigma = (_mean_product(z, z) ** 0.5)[:, None]
    z /= sigma + LOWEST_DEVIATION
    return z, sigma


def _through_normalisation(d_z, z, sigma):
    """d(loss)/d(counts) from that of what `_normalised` made of them; both arrays are used up."""
    along = _mean_product(d_z, z)[:, None] / namespace(z).clip(sigma, LOWEST_DEVIATION, None)
    d_z -= d_z.mean(axis=-1, keepdims=True)
    d_z /= sigma + LOWEST_DEVIATION
    z *= along
    d_z -= z
    return d_z
