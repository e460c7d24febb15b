"""Backpropagation of the membrane-potential loss (Roy, Panda and Roy 2019, equations 1 to 17).

Two variants of the trace ∂vmem/∂W: ``"paper"`` resets it to 0 where a neuron spikes, as the text
says; ``"separable"`` ignores the reset, so that one vector a layer serves all of its neurons.

Two departures, named where they are used: Adam's moments may run over all batches instead of the
time steps of one (``moments="all"``), and `rate_bptt` backpropagates a loss on the spike counts
through time, which the paper does not do.

Layers here are floats with v_threshold = 1; `quantize` turns them into integers. Weights are
[fan_in, n_neurons], spikes [n_steps, n_samples, n], float32 unless given in float64.

The arrays are NumPy's, or PyTorch's or CuPy's, on a GPU too: whatever the weights are. Only what all
three call alike is used.
"""

import sys

import numpy as np

V_THRESHOLD = 1.0


def namespace(array):
    """The library that an array is of: numpy, torch or cupy."""
    return sys.modules[type(array).__module__.partition(".")[0]]


def lif_step(vmem, current, decay, spikes):
    """Equations 1 and 2, in place, all [n_samples, n_neurons].

    ``current`` becomes vmem before the reset, ``vmem`` what it is after it, ``spikes`` 0 or 1.
    """
    xp = namespace(current)
    vmem *= decay
    current += vmem
    xp.greater_equal(current, V_THRESHOLD, out=spikes)
    xp.multiply(current, spikes, out=vmem)
    xp.subtract(current, vmem, out=vmem)


def surrogate(vmem, slope=1.0, out=None):
    """Equation 4 (15): derivative of a sigmoid centred on the threshold; the paper's slope is 1.

    Written as slope / 4 · (1 − tanh²(x / 2)), which is the same with fewer passes over the array.
    ``out``: an array of vmem's shape for the result.
    """
    xp = namespace(vmem)
    x = xp.subtract(vmem, V_THRESHOLD, out=out)
    x *= slope / 2
    xp.tanh(x, out=x)
    x *= x
    x *= -slope / 4
    x += slope / 4
    return x


class Buffers:
    """Arrays that are kept from batch to batch, by name: fresh memory can cost as much as a matrix product."""

    def __init__(self):
        self.kept = {}

    def like(self, name, array):
        """An array of that shape and type, with anything in it."""
        kept = self.kept.get(name)
        if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
            kept = self.kept[name] = namespace(array).empty_like(array)
        return kept

    def matmul(self, name, a, b):
        """``a @ b``."""
        kept = self.kept.get(name)
        if kept is None or kept.shape != (a.shape[0], b.shape[1]) or kept.dtype != a.dtype:
            kept = self.kept[name] = a @ b
            return kept
        return namespace(a).matmul(a, b, out=kept)


class SeparableTrace:
    """∂vmem[t]/∂W when resets are ignored: [n_samples, fan_in], the same for every neuron.

    Begins at zero, in the shape of ``spikes_in`` [n_samples, fan_in] and ``vmem`` [n_samples, n_neurons].
    """

    def __init__(self, spikes_in, vmem, decay):
        self.decay = decay
        self.value = namespace(spikes_in).zeros_like(spikes_in)

    def step(self, spikes_in):
        """Equations 10 and 16."""
        self.value *= self.decay
        self.value += spikes_in

    def gradient(self, delta):
        """Σ over samples of trace ⊗ delta: [fan_in, n_neurons]."""
        return self.value.T @ delta

    def reset(self, spikes_out):
        pass


