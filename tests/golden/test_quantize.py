"""Floats to integers: scale, clipping, thresholds, limits."""

import numpy as np
import pytest

from lifarray.golden import quantize
from lifarray.golden.errors import UserError


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("spread", [0.02, 0.1, 1.0, 7.0])
def test_the_scale_is_the_power_of_two_with_the_least_error(bits, spread):
    weight = np.random.default_rng(21).normal(0, spread, (40, 30))
    integers, scale = quantize.quantize_weight(weight, bits)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    assert integers.dtype == np.int8 and low <= integers.min() and integers.max() <= high
    assert np.log2(scale) == round(np.log2(scale))
    found = np.sum((integers / scale - weight) ** 2)
    for other in (scale / 2, scale * 2):
        error = np.sum((np.clip(np.round(weight * other), low, high) / other - weight) ** 2)
        assert found <= error


def test_few_large_weights_clip_rather_than_cost_the_others_a_bit():
    weight = np.random.default_rng(25).normal(0, 0.05, (100, 100))
    plain_scale = quantize.quantize_weight(weight, 8)[1]
    weight[0, 0] = 1.1 * 127 / plain_scale
    integers, scale = quantize.quantize_weight(weight, 8)
    assert scale == plain_scale and integers[0, 0] == 127


def test_integers_represented_exactly_stay_as_they_are():
    weight = np.arange(-128, 128).reshape(16, 16) / 64
    integers, scale = quantize.quantize_weight(weight, 8)
    assert scale == 64
    np.testing.assert_array_equal(integers, np.arange(-128, 128).reshape(16, 16))


@pytest.mark.parametrize("frac_bits", [0, 3])
def test_threshold_and_weights_share_a_scale(frac_bits):
    weight = np.random.default_rng(22).normal(0, 0.2, (20, 10))
    layer = quantize.quantize_layer("hidden", weight, frac_bits=frac_bits)
    assert layer.v_threshold == layer.v_subtract == round(layer.weight_scale) << frac_bits
    assert (layer.decay, layer.reset_mode, layer.weight_bits) == (230, "zero", 8)
    # The integer vmem is the float vmem times the scale, up to rounding of weights and leak.
    spikes = np.random.default_rng(23).random((3, 20, 20)) < 0.1
    layer_none = quantize.quantize_layer("hidden", weight, frac_bits=frac_bits)
    object.__setattr__(layer_none, "reset_mode", "none")
    vmem = layer_none.run(spikes, 24).vmem / layer.v_threshold
    expected = np.zeros((3, 10))
    for t in range(20):
        expected = 230 / 256 * expected + spikes[:, t] @ weight
    np.testing.assert_allclose(vmem, expected, atol=0.1)


def test_a_network_keeps_its_order_names_and_extras():
    rng = np.random.default_rng(24)
    network = quantize.quantize_network(
        ["a", "b"], [rng.normal(0, 0.3, (6, 5)), rng.normal(0, 0.3, (5, 4))], n_steps=7, bits=4, arrays={"x": np.arange(3)}
    )
    assert network.sizes == (6, 5, 4) and network.n_steps == 7
    assert [layer.name for layer in network.layers] == ["a", "b"]
    assert network.layers[0].weight_bits == 4 and network.arrays["x"].tolist() == [0, 1, 2]


def test_what_cannot_be_an_integer_network_is_refused():
    with pytest.raises(UserError, match="weights of 5 bits, must be 8 or 4"):
        quantize.quantize_weight(np.ones((2, 2)), 5)
    with pytest.raises(UserError, match="layer 'a': v_threshold = .*, must be 1 to 127"):
        quantize.quantize_layer("a", np.full((2, 2), 0.01), vmem_bits=8)
