"""The ANNs and PCA beside the spiking networks."""

import numpy as np
import pytest

from lifarray.golden import ann


def test_gradients_equal_finite_differences():
    rng = np.random.default_rng(51)
    parameters = [p.astype(float) for p in ann.initial_parameters((5, 7, 4), rng)]
    for bias in parameters[1::2]:
        bias += rng.normal(0, 0.3, bias.shape)
    inputs, target = rng.random((6, 5)), rng.random((6, 4))
    gradients = ann.gradients(parameters, inputs, target)[1]
    for p, gradient in zip(parameters, gradients, strict=True):
        for index in np.ndindex(*p.shape):
            kept = p[index]
            p[index] = kept + 1e-6
            above = ann.gradients(parameters, inputs, target)[0]
            p[index] = kept - 1e-6
            below = ann.gradients(parameters, inputs, target)[0]
            p[index] = kept
            assert gradient[index] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("optimizer, rate", [("sgd", 0.05), ("adam", 0.01)])
def test_training_lowers_the_loss(optimizer, rate):
    rng = np.random.default_rng(52)
    images = rng.random((200, 3)) @ rng.random((3, 12))
    parameters = ann.initial_parameters((12, 6, 12), rng)
    rule = ann.OPTIMIZERS[optimizer](parameters, weight_decay=1e-5)
    losses = [np.mean(ann.train_epoch(parameters, lambda m: images[m], lambda m: images[m], 200, rule, [rate] * 20, 10, rng)) for _ in range(20)]
    assert losses[-1] < 0.1 * losses[0]


def test_sgd_by_hand():
    w = np.array([1.0, -2.0])
    ann.Sgd([w], weight_decay=0.1).step([np.array([3.0, 1.0])], 0.5)
    np.testing.assert_allclose(w, [1 - 0.5 * 3.1, -2 - 0.5 * 0.8])


def test_pca_is_exact_with_enough_components_and_best_with_few():
    rng = np.random.default_rng(53)
    images = rng.random((50, 3)) @ rng.random((3, 10)) + 0.5
    np.testing.assert_allclose(ann.Pca(images, 3).reconstruct(images), images, atol=1e-9)
    centred = images - images.mean(axis=0)
    lost = np.linalg.svd(centred, compute_uv=False)[1:] ** 2
    assert np.sum((ann.Pca(images, 1).reconstruct(images) - images) ** 2) == pytest.approx(lost.sum())


def test_levels():
    np.testing.assert_allclose(ann.quantize_levels(np.array([-1.0, 0.4, 0.6, 9.0]), 1, 1.0), [0, 0, 1, 1])
    np.testing.assert_allclose(ann.quantize_levels(np.array([0.0, 1.1, 3.0]), 2, 3.0), [0, 1, 3])
