"""The paper's rule against a plain-loop reference, and BPTT against finite differences."""

import numpy as np
import pytest

from lifarray.golden import losses, vmem_bptt

DECAY = 230 / 256


def reference_batch(w1, w2, spikes, target, *, decay, trace_resets, mask, learning_rate, weight_decay):
    """Equations 1 to 17, one sample, neuron and synapse at a time, in float64."""
    n_steps, n_samples, n_in = spikes.shape
    n_hidden, n_out = w2.shape
    w1, w2 = w1.copy(), w2.copy()
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in (w1, w2)]
    vmem1, vmem2 = np.zeros((n_samples, n_hidden)), np.zeros((n_samples, n_out))
    trace1 = np.zeros((n_samples, n_in, n_hidden))
    trace2 = np.zeros((n_samples, n_hidden, n_out))
    losses = []
    for t in range(n_steps):
        gradient1, gradient2, loss = np.zeros_like(w1), np.zeros_like(w2), 0.0
        for s in range(n_samples):
            before1, out1 = np.zeros(n_hidden), np.zeros(n_hidden)
            for j in range(n_hidden):
                before1[j] = decay * vmem1[s, j]
                for i in range(n_in):
                    before1[j] += w1[i, j] * spikes[t, s, i]
                    trace1[s, i, j] = decay * trace1[s, i, j] + spikes[t, s, i]
                out1[j] = before1[j] >= 1
            error = np.zeros(n_out)
            out2 = np.zeros(n_out)
            for k in range(n_out):
                before = decay * vmem2[s, k]
                for j in range(n_hidden):
                    before += w2[j, k] * out1[j]
                    trace2[s, j, k] = decay * trace2[s, j, k] + out1[j]
                out2[k] = before >= 1
                if not mask or bool(out2[k]) != bool(target[t, s, k]):
                    error[k] = target[t, s, k] - before
                vmem2[s, k] = 0 if out2[k] else before
            loss += 0.5 * np.sum(error**2)
            for k in range(n_out):
                for j in range(n_hidden):
                    gradient2[j, k] += -error[k] * trace2[s, j, k] / n_samples
            for j in range(n_hidden):
                back = sum(w2[j, k] * -error[k] for k in range(n_out))
                e = np.exp(-(before1[j] - 1))
                for i in range(n_in):
                    gradient1[i, j] += back * e / (1 + e) ** 2 * trace1[s, i, j] / n_samples
            for j in range(n_hidden):
                vmem1[s, j] = 0 if out1[j] else before1[j]
                if trace_resets and out1[j]:
                    trace1[s, :, j] = 0
            for k in range(n_out):
                if trace_resets and out2[k]:
                    trace2[s, :, k] = 0
        losses.append(loss)
        for w, gradient, (m, v) in zip((w1, w2), (gradient1, gradient2), moments, strict=True):
            gradient = gradient + weight_decay * w
            m[:] = 0.9 * m + 0.1 * gradient
            v[:] = 0.999 * v + 0.001 * gradient**2
            w -= learning_rate * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
    return w1, w2, sum(losses) / (n_steps * n_samples)


def small_problem(seed):
    rng = np.random.default_rng(seed)
    w1, w2 = rng.normal(0.2, 0.5, (7, 5)), rng.normal(0.2, 0.6, (5, 6))
    spikes = (rng.random((9, 3, 7)) < 0.5).astype(float)
    target = (rng.random((9, 3, 6)) < 0.4).astype(float)
    return w1, w2, spikes, target


@pytest.mark.parametrize("trace", ["paper", "separable"])
@pytest.mark.parametrize("mask", [True, False])
def test_vmem_rule_equals_the_plain_loops(trace, mask):
    w1, w2, spikes, target = small_problem(11)
    expected1, expected2, expected_loss = reference_batch(
        w1, w2, spikes, target, decay=DECAY, trace_resets=trace == "paper", mask=mask, learning_rate=0.02, weight_decay=1e-2
    )
    weights = [w1.copy(), w2.copy()]
    optimizer = vmem_bptt.Adam(weights, weight_decay=1e-2)
    figures = vmem_bptt.vmem_batch(weights, spikes, target, optimizer, 0.02, decay=DECAY, trace=trace, mask=mask)
    np.testing.assert_allclose(weights[0], expected1, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weights[1], expected2, rtol=1e-9, atol=1e-12)
    assert figures["loss"] == pytest.approx(expected_loss, rel=1e-9)


def test_the_two_traces_differ_where_neurons_spike():
    w1, w2, spikes, target = small_problem(12)
    trained = []
    for trace in ("paper", "separable"):
        weights = [w1.copy(), w2.copy()]
        vmem_bptt.vmem_batch(weights, spikes, target, vmem_bptt.Adam(weights), 0.02, decay=DECAY, trace=trace)
        trained.append(weights)
    assert np.abs(trained[0][1] - trained[1][1]).max() > 1e-3


