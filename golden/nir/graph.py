"""From a NIR graph to a chain of stages: what the core takes, and what it refuses by name."""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError

REMEDIES = {
    "CubaLIF": "the core has no synaptic current; train with LIF neurons (snntorch.Leaky, norse LIFBoxCell)",
    "CubaLI": "the core has no synaptic current; use LI (norse LIBoxCell)",
    "I": "use LI, or IF with a threshold",
    "Conv1d": "convolution is not supported yet; use fully connected layers",
    "Conv2d": "convolution is not supported yet; use fully connected layers",
    "AvgPool2d": "pooling belongs to convolution, which is not supported yet; use fully connected layers",
    "SumPool2d": "pooling belongs to convolution, which is not supported yet; use fully connected layers",
    "Delay": "the core has no delays; train without",
    "Threshold": "use LIF or IF neurons",
    "NIRGraph": "recurrence and graphs within the graph are not supported; use a feed-forward chain of layers",
}
"""What to do about nodes that the core does not take."""

NEURONS = ("LIF", "IF", "LI")


@dataclass(frozen=True, eq=False)
class Stage:
    """A weight matrix and the neurons behind it, in the file's own numbers and NIR's own sense.

    Parameters
    ----------
    name : str
        Of the neurons' node.
    kind : str
        "LIF", "IF", or "LI" for a readout of membrane potential.
    weight : float64 [n_neurons, fan_in]
        Scale nodes are multiplied in.
    bias : float64 [n_neurons]
    tau, r, v_leak, v_threshold, v_reset : float64 [n_neurons]
        Those that the kind does not have (tau and v_leak of IF, the last two of LI) are None.
    """

    name: str
    kind: str
    weight: np.ndarray
    bias: np.ndarray
    r: np.ndarray
    tau: "np.ndarray | None" = None
    v_leak: "np.ndarray | None" = None
    v_threshold: "np.ndarray | None" = None
    v_reset: "np.ndarray | None" = None

    @property
    def spikes(self) -> bool:
        return self.kind != "LI"


def read_stages(graph) -> list:
    """The chain of `Stage`s of a `nir.NIRGraph`.

    Raises
    ------
    UserError
        A node or a structure that the core does not take, named, with what to do; sizes that do
        not fit; numbers that are not finite.
    """
    stages = []
    weight = bias = None        # the affine map since the last neurons
    size = None                 # of what flows, once known
    for name in _chain(graph):
        node = graph.nodes[name]
        kind = type(node).__name__
        if kind in ("Affine", "Linear"):
            matrix = _array(name, "weight", node.weight)
            if matrix.ndim != 2:
                raise UserError(f"node {name!r}: its weight has shape {list(matrix.shape)}, must be [n_neurons, fan_in]")
            _require_size(name, matrix.shape[1], size)
            offset = _array(name, "bias", node.bias) if kind == "Affine" else 0.0
            if np.ndim(offset) > 1 or np.size(offset) not in (1, len(matrix)):
                raise UserError(f"node {name!r}: a bias of shape {list(np.shape(offset))} does not fit {len(matrix)} neurons")
            offset = np.broadcast_to(offset, len(matrix))
            weight, bias = (matrix, offset) if weight is None else (matrix @ weight, matrix @ bias + offset)
            size = len(matrix)
        elif kind == "Scale":
            scale = _array(name, "scale", node.scale).reshape(-1)
            size = size or scale.size
            _require_size(name, scale.size, size)
            # Before any weights it is a diagonal matrix, which the next weights take in.
            weight, bias = (np.diag(scale), np.zeros(size)) if weight is None else (scale[:, None] * weight, scale * bias)
        elif kind in NEURONS:
            if weight is None:
                raise UserError(f"node {name!r}: {kind} neurons without weights before them: put a Linear node before it")
            if stages and not stages[-1].spikes:
                raise UserError(f"node {stages[-1].name!r}: LI does not spike, so nothing can follow it: use LIF, or end there")
            stages.append(Stage(name, kind, weight, bias, **_parameters(name, kind, node, size)))
            weight = bias = None
        elif kind == "Flatten":
            pass        # values flow as flat vectors here, in the order that a Flatten keeps
        else:
            raise UserError(f"node {name!r} is a {kind}: {REMEDIES.get(kind, 'the core does not take it; leave it out')}")
    if not stages:
        raise UserError("the graph has no neurons: it needs at least one Linear or Affine node followed by LIF or IF")
    if weight is not None:
        raise UserError(f"the graph ends with weights but no neurons behind {stages[-1].name!r}: add LIF, or LI to read potentials")
    return stages


