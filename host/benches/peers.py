"""The same training step in other frameworks: two linear layers, LIF neurons, a loss on the spike counts, Adam.

Each takes the input of all steps through a linear layer at once, which none of them forbids: what
is compared is neurons, gradients and updates, not how a loop is written. All have the reset to zero,
threshold 1, the same leak and a sigmoid surrogate of slope 4.
"""

SLOPE = 4.0
DECAY = 230 / 256
LEARNING_RATE = 1e-3


def step_of(name, weights, spikes, target):
    """function () -> spikes of the hidden layer (float): one training step of framework ``name``.

    Parameters
    ----------
    name : str
        One of PEERS.
    weights : list of float32 [fan_in, n_neurons]
    spikes : float32 [n_steps, n_samples, fan_in]
    target : float32 [n_samples, n], normalised images

    Raises
    ------
    ImportError
        The framework is not installed.
    """
    import torch

    layers = []
    for w in weights:
        linear = torch.nn.Linear(*w.shape, bias=False)
        linear.weight.data = torch.from_numpy(w.T.copy())
        layers.append(linear)
    neurons = PEERS[name](torch, len(spikes))
    optimizer = torch.optim.Adam([linear.weight for linear in layers], lr=LEARNING_RATE)
    spikes, target = torch.from_numpy(spikes), torch.from_numpy(target)

    def step():
        optimizer.zero_grad()
        hidden = neurons(layers[0](spikes))
        counts = neurons(layers[1](hidden)).sum(0)
        centred = counts - counts.mean(-1, keepdim=True)
        made = centred / ((centred**2).mean(-1, keepdim=True).sqrt() + 1e-3)
        loss = ((made - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        return float(hidden.detach().sum())

    return step


def _snntorch(torch, n_steps):
    import snntorch

    neuron = snntorch.Leaky(beta=DECAY, threshold=1.0, reset_mechanism="zero", spike_grad=snntorch.surrogate.sigmoid(slope=SLOPE))

    def run(currents):
        vmem, out = neuron.init_leaky(), []
        for t in range(n_steps):
            spike, vmem = neuron(currents[t], vmem)
            out.append(spike)
        return torch.stack(out)

    return run


def _spikingjelly(torch, n_steps):
    from spikingjelly.activation_based import functional, neuron, surrogate

    layer = neuron.LIFNode(
        tau=1 / (1 - DECAY), decay_input=False, v_threshold=1.0, v_reset=0.0, detach_reset=True, step_mode="m",
        surrogate_function=surrogate.Sigmoid(alpha=SLOPE),
    )  # fmt: skip

    def run(currents):
        functional.reset_net(layer)
        return layer(currents)

    return run


def _norse(torch, n_steps):
    from norse.torch import LIFBoxCell, LIFBoxParameters

    # Norse scales the input by dt / tau as well; undone here, so that the potentials are the same.
    leak = 1 - DECAY
    parameters = LIFBoxParameters(tau_mem_inv=torch.tensor(leak * 1000), v_th=torch.tensor(1.0), v_reset=torch.tensor(0.0))
    cell = LIFBoxCell(parameters, dt=0.001)

    def run(currents):
        state, out = None, []
        scaled = currents / leak
        for t in range(n_steps):
            spike, state = cell(scaled[t], state)
            out.append(spike)
        return torch.stack(out)

    return run


PEERS = {"snnTorch": _snntorch, "SpikingJelly": _spikingjelly, "Norse": _norse}
