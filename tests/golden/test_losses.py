"""Losses: gradients against finite differences, and what they are for."""

import numpy as np
import pytest

from lifarray.golden import losses
from lifarray.golden.train_speech import nearest_of_digit


def assert_gradient(loss, counts):
    """``loss`` (counts) -> (losses, gradient): the gradient is that of their sum."""
    gradient = loss(counts)[1]
    for index in np.ndindex(*counts.shape):
        above, below = counts.copy(), counts.copy()
        above[index] += 1e-6
        below[index] -= 1e-6
        slope = (loss(above)[0].sum() - loss(below)[0].sum()) / 2e-6
        assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def class_images():
    return losses.normalise(np.random.default_rng(3).random((3, 12)))


def test_class_loss_equals_finite_differences():
    counts, labels = np.random.default_rng(17).uniform(0, 5, (4, 6)), np.array([0, 5, 2, 2])
    assert_gradient(lambda c: losses.class_loss(c, labels), counts)


def test_image_loss_equals_finite_differences():
    counts = np.random.default_rng(1).uniform(0, 5, (3, 12))
    assert_gradient(lambda c: losses.image_loss(c, class_images()), counts)


@pytest.mark.parametrize("class_weight", [0.3, 2.0])
def test_class_image_loss_equals_finite_differences(class_weight):
    counts, labels = np.random.default_rng(2).uniform(0, 5, (4, 12)), np.array([0, 2, 1, 2])
    assert_gradient(lambda c: losses.class_image_loss(c, labels, class_images(), class_weight), counts)


def test_smoothed_cross_entropy_is_lowest_at_its_shares():
    labels = np.array([1, 0, 2])
    wanted = np.full((3, 3), 0.1)
    wanted[np.arange(3), labels] = 0.8
    loss, gradient = losses.cross_entropy(np.log(wanted), labels, smoothing=0.3)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    np.testing.assert_allclose(loss, -(0.8 * np.log(0.8) + 0.2 * np.log(0.1)))
    assert_gradient(lambda c: losses.cross_entropy(c, labels, smoothing=0.3), np.random.default_rng(6).normal(size=(3, 3)))


def test_class_image_loss_adds_the_smoothed_cross_entropy():
    counts, labels = losses.normalise(np.random.default_rng(7).random((4, 12))) * 1e6, np.array([0, 2, 1, 2])
    found = losses.class_image_loss(counts, labels, class_images(), 2.0, sharpness=5.0, smoothing=0.2)[0]
    scores = 5.0 * counts / 1e6 @ class_images().T / 12
    expected = losses.image_loss(counts, class_images()[labels])[0] + 2.0 * losses.cross_entropy(scores, labels, 0.2)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_class_image_loss_of_weight_0_is_image_loss():
    counts, labels = np.random.default_rng(4).uniform(0, 5, (4, 12)), np.array([0, 2, 1, 2])
    for found, expected in zip(
        losses.class_image_loss(counts, labels, class_images(), 0.0), losses.image_loss(counts, class_images()[labels]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_class_image_loss_dislikes_what_looks_like_another_class():
    """Of two images as far from the label's, the one nearer to another class costs more."""
    label, other, neither = np.linalg.qr(np.random.default_rng(5).normal(size=(12, 3)))[0].T
    label, other, neither = (losses.normalise(v) for v in (label, other, neither))
    images = np.stack([label, other])
    made = losses.normalise(np.stack([label + other, label + neither]))
    # As far from the label's image.
    made += (np.mean(made @ label) - made @ label)[:, None] / 12 * label
    cost = losses.class_image_loss(made, np.array([0, 0]), images, 1.0)[0]
    assert cost[0] > cost[1] + 0.1


def test_nearest_of_digit_stays_with_the_digit():
    images, labels = class_images(), np.array([0, 0, 1])
    counts = np.stack([images[1], images[1], images[2], images[2]]) * 3 + 5
    found = nearest_of_digit(counts, [0, 1, 1, 0], images, labels).tolist()
    assert found[:3] == [1, 2, 2] and found[3] in (0, 1)
