"""Backpropagation of the membrane-potential loss (Roy, Panda and Roy 2019, equations 1 to 17).

Two variants of the trace ∂vmem/∂W: ``"paper"`` resets it to 0 where a neuron spikes, as the text
says; ``"separable"`` ignores the reset, so that one vector a layer serves all of its neurons.

Two departures, named where they are used: Adam's moments may run over all batches instead of the
time steps of one (``moments="all"``), and `rate_bptt` backpropagates a loss on the spike counts
through time, which the paper does not do.

Layers here are floats with v_threshold = 1; `quantize` turns them into integers. Weights are
[fan_in, n_neurons], spikes [n_steps, n_samples, n], float32 unless given in float64. Where weights have
more rows than there are inputs, `forward` and `backward` take the last ones for bias rows, whose inputs
spike at every step.

The arrays are NumPy's, or PyTorch's or CuPy's, on a GPU too: whatever the weights are. Only what all
three call alike is used.
"""

from typing import NamedTuple

import numpy as np

from .losses import image_loss, namespace

V_THRESHOLD = 1.0


def lif_step(carried, current, decay, spikes):
    """Equations 1 and 2, in place, all [n_samples, n_neurons].

    ``current`` becomes vmem before the reset, ``spikes`` 0 or 1, and ``carried``, what was left of the
    last step's vmem after reset and leak, becomes what is left of this one's.
    """
    xp = namespace(current)
    current += carried
    xp.greater_equal(current, V_THRESHOLD, out=spikes)
    xp.multiply(spikes, -decay, out=carried)
    carried += decay
    carried *= current


def surrogate(vmem, slope=1.0):
    """Equation 4 (15): derivative of a sigmoid centred on the threshold; the paper's slope is 1.

    Written as slope / 4 · (1 − tanh²(slope · (vmem − 1) / 2)), which is the same with fewer passes over the array.
    """
    square = _tanh_square(vmem - V_THRESHOLD, slope)
    square *= -slope / 4
    square += slope / 4
    return square


def _tanh_square(x, slope):
    """tanh²(slope · x / 2) in place."""
    xp = namespace(x)
    x *= slope / 2
    xp.tanh(x, out=x)
    return xp.square(x, out=x)


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

    The paper adds the decay to the gradient; ``decoupled`` subtracts it from the weights instead. ``share``,
    a function or None for each array, makes of its gradient that of weights which it shares.
    """

    def __init__(self, params, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0, decoupled=False, share=None):
        self.params = params
        self.share = share or [None] * len(params)
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
        root2 = (1 - beta2**self.step_count) ** 0.5
        gradients = [share(g) if share else g for share, g in zip(self.share, gradients, strict=True)]
        for arrays in zip(self.params, gradients, self.first, self.second, strict=True):
            for p, g, m, v in _blocks(arrays):
                if self.weight_decay and not self.decoupled:
                    g = g + self.weight_decay * p
                # m and v move towards g and g² by their share; `scratch` is one array for all that comes and goes.
                scratch = g - m
                scratch *= 1 - beta1
                m += scratch
                namespace(g).multiply(g, g, out=scratch)
                scratch -= v
                scratch *= 1 - beta2
                v += scratch
                namespace(v).sqrt(v, out=scratch)
                scratch += self.epsilon * root2
                namespace(m).divide(m, scratch, out=scratch)
                scratch *= learning_rate * root2 / correct1
                if self.weight_decay and self.decoupled:
                    p *= 1 - learning_rate * self.weight_decay
                p -= scratch

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


class Ran(NamedTuple):
    """What a layer did.

    Members
    -------
    before : [n_steps, n_samples, n_neurons], vmem before the reset
    spikes : the same shape, 0 or 1; None where only their counts were wanted
    counts : [n_samples, n_neurons], spikes over all steps
    """

    before: object
    spikes: object
    counts: object


def forward(weights, spikes, decay, buffers=None, last_spikes=True):
    """Run the layers: a list of `Ran`.

    With ``buffers`` (`Buffers`) these are valid until the next call with the same. Without
    ``last_spikes`` the last layer's are only counted.
    """
    buffers = buffers or Buffers()
    results = []
    for layer, w in enumerate(weights):
        n_steps, n_samples, fan_in = spikes.shape
        current = buffers.matmul(f"current {layer}", spikes.reshape(-1, fan_in), w[:fan_in])
        if len(w) > fan_in:
            current += w[fan_in:].sum(axis=0)
        current = current.reshape(n_steps, n_samples, -1)
        carried = namespace(current).zeros_like(current[0])
        counts = namespace(current).zeros_like(current[0])
        keep = last_spikes or layer < len(weights) - 1
        out = buffers.like(f"spikes {layer}", current if keep else current[:1])
        for t in range(n_steps):
            step = out[t if keep else 0]
            lif_step(carried, current[t], decay, step)
            counts += step
        spikes = out if keep else None
        results.append(Ran(current, spikes, counts))
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
    carried1 = zeros_like(spikes[0] @ first)
    carried2 = zeros_like(target[0])
    trace1 = TRACES[trace](spikes[0], carried1, decay)
    trace2 = TRACES[trace](carried1, carried2, decay)
    counts = zeros_like(carried2)
    loss = hidden = 0.0
    for t in range(n_steps):
        before1, out1 = spikes[t] @ first, zeros_like(carried1)
        lif_step(carried1, before1, decay, out1)
        before2, out2 = out1 @ second, zeros_like(carried2)
        lif_step(carried2, before2, decay, out2)
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


def backward(weights, spikes, results, d_output, decay, slope, trained, d_hidden=None, buffers=None):
    """Backpropagation through time of any loss on the output spikes.

    The reset's own derivative is left out, as is usual: vmem after it is before · (1 − spike),
    with the spike taken as constant.

    Parameters
    ----------
    weights : list of [fan_in, n_neurons]
    spikes : [n_steps, n_samples, fan_in]
    results : what `forward` returned
        Used up: each layer's ``before`` becomes dL/d(vmem before the reset).
    d_output : dL/d(output spikes), [n_samples, n] where it is the same in all steps, or [n_steps, n_samples, n]
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
    # The surrogate is slope / 4 · (1 − tanh²). Its factor is multiplied into what is smallest.
    d_spikes, factor = d_output * (slope / 4), slope / 4
    for layer in range(len(weights) - 1, -1, -1):
        before = results[layer].before
        n_steps, _, n = before.shape
        xp = namespace(before)
        if d_hidden and d_hidden[layer]:
            d_spikes += d_hidden[layer] * factor
        later = buffers.like(f"later {layer}", before[0])
        # One step at a time: its arrays stay in the cache.
        for t in range(n_steps - 1, -1, -1):
            step = before[t]
            if t < n_steps - 1:
                _stays(step, later)
                later *= decay
                later *= before[t + 1]
            d_step = d_spikes[t] if d_spikes.ndim == 3 else d_spikes
            step -= V_THRESHOLD
            _tanh_square(step, slope)
            step *= d_step
            xp.subtract(d_step, step, out=step)
            if t < n_steps - 1:
                step += later
        flat = before.reshape(-1, n)
        if trained[layer]:
            gradients[layer] = _gradient(buffers, layer, spikes if layer == 0 else results[layer - 1].spikes, flat, len(weights[layer]))
        if not any(trained[:layer]):
            break
        fan_in = results[layer - 1].before.shape[-1]
        d_spikes = buffers.matmul(f"d_spikes {layer}", flat, (weights[layer][:fan_in] * factor).T).reshape(n_steps, -1, fan_in)
    return gradients