def _chain(graph) -> list:
    """Names of the nodes between Input and Output, in order."""
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    for name, kind in kinds.items():
        if kind not in ("Input", "Output", "Affine", "Linear", "Scale", "Flatten", *NEURONS):
            raise UserError(f"node {name!r} is a {kind}: {REMEDIES.get(kind, 'the core does not take it; leave it out')}")
    inputs = [name for name, kind in kinds.items() if kind == "Input"]
    if len(inputs) != 1:
        raise UserError(f"the graph has {len(inputs)} Input nodes, must have 1")
    after = {}
    before = {}
    for source, target in dict.fromkeys((str(a), str(b)) for a, b in graph.edges):
        for name in (source, target):
            if name not in kinds:
                raise UserError(f"the graph has an edge to {name!r} but no such node: write it again")
        after.setdefault(source, []).append(target)
        before.setdefault(target, []).append(source)
    # First of all, so that a loop is called what its author calls it, and not a branch.
    for name in kinds:
        if any(_leads_to(after, follower, name) for follower in after.get(name, [])):
            raise UserError(f"node {name!r} is part of a loop: recurrence is not supported; use a feed-forward chain of layers")
    (name,) = inputs
    chain = []
    while kinds[name] != "Output":
        followers = after.get(name, [])
        if not followers:
            raise UserError(f"nothing follows node {name!r}: the graph must lead from Input to Output")
        if len(followers) > 1:
            raise UserError(f"node {name!r} feeds {', '.join(map(repr, followers))}: the core takes a chain of layers, one after the other")
        (name,) = followers
        if len(before[name]) > 1:
            raise UserError(f"node {name!r} is fed by {', '.join(map(repr, before[name]))}: the core takes a chain of layers, one after the other")
        chain.append(name)
    apart = set(kinds) - set(chain) - set(inputs)
    if apart:
        raise UserError(f"node {sorted(apart)[0]!r} is not on the way from Input to Output: leave it out")
    return chain[:-1]


def _leads_to(after, start, goal) -> bool:
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            todo += after.get(name, [])
    return False


def _parameters(name, kind, node, size) -> dict:
    """The neurons' parameters, one value a neuron."""
    names = {"LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"), "IF": ("r", "v_threshold", "v_reset"), "LI": ("tau", "r", "v_leak")}[kind]
    parameters = {}
    for parameter in names:
        value = getattr(node, parameter)
        if parameter == "v_reset" and value is None:
            value = 0.0
        values = _array(name, parameter, value, finite=parameter not in ("tau", "r")).reshape(-1)
        if values.size not in (1, size):
            raise UserError(f"node {name!r}: {parameter} has {values.size} values for {size} neurons")
        parameters[parameter] = np.broadcast_to(values, size)
    if "tau" in parameters and not np.isfinite(parameters["tau"]).all():
        # snnTorch writes beta = 1 as tau = r = infinity.
        raise UserError(f"node {name!r}: tau is not finite, so it never leaks: write it as an IF node, with r = 1 / dt")
    if not np.isfinite(parameters["r"]).all():
        raise UserError(f"node {name!r}: r has values that are not finite numbers: write the file again")
    return parameters


def _array(name, parameter, value, finite=True):
    """float64 array; frameworks leave their own tensors in graphs that never were files."""
    value = value.detach() if hasattr(value, "detach") else value
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"node {name!r}: {parameter} is not an array of numbers: write the file again") from None
    if finite and not np.isfinite(array).all():
        raise UserError(f"node {name!r}: {parameter} has values that are not finite numbers: train again, or write the file again")
    return array


def _require_size(name, found, size):
    if size is not None and found != size:
        raise UserError(f"node {name!r} takes {found} values, {size} reach it: check the layers' sizes, and that Flatten flattens all dimensions")