class PaperTrace:
    """∂vmem[t]/∂W set to 0 where the neuron spikes: a matrix for each sample.

    That matrix is never built. With X[t] the separable trace and r the last step in which neuron j
    of a sample spiked, its trace is X[t] − decay^(t−r) · X[r]; so the gradient is a sum of products
    with earlier X, one for each r that occurs.
    """

    def __init__(self, spikes_in, vmem, decay):
        xp = namespace(spikes_in)
        self.decay = decay
        self.t = 0
        self.history = [xp.zeros_like(spikes_in)]       # X[0] = 0: never spiked
        self.last_spike = xp.zeros_like(vmem, dtype=xp.int32)

    def step(self, spikes_in):
        self.t += 1
        self.history.append(self.decay * self.history[-1] + spikes_in)

    def gradient(self, delta):
        total = self.history[-1].T @ delta
        for r in range(1, self.t):
            if (self.last_spike == r).any():
                share = delta * (self.last_spike == r)
                total -= self.decay ** (self.t - r) * (self.history[r].T @ share)
        return total

    def reset(self, spikes_out):
        self.last_spike[spikes_out > 0] = self.t


TRACES = {"paper": PaperTrace, "separable": SeparableTrace}


class Adam:
    """Adam (Kingma and Ba 2014) over a list of arrays, updated in place, with weight decay.

    The paper adds the decay to the gradient; ``decoupled`` subtracts it from the weights instead.
    """

    def __init__(self, params, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0, decoupled=False):
        self.params = params
        self.betas = (beta1, beta2)
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.decoupled = decoupled
        self.reset()

    def reset(self):
        """Forget the moments (the paper: at the start of each batch)."""
        self.step_count = 0
        self.first = [namespace(p).zeros_like(p) for p in self.params]
        self.second = [namespace(p).zeros_like(p) for p in self.params]

    def step(self, gradients, learning_rate):
        beta1, beta2 = self.betas
        self.step_count += 1
        correct1 = 1 - beta1**self.step_count
        correct2 = 1 - beta2**self.step_count
        for arrays in zip(self.params, gradients, self.first, self.second, strict=True):
            for p, g, m, v in _blocks(arrays):
                if self.weight_decay and not self.decoupled:
                    g = g + self.weight_decay * p
                m *= beta1
                m += (1 - beta1) * g
                v *= beta2
                v += (1 - beta2) * (g * g)
                scale = namespace(v).sqrt(v)
                scale *= 1 / correct2**0.5
                scale += self.epsilon
                if self.weight_decay and self.decoupled:
                    p *= 1 - learning_rate * self.weight_decay
                p -= (learning_rate / correct1) * (m / scale)

    def state(self) -> dict:
        """Arrays and numbers that continue it bit for bit."""
        return {"step_count": self.step_count, "first": self.first, "second": self.second}

    def load(self, state):
        self.step_count = int(state["step_count"])
        for ours, theirs in zip(self.first + self.second, [*state["first"], *state["second"]], strict=True):
            ours[...] = theirs


BLOCK = 1 << 16
"""Weights that Adam updates at a time: their arrays stay in the cache, and its temporaries small."""