def _gradient(buffers, layer, spikes, d_vmem, n_rows):
    """dL/d(a layer's weights) [n_rows, n_neurons]; ``d_vmem`` is [n_steps · n_samples, n_neurons]."""
    gradient = buffers.matmul(f"gradient {layer}", spikes.reshape(-1, spikes.shape[-1]).T, d_vmem)
    n_bias = n_rows - len(gradient)
    if not n_bias:
        return gradient
    return namespace(gradient).concatenate([gradient, *[d_vmem.sum(axis=0)[None]] * n_bias])


def _stays(vmem, out):
    """1 where a neuron does not spike, and so is not reset, 0 where it does."""
    namespace(vmem).less(vmem, V_THRESHOLD, out=out)


def rate_bptt_batch(
    weights, spikes, target, optimizer, learning_rate, *,
    decay, slope=4.0, trained=None, spike_price=None, loss=image_loss, buffers=None, inputs=None,
):  # fmt: skip
    """Train on one batch by backpropagation through time of a loss on spike counts (not in the paper).

    Parameters
    ----------
    weights : list of [fan_in, n_neurons]
        What runs: the optimizer's arrays, or what they are when rounded.
    spikes : [n_steps, n_samples, fan_in]
    target : what ``loss`` takes
    optimizer : Adam over the trained weights, in their order; updates them
    trained : list of bool, optional
        Which layers to train; all unless given.
    spike_price : list of float, optional
        For each layer, loss added for each spike per neuron and step: events are clock cycles.
    loss : function
        One of `losses`.
    buffers : Buffers, optional
        The same for every batch: saves a fifth of the time.
    inputs : int [fan_in of ``spikes``], optional
        Which inputs of the first layer ``spikes`` holds: all others are silent in the whole batch, as
        a third of MNIST's pixels is, and are not computed with. Not for a first layer with bias rows.

    Returns
    -------
    dict: "loss" (mean over the samples), "hidden" (mean spikes per sample and step of the last hidden
    layer), "output"
    """
    trained = trained or [True] * len(weights)
    whole = weights[0]
    if inputs is not None:
        weights = [whole[inputs], *weights[1:]]
    buffers = buffers or Buffers()
    results = forward(weights, spikes, decay, buffers, last_spikes=False)
    n_steps, n_samples, _ = spikes.shape
    counts = results[-1].counts
    losses, d_counts = loss(counts, target)
    d_counts /= n_samples
    prices = None
    if spike_price:
        prices = [price / (n_samples * n_steps * w.shape[1]) for price, w in zip(spike_price, weights, strict=True)]
    gradients = backward(weights, spikes, results, d_counts, decay, slope, trained, prices, buffers)
    if inputs is not None and gradients[0] is not None:
        found, gradients[0] = gradients[0], buffers.like("all inputs", whole)
        gradients[0][...] = 0
        gradients[0][inputs] = found
    optimizer.step([g for g in gradients if g is not None], learning_rate)
    count = n_steps * n_samples
    hidden = float(results[-2].counts.sum()) / count if len(results) > 1 else 0.0
    return {"loss": float(losses.mean()), "hidden": hidden, "output": float(counts.sum()) / count}
