"""A full layer whose weights are those of a convolution: one filter for many places of the input.

The core knows full layers only, so the weights are written out: each neuron has those of its filter on
its patch and zeros elsewhere. What the patches share is learnt by all of them: fewer weights to
fit, and the same shape is known again in another channel, as of another voice, or in another frame.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kernel:
    """Patches of an audio front end's rates, and the filters on them.

    Parameters
    ----------
    channels, frames : int
        Size of a patch.
    channel_stride, frame_stride : int
        From one patch to the next.
    filters : int
        Neurons that look at each patch.
    """

    channels: int
    frames: int
    channel_stride: int
    frame_stride: int
    filters: int


class Convolution:
    """The layer of a kernel on inputs ``channel * n_frames + frame``; neuron ``patch * filters + filter``.

    Members
    -------
    inputs : int [n_patches, patch size]
        Which inputs each patch holds.
    """

    def __init__(self, n_channels, n_frames, kernel):
        """Errors: ValueError if a patch is larger than the input."""
        self.kernel = kernel
        if kernel.channels > n_channels or kernel.frames > n_frames:
            raise ValueError(f"patches of {kernel.channels} × {kernel.frames} in {n_channels} × {n_frames}")
        at = np.arange(n_channels * n_frames).reshape(n_channels, n_frames)
        patches = np.lib.stride_tricks.sliding_window_view(at, (kernel.channels, kernel.frames))
        patches = patches[:: kernel.channel_stride, :: kernel.frame_stride]
        self.inputs = patches.reshape(-1, kernel.channels * kernel.frames)
        self.fan_in = at.size

    @property
    def n_neurons(self) -> int:
        return len(self.inputs) * self.kernel.filters

    def layer(self, filters, bias=None):
        """The full layer of float [patch size, filters]: [fan_in, n_neurons], with ``bias`` [filters] one row more."""
        weight = np.zeros((self.fan_in, len(self.inputs), self.kernel.filters), filters.dtype)
        weight[self.inputs, np.arange(len(self.inputs))[:, None]] = filters
        weight = weight.reshape(self.fan_in, -1)
        return weight if bias is None else np.vstack([weight, np.tile(bias, len(self.inputs))])

    def share(self, gradient):
        """What the full layer's gradient is for its filters, laid out like it: tied weights stay tied."""
        by_patch = gradient.reshape(len(gradient), len(self.inputs), self.kernel.filters)
        filters = by_patch[self.inputs, np.arange(len(self.inputs))[:, None]].sum(axis=0)
        return self.layer(filters, by_patch[self.fan_in].sum(axis=0) if len(gradient) > self.fan_in else None)

    def initial_weights(self, rng: np.random.Generator, dtype=np.float32):
        """Uniform, as `vmem_bptt.initial_weights` draws those of a layer of the patch's size."""
        size = (self.inputs.shape[1], self.kernel.filters)
        limit = np.sqrt(6 / sum(size))
        return self.layer(rng.uniform(-limit, limit, size).astype(dtype))
