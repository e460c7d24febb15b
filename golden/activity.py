"""The activity of a network: a typical input that its file carries, so that its cost can be estimated."""

from dataclasses import replace

import numpy as np

from .encode import pack, poisson, samples_per_pass, unpack
from .errors import UserError
from .network import Network

INPUT = "typical_input"
SAMPLES = "typical_samples"


def with_typical_input(network: Network, spikes) -> Network:
    """The network with a typical input.

    Parameters
    ----------
    spikes : bool [n_samples, n_steps, fan_in]
        Of the validation set. As many samples as share a pass are kept.
    """
    spikes = np.asarray(spikes, dtype=bool)[: samples_per_pass(network.n_steps)]
    return replace(network, arrays={**network.arrays, INPUT: pack(spikes)}, meta={**network.meta, SAMPLES: len(spikes)})


def with_typical_rates(network: Network, rates) -> Network:
    """The same, of rates (float [n_samples, fan_in], 0 to 1) that are encoded as they would be when the network runs."""
    rates = np.asarray(rates)[: samples_per_pass(network.n_steps)]
    return with_typical_input(network, poisson(rates, network.n_steps, np.random.default_rng(0), network.meta.get("max_rate", 1.0)))


def typical_input(network: Network, n_samples: int | None = None):
    """The input that the network's file carries: bool [n_samples, n_steps, fan_in].

    ``n_samples`` takes fewer samples than there are.

    Raises
    ------
    UserError
        There is none, or not so many samples.
    """
    if INPUT not in network.arrays:
        raise UserError("the network's file holds no typical input: give one (npz with 'spikes' or 'rates'), or a density")
    held = network.meta[SAMPLES]
    if n_samples is not None and not 1 <= n_samples <= held:
        raise UserError(f"{n_samples} samples: the network's file holds a typical input of {held}")
    return unpack(network.arrays[INPUT], held, network.n_steps)[:n_samples]