def test_moments_forget_each_batch_only_as_the_paper_says():
    w1, w2, spikes, target = small_problem(13)
    counts = {}
    for moments in ("batch", "all"):
        weights = [w1.copy(), w2.copy()]
        optimizer = vmem_bptt.Adam(weights)
        for _ in range(2):
            vmem_bptt.vmem_batch(weights, spikes, target, optimizer, 0.02, decay=DECAY, moments=moments)
        counts[moments] = optimizer.step_count
    assert counts == {"batch": 9, "all": 18}


def smooth_counts(weights, spikes, decay, slope):
    """The network with spikes replaced by the sigmoid and no reset: differentiable everywhere."""
    results = []
    for w in weights:
        vmem = np.zeros((spikes.shape[1], w.shape[1]))
        before, out = [], []
        for t in range(len(spikes)):
            vmem = decay * vmem + spikes[t] @ w
            before.append(vmem)
            out.append(1 / (1 + np.exp(-slope * (vmem - 1))))
        spikes = np.array(out)
        results.append(vmem_bptt.Ran(np.array(before), spikes, spikes.sum(axis=0)))
    return results


def test_backward_equals_finite_differences_on_a_smoothed_network(monkeypatch):
    rng = np.random.default_rng(14)
    weights = [rng.normal(0.2, 0.4, (5, 4)), rng.normal(0.2, 0.4, (4, 3)), rng.normal(0.2, 0.4, (3, 6))]
    spikes = (rng.random((6, 2, 5)) < 0.5).astype(float)
    target = losses.normalise(rng.random((2, 6)))
    slope, prices = 2.0, [0.05, 0.02, 0.0]

    def loss_of(weights):
        results = smooth_counts(weights, spikes, DECAY, slope)
        loss = losses.image_loss(results[-1].counts, target)[0].sum()
        return loss + sum(p * r.spikes.sum() for p, r in zip(prices, results, strict=True)), results

    results = loss_of(weights)[1]
    d_counts = losses.image_loss(results[-1].counts, target)[1]
    # `backward` stops vmem where a neuron spiked; the smooth network has no reset, so none did.
    monkeypatch.setattr(vmem_bptt, "_stays", lambda vmem, out: out.fill(1))
    gradients = vmem_bptt.backward(weights, spikes, results, d_counts, DECAY, slope, [True] * 3, prices)
    gradients = [np.asarray(g) for g in gradients]
    for layer, w in enumerate(weights):
        for index in np.ndindex(*w.shape):
            kept = w[index]
            w[index] = kept + 1e-6
            above = loss_of(weights)[0]
            w[index] = kept - 1e-6
            below = loss_of(weights)[0]
            w[index] = kept
            assert gradients[layer][index] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-7)


def test_backward_stops_at_resets():
    """Against the same sum written out: what a step's vmem does to later ones ends where the neuron spikes."""
    rng = np.random.default_rng(21)
    spikes, slope = (rng.random((7, 3, 5)) < 0.5).astype(float), 3.0
    weights = [rng.normal(0.3, 0.4, (5, 4))]
    d_output = rng.normal(size=(7, 3, 4))
    (ran,) = vmem_bptt.forward(weights, spikes, DECAY)
    assert 0 < ran.spikes.mean() < 1
    expected = np.zeros((5, 4))
    d_vmem = np.zeros((3, 4))
    for t in range(6, -1, -1):
        d_vmem = d_output[t] * vmem_bptt.surrogate(ran.before[t], slope) + DECAY * (1 - ran.spikes[t]) * d_vmem
        expected += spikes[t].T @ d_vmem
    (found,) = vmem_bptt.backward(weights, spikes, [ran], d_output, DECAY, slope, [True])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_counts_are_those_of_the_spikes():
    rng = np.random.default_rng(22)
    weights = [rng.normal(0.2, 0.4, (7, 5)), rng.normal(0.2, 0.4, (5, 6))]
    spikes = (rng.random((8, 4, 7)) < 0.5).astype(float)
    full = vmem_bptt.forward(weights, spikes, DECAY)
    counted = vmem_bptt.forward(weights, spikes, DECAY, last_spikes=False)
    assert counted[-1].spikes is None
    for one, two in zip(full, counted, strict=True):
        np.testing.assert_array_equal(one.counts, one.spikes.sum(axis=0))
        np.testing.assert_array_equal(one.counts, two.counts)


def test_kept_buffers_change_nothing():
    rng = np.random.default_rng(18)
    weights = [rng.normal(0.2, 0.4, (7, 5)), rng.normal(0.2, 0.4, (5, 6))]
    trained = []
    for buffers in (None, vmem_bptt.Buffers()):
        batches = np.random.default_rng(19)
        mine = [w.copy() for w in weights]
        optimizer = vmem_bptt.Adam(mine)
        # The last batch is smaller: its buffers cannot be those of the others.
        for n in (4, 4, 3):
            spikes = (batches.random((8, n, 7)) < 0.5).astype(float)
            target = losses.normalise(batches.random((n, 6)))
            vmem_bptt.rate_bptt_batch(mine, spikes, target, optimizer, 0.01, decay=DECAY, spike_price=[0.1, 0.0], buffers=buffers)
        trained.append(mine)
    for one, two in zip(*trained, strict=True):
        np.testing.assert_array_equal(one, two)


