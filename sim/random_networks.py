"""Random networks that reach the corners of the arithmetic and of the array."""

from dataclasses import replace

import numpy as np

from lifarray.golden.config import SLOTS
from lifarray.golden.lif import ResetMode
from lifarray.golden.network import Layer, Network

MODES = [mode.name.lower() for mode in ResetMode]


def random_network(rng, vmem_bits=None, max_size=6, max_steps=70, widest=8, lanes=1, current_bits=32):
    """A network that visits every mode, rounding, saturation, empty and full rasters, and thresholds that are just reached.

    Parameters
    ----------
    rng : numpy.random.Generator
    vmem_bits : int
        By default drawn from 4 to 19.
    max_size, max_steps : int
        Largest layer and longest run.
    widest : int
        Bits of the widest weights, 4 or 8.
    lanes : int
        Of the core that will run it: layers of just one or two tiles are drawn more often.
    current_bits : int
        Of that core: weights are drawn so small that no current overflows.

    Returns
    -------
    (Network, bool [n_samples, n_steps, fan_in])
    """
    vmem_bits = vmem_bits or int(rng.integers(4, 20))
    highest = 2 ** (vmem_bits - 1) - 1
    sizes = [_corner(rng, max_size, [1, lanes, 2 * lanes]) for _ in range(rng.integers(2, 4))]
    n_steps = _corner(rng, max_steps, [1, SLOTS, 2 * SLOTS])
    n_samples = _corner(rng, 3, [max(1, SLOTS // n_steps)])
    density = rng.choice([0.0, 0.1, 0.5, 1.0])
    inputs = spikes = rng.random((n_samples, n_steps, sizes[0])) < density
    layers = []
    for i, (fan_in, n_neurons) in enumerate(zip(sizes, sizes[1:])):
        weight_bits = int(rng.choice([4, widest]))
        bias_rows = int(rng.integers(0, 3))
        rows = fan_in + bias_rows
        reach = max(1, min(2 ** (weight_bits - 1), 2 ** (current_bits - 1) // rows))
        weight = rng.integers(-reach, reach, size=(rows, n_neurons))
        if rng.random() < 0.15:
            weight[:] = rng.choice([-reach, reach - 1], size=n_neurons)
        layer = Layer(
            f"layer{i}",
            weight,
            weight_bits,
            v_threshold=int(rng.integers(1, highest + 1)),
            v_subtract=int(rng.integers(0, highest + 1)),
            decay=int(rng.choice([0, 1, 128, 230, 255, 256, rng.integers(0, 257)])),
            frac_bits=int(rng.integers(0, 8)),
            reset_mode=str(rng.choice(MODES)),
            v_init=int(rng.integers(-highest - 1, highest + 1)) if rng.random() < 0.4 else 0,
            bias_rows=bias_rows,
        )
        if rng.random() < 0.5:
            layer = replace(layer, v_threshold=max(1, _highest_vmem(rng, layer, inputs, vmem_bits)))
        layers.append(layer)
        inputs = np.stack([step.spike for step in layer.steps(inputs, vmem_bits)], axis=1)
    return Network(layers, n_steps, vmem_bits=vmem_bits), spikes


def _highest_vmem(rng, layer, inputs, vmem_bits):
    """The highest vmem that one neuron reaches if nothing resets it: with this threshold it spikes there, and no sooner."""
    vmem = np.stack([step.vmem for step in replace(layer, reset_mode="none").steps(inputs, vmem_bits)], axis=1)
    return int(vmem[rng.integers(len(vmem)), :, rng.integers(layer.n_neurons)].max())


def _corner(rng, highest, corners):
    """A number from 1 to ``highest``; every third time one of ``corners``, unless it is higher."""
    drawn = int(rng.integers(1, highest + 1))
    corner = int(rng.choice(corners))
    return corner if rng.random() < 1 / 3 and (corner <= highest or len(corners) == 1) else drawn