def _blocks(arrays):
    """Arrays of one shape, cut alike into flat parts; whole if they are not NumPy's."""
    if not all(isinstance(a, np.ndarray) and a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


def initial_weights(sizes, rng: np.random.Generator, dtype=np.float32):
    """Uniform in ±sqrt(6 / (fan_in + n_neurons)): one array [fan_in, n_neurons] a layer."""
    weights = []
    for fan_in, n_neurons in zip(sizes[:-1], sizes[1:], strict=True):
        limit = np.sqrt(6 / (fan_in + n_neurons))
        weights.append(rng.uniform(-limit, limit, (fan_in, n_neurons)).astype(dtype))
    return weights


def forward(weights, spikes, decay, buffers=None):
    """Run the layers: a list of (vmem before reset, spikes), each [n_steps, n_samples, n_neurons].

    With ``buffers`` (`Buffers`) these are valid until the next call with the same.
    """
    buffers = buffers or Buffers()
    results = []
    for layer, w in enumerate(weights):
        n_steps, n_samples, fan_in = spikes.shape
        current = buffers.matmul(f"current {layer}", spikes.reshape(-1, fan_in), w).reshape(n_steps, n_samples, -1)
        vmem = namespace(current).zeros_like(current[0])
        out = buffers.like(f"spikes {layer}", current)
        for t in range(n_steps):
            lif_step(vmem, current[t], decay, out[t])
        results.append((current, out))
        spikes = out
    return results


def vmem_batch(weights, spikes, target, optimizer, learning_rate, *, decay, trace="separable", mask=True, moments="batch", slope=1.0):
    """Train two layers on one batch by the paper's rule, with an update at every time step.

    Parameters
    ----------
    weights : [W1, W2], updated in place
    spikes : [n_steps, n_samples, fan_in], 0 or 1
    target : [n_steps, n_samples, n_neurons of layer 2], 0 or 1
    optimizer : Adam over ``weights``
    learning_rate : float
    decay : float
        1 − alpha, as the hardware has it: 230 / 256 for alpha = 0.1.
    trace : str
        "paper" or "separable".
    mask : bool
        Equation 6; the paper shows that training fails without.
    moments : str
        "batch": Adam's moments start anew with each batch (paper); "all": they run on.
    slope : float
        Of the surrogate.

    Returns
    -------
    dict: "loss" (equation 8, mean per sample and step), "hidden" and "output" (mean spikes per
    sample and step), "counts" (spike counts of layer 2, [n_samples, n_neurons])
    """
    first, second = weights
    n_steps, n_samples, _ = spikes.shape
    if moments == "batch":
        optimizer.reset()
    zeros_like = namespace(first).zeros_like
    vmem1 = zeros_like(spikes[0] @ first)
    vmem2 = zeros_like(target[0])
    trace1 = TRACES[trace](spikes[0], vmem1, decay)
    trace2 = TRACES[trace](vmem1, vmem2, decay)
    counts = zeros_like(vmem2)
    loss = hidden = 0.0
    for t in range(n_steps):
        before1, out1 = spikes[t] @ first, zeros_like(vmem1)
        lif_step(vmem1, before1, decay, out1)
        before2, out2 = out1 @ second, zeros_like(vmem2)
        lif_step(vmem2, before2, decay, out2)
        error = V_THRESHOLD * target[t] - before2                   # equations 5 and 7
        if mask:
            error *= target[t] != out2                              # equation 6
        delta2 = error / -n_samples                                  # equations 9 and 13
        delta1 = (delta2 @ second.T) * surrogate(before1, slope)     # equations 14, 15, 17
        trace1.step(spikes[t])
        trace2.step(out1)
        gradients = [trace1.gradient(delta1), trace2.gradient(delta2)]      # equations 17 and 11
        optimizer.step(gradients, learning_rate)
        trace1.reset(out1)
        trace2.reset(out2)
        loss += 0.5 * float((error * error).sum())
        hidden += float(out1.sum())
        counts += out2
    count = n_steps * n_samples
    return {"loss": loss / count, "hidden": hidden / count, "output": float(counts.sum()) / count, "counts": counts}


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
    centred = counts - counts.mean(axis=-1, keepdims=True)
    # A silent image has no direction to improve in; the 1e-3 keeps its gradient finite.
    floor = 1e-3
    sigma = (centred**2).mean(axis=-1, keepdims=True) ** 0.5
    z = centred / (sigma + floor)
    difference = z - target
    loss = (difference**2).mean(axis=-1)
    d_z = difference * (2 / counts.shape[-1])
    d_centred = (d_z - d_z.mean(axis=-1, keepdims=True)) / (sigma + floor)
    d_centred -= z * (d_z * z).mean(axis=-1, keepdims=True) / namespace(sigma).clip(sigma, floor, None)
    return loss, d_centred


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
    score = scale * (share - share.max(axis=-1, keepdims=True))
    probability = np.exp(score)
    probability /= probability.sum(axis=-1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(probability[rows, labels] + counts.dtype.type(1e-12))
    d_share = probability
    d_share[rows, labels] -= 1
    d_share *= scale
    d_counts = (d_share - (d_share * share).sum(axis=-1, keepdims=True)) / total
    return loss, d_counts


def backward(weights, spikes, results, d_output, decay, slope, trained, d_hidden=None, buffers=None):
    """Backpropagation through time of any loss on the output spikes.

    The reset's own derivative is left out, as is usual: vmem after it is before · (1 − spike),
    with the spike taken as constant.

    Parameters
    ----------
    weights : list of [fan_in, n_neurons]
    spikes : [n_steps, n_samples, fan_in]
    results : what `forward` returned
    d_output : dL/d(output spikes), [n_steps, n_samples, n] or broadcastable to it
    slope : of the surrogate
    trained : list of bool
        Layers whose gradient is wanted.
    d_hidden : list of float, optional
        For each layer, a constant added to dL/d(its spikes): the price of a spike.
    buffers : Buffers, optional

    Returns
    -------
    list of [fan_in, n_neurons] or None
    """
    buffers = buffers or Buffers()
    gradients = [None] * len(weights)
    d_spikes = d_output
    for layer in range(len(weights) - 1, -1, -1):
        before, out = results[layer]
        n_steps, n_samples, n = before.shape
        xp = namespace(before)
        price = d_hidden[layer] if d_hidden and d_hidden[layer] else None
        d_spikes = xp.broadcast_to(d_spikes, before.shape)
        d_vmem = buffers.like(f"d_vmem {layer}", before)
        later = buffers.like(f"later {layer}", before[0])
        # One step at a time: its arrays stay in the cache.
        for t in range(n_steps - 1, -1, -1):
            d_step = surrogate(before[t], slope, out=d_vmem[t])
            d_step *= d_spikes[t] if price is None else d_spikes[t] + price
            if t < n_steps - 1:
                # decay · (1 − spike) · what the next step says
                xp.multiply(d_vmem[t + 1], decay, out=later)
                d_step += later
                later *= out[t]
                d_step -= later
        flat = d_vmem.reshape(-1, n)
        if trained[layer]:
            inputs = spikes if layer == 0 else results[layer - 1][1]
            gradients[layer] = buffers.matmul(f"gradient {layer}", inputs.reshape(-1, inputs.shape[-1]).T, flat)
        if not any(trained[:layer]):
            break
        d_spikes = buffers.matmul(f"d_spikes {layer}", flat, weights[layer].T).reshape(n_steps, n_samples, -1)
    return gradients


def rate_bptt_batch(
    weights, spikes, target, optimizer, learning_rate, *, decay, slope=4.0, trained=None, spike_price=None, loss=image_loss, buffers=None
):
    """Train on one batch by backpropagation through time of a loss on spike counts (not in the paper).

    Parameters
    ----------
    weights : list of [fan_in, n_neurons]
        What runs: the optimizer's arrays, or what they are when rounded.
    spikes : [n_steps, n_samples, fan_in]
    target : what ``loss`` takes: normalised images [n_samples, n], or labels [n_samples]
    optimizer : Adam over the trained weights, in their order; updates them
    trained : list of bool, optional
        Which layers to train; all unless given.
    spike_price : list of float, optional
        For each layer, loss added for each spike per neuron and step: events are clock cycles.
    loss : function
        `image_loss` or `class_loss`.
    buffers : Buffers, optional
        The same for every batch: saves a fifth of the time.

    Returns
    -------
    dict: "loss" (mean over the samples), "hidden" (mean spikes per sample and step of the last hidden
    layer), "output"
    """
    trained = trained or [True] * len(weights)
    results = forward(weights, spikes, decay, buffers)
    n_steps, n_samples, _ = spikes.shape
    counts = results[-1][1].sum(axis=0)
    losses, d_counts = loss(counts, target)
    d_counts /= n_samples
    prices = None
    if spike_price:
        prices = [price / (n_samples * n_steps * w.shape[1]) for price, w in zip(spike_price, weights, strict=True)]
    gradients = backward(weights, spikes, results, d_counts, decay, slope, trained, prices, buffers)
    optimizer.step([g for g in gradients if g is not None], learning_rate)
    count = n_steps * n_samples
    hidden = float(results[-2][1].sum()) / count if len(results) > 1 else 0.0
    return {"loss": float(losses.mean()), "hidden": hidden, "output": float(counts.sum()) / count}