def test_silent_inputs_may_be_left_out():
    rng = np.random.default_rng(23)
    weights = [rng.normal(0.2, 0.4, (7, 5)), rng.normal(0.2, 0.4, (5, 6))]
    inputs = np.array([0, 2, 3, 6])
    trained = []
    for left_out in (False, True):
        batches = np.random.default_rng(24)
        mine, buffers = [w.copy() for w in weights], vmem_bptt.Buffers()
        optimizer = vmem_bptt.Adam(mine, weight_decay=0.01)
        for _ in range(3):
            spikes = np.zeros((8, 4, 7))
            spikes[:, :, inputs] = batches.random((8, 4, 4)) < 0.5
            target = losses.normalise(batches.random((4, 6)))
            some = dict(inputs=inputs) if left_out else {}
            given = spikes[:, :, inputs] if left_out else spikes
            vmem_bptt.rate_bptt_batch(mine, given, target, optimizer, 0.01, decay=DECAY, buffers=buffers, **some)
        trained.append(mine)
    for one, two, before in zip(*trained, weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)
        assert np.abs(one - before).max() > 1e-3


def test_bias_rows_are_those_of_inputs_that_always_spike():
    rng = np.random.default_rng(25)
    first, second = rng.normal(0.1, 0.3, (9, 5)), rng.normal(0.1, 0.3, (6, 4))
    spikes = (rng.random((8, 3, 7)) < 0.4).astype(float)
    d_output = rng.normal(size=(3, 4))
    found = vmem_bptt.forward([first, second], spikes, DECAY)
    gradients = vmem_bptt.backward([first, second], spikes, found, d_output, DECAY, 3.0, [True, True])

    # The same with two more inputs, and a hidden neuron that spikes at every step: its own weights count for nothing.
    always = np.concatenate([spikes, np.ones((8, 3, 2))], axis=-1)
    wide = np.hstack([first, np.full((9, 1), 100.0)])
    expected = vmem_bptt.forward([wide, second], always, DECAY)
    for one, two in zip(vmem_bptt.forward([first, second], spikes, DECAY), expected, strict=True):
        np.testing.assert_array_equal(one.counts, two.counts[:, : one.counts.shape[1]])
    assert (expected[0].counts[:, 5] == 8).all() and 0 < expected[1].spikes.mean() < 1
    by_hand = vmem_bptt.backward([wide, second], always, expected, d_output, DECAY, 3.0, [True, True])
    np.testing.assert_allclose(gradients[0], by_hand[0][:, :5], rtol=1e-12)
    np.testing.assert_allclose(gradients[1], by_hand[1], rtol=1e-12)
    assert np.abs(gradients[0][7:]).min() > 0 and np.abs(gradients[1][5:]).min() > 0


@pytest.mark.parametrize("bias_rows", [0, 1])
def test_forward_equals_the_integer_layers(bias_rows):
    from lifarray.golden.quantize import quantize_network

    rng = np.random.default_rng(15)
    # Weights on a grid, and no leak, so that float and integer arithmetic are both exact.
    weights = [rng.integers(-20, 30, (fan_in + bias_rows, n)) / 32 for fan_in, n in ((12, 9), (9, 7))]
    spikes = rng.random((4, 10, 12)) < 0.4
    network = quantize_network(["a", "b"], weights, n_steps=10, decay=256, bias_rows=[bias_rows, bias_rows])
    expected = network.run(spikes)
    found = vmem_bptt.forward(weights, spikes.transpose(1, 0, 2).astype(float), 1.0)
    for layer in range(2):
        np.testing.assert_array_equal(found[layer].spikes.transpose(1, 0, 2), expected[layer].spikes)


def test_adam_in_blocks_equals_adam_at_once(monkeypatch):
    gradient = np.random.default_rng(20).normal(size=(7, 9))
    found = []
    for block in (1000, 10):
        monkeypatch.setattr(vmem_bptt, "BLOCK", block)
        w = np.ones((7, 9))
        vmem_bptt.Adam([w], weight_decay=0.1).step([gradient], 0.01)
        found.append(w)
    np.testing.assert_array_equal(*found)


def test_adam_continues_from_its_state():
    rng = np.random.default_rng(16)
    gradients = rng.normal(size=(6, 4, 3))
    one, two = np.ones((4, 3)), np.ones((4, 3))
    through = vmem_bptt.Adam([one])
    for g in gradients:
        through.step([g], 0.01)
    first = vmem_bptt.Adam([two])
    for g in gradients[:3]:
        first.step([g], 0.01)
    second = vmem_bptt.Adam([two])
    second.load(first.state())
    for g in gradients[3:]:
        second.step([g], 0.01)
    np.testing.assert_array_equal(one, two)
