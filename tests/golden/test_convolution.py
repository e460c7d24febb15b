"""Layers whose weights are those of a convolution."""

import numpy as np
import pytest

from lifarray.golden import recipes, stage, train_speech
from lifarray.golden.convolution import Convolution, Kernel

KERNEL = Kernel(channels=3, frames=2, channel_stride=2, frame_stride=1, filters=4)


def loops(image, filters):
    """The convolution, written out: image [7, 5], filters [6, 4] to [3 * 4 * 4]."""
    return np.array([
        sum(image[2 * c + i, f + j] * filters[2 * i + j, k] for i in range(3) for j in range(2))
        for c in range(3) for f in range(4) for k in range(4)
    ])  # fmt: skip


def test_it_is_the_convolution():
    rng = np.random.default_rng(1)
    layer = Convolution(7, 5, KERNEL)
    image, filters = rng.normal(size=(7, 5)), rng.normal(size=(6, 4))
    assert layer.n_neurons == 3 * 4 * 4 and layer.inputs.shape == (12, 6)
    np.testing.assert_allclose(image.reshape(-1) @ layer.layer(filters), loops(image, filters))


def test_a_shared_gradient_is_that_of_the_filters():
    rng = np.random.default_rng(2)
    layer = Convolution(7, 5, KERNEL)
    gradient, filters, step = rng.normal(size=(35, 48)), rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    shared = layer.share(gradient)
    # How much a loss with that gradient changes where only the filters can.
    change = (gradient * (layer.layer(filters + step) - layer.layer(filters))).sum()
    # The filters' own gradient stands in the first patch.
    own = shared.reshape(35, 12, 4)[layer.inputs[0], 0]
    assert change == pytest.approx((own * step).sum())
    np.testing.assert_array_equal(shared, layer.layer(own))


def test_a_shared_bias_is_one_of_each_filter():
    rng = np.random.default_rng(5)
    layer = Convolution(7, 5, KERNEL)
    gradient = rng.normal(size=(36, 48))
    shared = layer.share(gradient)
    np.testing.assert_array_equal(shared[:35], layer.share(gradient[:35]))
    np.testing.assert_allclose(shared[35].reshape(12, 4), np.tile(gradient[35].reshape(12, 4).sum(axis=0), (12, 1)))


def test_initial_weights_are_those_of_filters():
    layer = Convolution(7, 5, KERNEL)
    weight = layer.initial_weights(np.random.default_rng(3))
    filters = weight.reshape(35, 12, 4)[layer.inputs[0], 0]
    np.testing.assert_array_equal(weight, layer.layer(filters))
    assert weight.dtype == np.float32 and len(np.unique(filters)) == 24 and 0.5 < np.abs(filters).max() <= np.sqrt(6 / 10)


def test_patches_larger_than_the_input_are_refused():
    with pytest.raises(ValueError, match="3 × 2 in 39 × 1"):
        Convolution(39, 1, KERNEL)


def test_trained_biases_reach_the_integer_network(data_dir):
    """A bias row for both layers of the audiocoder, one value for each filter, that has moved."""
    recipe = recipes.recipe("tiny", kernel=Kernel(12, 3, 9, 3, 5), bias=True, phases=recipes.TINY.phases[1:])
    run = stage.Run(recipe, 0, data_dir, log=lambda text: None)
    rng = np.random.default_rng(4)
    encoder, decoder = rng.normal(0, 0.1, (784, 49)), rng.normal(0, 0.1, (49, 784))
    trained = train_speech.train_audiocoder(run, recipe, *train_speech.utterances(run, recipe), encoder, decoder)
    layer = Convolution(39, 6, recipe.kernel)
    bias = trained.weights[0][-1].reshape(-1, 5)
    assert trained.weights[0].shape == (39 * 6 + 1, layer.n_neurons) and trained.weights[1].shape == (layer.n_neurons + 1, 49)
    np.testing.assert_array_equal(bias, np.tile(bias[0], (len(bias), 1)))
    assert np.abs(bias).min() > 1e-3 and np.abs(trained.weights[1][-1]).max() > 1e-3
    network = train_speech.audio_network(recipe, trained.weights, trained.pairs)
    assert [step.bias_rows for step in network.layers] == [1, 1, 0] and network.sizes == (39 * 6, layer.n_neurons, 49, 784)


def test_trained_weights_are_still_shared(data_dir):
    """By both rules; and they have moved."""
    recipe = recipes.recipe("tiny", kernel=Kernel(12, 3, 9, 3, 5))
    run = stage.Run(recipe, 0, data_dir, log=lambda text: None)
    rng = np.random.default_rng(4)
    encoder, decoder = rng.normal(0, 0.1, (784, 49)), rng.normal(0, 0.1, (49, 784))
    trained = train_speech.train_audiocoder(run, recipe, *train_speech.utterances(run, recipe), encoder, decoder)
    layer = Convolution(39, 6, recipe.kernel)
    weight = trained.weights[0]
    filters = weight.reshape(39 * 6, -1, 5)[layer.inputs[0], 0]
    assert weight.shape == (39 * 6, layer.n_neurons) and trained.weights[1].shape == (layer.n_neurons, 49)
    np.testing.assert_array_equal(weight, layer.layer(filters))
    drawn = layer.initial_weights(np.random.default_rng(0))
    assert np.abs(weight - drawn)[weight != 0].mean() > 1e-3
