"""The training rules on PyTorch's arrays: the same weights as on NumPy's. Without it these tests are skipped."""

import numpy as np
import pytest

from lifarray.golden import losses, vmem_bptt

DECAY = 230 / 256


def problem():
    rng = np.random.default_rng(61)
    weights = [rng.normal(0.2, 0.5, (9, 6)), rng.normal(0.2, 0.6, (6, 8))]
    spikes = (rng.random((3, 7, 4, 9)) < 0.5).astype(float)
    target = (rng.random((3, 7, 4, 8)) < 0.4).astype(float)
    return weights, spikes, target


def train(step, convert, weights, *batches):
    weights = [convert(w.copy()) for w in weights]
    optimizer = vmem_bptt.Adam(weights, weight_decay=1e-3)
    figures = [step(weights, *(convert(a) for a in batch), optimizer) for batch in zip(*batches, strict=True)]
    return [np.asarray(w) for w in weights], figures


@pytest.mark.parametrize("trace", ["paper", "separable"])
def test_the_papers_rule(torch, trace):
    def step(weights, spikes, target, optimizer):
        return vmem_bptt.vmem_batch(weights, spikes, target, optimizer, 0.02, decay=DECAY, trace=trace)["loss"]

    check(step, torch, *problem())


@pytest.mark.parametrize("bias_rows", [0, 1])
def test_backpropagation_through_time(torch, bias_rows):
    weights, spikes, target = problem()
    weights = [np.vstack([w, np.full((bias_rows, w.shape[1]), 0.05)]) for w in weights]
    buffers = {}

    def step(weights, spikes, target, optimizer):
        kept = buffers.setdefault(type(spikes), vmem_bptt.Buffers())
        found = vmem_bptt.rate_bptt_batch(
            weights, spikes, target, optimizer, 0.02, decay=DECAY, spike_price=[0.1, 0.0], buffers=kept
        )
        return found["loss"]

    check(step, torch, weights, spikes, losses.normalise(target[:, 0]))


def check(step, torch, *arrays):
    expected, losses = train(step, lambda a: a, *arrays)
    found, torch_losses = train(step, torch.from_numpy, *arrays)
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(losses, torch_losses, rtol=1e-9)
    assert losses[0] != losses[-1]
