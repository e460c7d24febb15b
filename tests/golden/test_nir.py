"""NIR in and out: what the numbers mean, what is refused, and that a round trip loses nothing."""

from pathlib import Path

import numpy as np
import pytest

from lifarray import golden
from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.network import Layer, Network
from lifarray.golden.nir import export_nir, graph_bytes, import_nir, read_graph
from lifarray.golden.nir.dynamics import RESETS, fold, run_float
from lifarray.golden.nir.graph import read_stages

nir = pytest.importorskip("nir", reason="nir is not installed: pip install 'lifarray[nir]'")

DT = 1e-3

DEMO = Path(golden.__file__).parent / "pretrained" / "demo.lif"


def chain(*nodes, fan_in=None):
    """A graph of these nodes, one after the other."""
    fan_in = fan_in or next(n.weight.shape[1] for n in nodes if hasattr(n, "weight"))
    names = ["input", *(f"n{i}" for i in range(len(nodes))), "output"]
    # Flatten and scalar parameters have no size that NIR's own type check could follow.
    every = [nir.Input(np.array([fan_in])), *nodes, nir.Output(np.array([1]))]
    return nir.NIRGraph(dict(zip(names, every)), list(zip(names, names[1:])), type_check=False)


def vector(n, value):
    return np.broadcast_to(np.asarray(value, dtype=float), n).copy()


def linear(weight):
    return nir.Linear(np.asarray(weight, dtype=float))


def lif(n, tau=10 * DT, r=1.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0):
    return nir.LIF(*(vector(n, value) for value in (tau, r, v_leak, v_threshold)), v_reset=vector(n, v_reset))


def integrate_and_fire(n, r=1 / DT, v_threshold=1.0, v_reset=0.0):
    return nir.IF(vector(n, r), vector(n, v_threshold), vector(n, v_reset))


def leaky_integrator(n, tau=10 * DT, r=1.0, v_leak=0.0):
    return nir.LI(vector(n, tau), vector(n, r), vector(n, v_leak))


def random_spikes(rng, n_samples, n_steps, fan_in, rate=0.4):
    return rng.random((n_samples, n_steps, fan_in)) < rate


def by_hand(graph_nodes, spikes, dt, reset):
    """NIR's equations, one neuron and one step at a time; (affine, neurons) pairs in, last spikes and vmem out."""
    for affine, neurons in graph_nodes:
        n_samples, n_steps, fan_in = spikes.shape
        n = len(affine.weight)
        out = np.zeros((n_samples, n_steps, n), dtype=bool)
        last = np.zeros((n_samples, n))
        for s in range(n_samples):
            for j in range(n):
                v = float(neurons.v_leak[j]) if hasattr(neurons, "v_leak") else 0.0
                owed = 0.0
                for t in range(n_steps):
                    current = sum(affine.weight[j, i] for i in range(fan_in) if spikes[s, t, i])
                    current += affine.bias[j] if hasattr(affine, "bias") else 0.0
                    if hasattr(neurons, "tau"):
                        v = v + dt / neurons.tau[j] * ((neurons.v_leak[j] - v) + neurons.r[j] * current)
                    else:
                        v = v + dt * neurons.r[j] * current
                    v, owed = v - owed, 0.0
                    if not hasattr(neurons, "v_threshold"):
                        continue
                    if v > neurons.v_threshold[j]:
                        out[s, t, j] = True
                        if reset == "zero":
                            v = neurons.v_reset[j]
                        if reset == "subtract_now":
                            v -= neurons.v_threshold[j]
                        if reset == "subtract":
                            owed = neurons.v_threshold[j]
                last[s, j] = v
        spikes = out
    return spikes, last


# The float reference.


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("reset", RESETS)
def test_float_network_against_plain_loops(seed, reset):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, 3)
    v_reset = rng.uniform(-0.5, 0.5, 2) if reset == "zero" else np.zeros(2)
    pairs = [
        (
            nir.Affine(rng.normal(0.6, 1, (sizes[1], sizes[0])), rng.normal(0.3, 0.3, sizes[1])),
            lif(sizes[1], tau=rng.uniform(1, 20, sizes[1]) * DT, r=2.5, v_leak=0.2, v_threshold=rng.uniform(0.7, 1, sizes[1]), v_reset=v_reset[0]),
        ),
        (linear(rng.normal(0.6, 1, (sizes[2], sizes[1]))), integrate_and_fire(sizes[2], r=0.7 / DT, v_reset=v_reset[1])),
    ]
    spikes = random_spikes(rng, 3, 20, sizes[0])
    stages = read_stages(chain(*(node for pair in pairs for node in pair)))
    out, last, _, _ = run_float(stages, spikes, DT, [RESETS[reset]] * 2)[-1]
    expected, expected_vmem = by_hand(pairs, spikes, DT, reset)
    assert expected.any()
    assert np.array_equal(out, expected)
    assert np.allclose(last, expected_vmem)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("reset", RESETS)
def test_folding_changes_no_spike(seed, reset):
    """The core's form, in floats: threshold 1, reset to 0, whatever the neurons' own potentials."""
    rng = np.random.default_rng(seed)
    n = 5
    v_reset = rng.uniform(-0.5, 0.5, n) if reset == "zero" else 0.0
    neurons = lif(n, tau=5 * DT, r=rng.uniform(1, 3, n), v_leak=rng.uniform(-0.3, 0.3, n), v_threshold=rng.uniform(0.7, 1.5, n), v_reset=v_reset)
    (stage,) = read_stages(chain(nir.Affine(rng.normal(0.3, 1, (n, 7)), rng.normal(0, 0.3, n)), neurons))
    spikes = random_spikes(rng, 4, 25, 7)
    mode = RESETS[reset]
    expected, _, _, _ = run_float([stage], spikes, DT, [mode])[0]
    folded = fold(stage, DT, mode)
    vmem, spike = folded.v_init * np.ones((4, 1)), np.zeros((4, n), dtype=bool)
    for t in range(25):
        vmem = folded.decay * vmem + spikes[:, t] @ folded.weight + folded.bias
        vmem = vmem - spike if mode == "subtract_delayed" else vmem
        spike = vmem > 1
        assert np.array_equal(spike, expected[:, t])
        vmem = np.where(spike, 0, vmem) if mode == "zero" else vmem - spike if mode == "subtract" else vmem
    assert expected.any()


# Integers.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reset", RESETS)
def test_numbers_that_integers_hold_give_the_same_spikes(seed, reset):
    """Multiples of 1/16 without decay need no rounding, so not one spike may differ, ties included."""
    rng = np.random.default_rng(seed)
    n = 6
    v_reset = 0.25 if reset == "zero" else 0.0
    graph = chain(
        nir.Affine(rng.integers(-12, 16, (n, 8)) / 16, rng.integers(-4, 5, n) / 16),
        integrate_and_fire(n, v_threshold=1.25 if reset == "zero" else 1.0, v_reset=v_reset),
        linear(rng.integers(-12, 16, (4, n)) / 16),
        integrate_and_fire(4),
    )
    spikes = random_spikes(rng, 8, 30, 8)
    network, report = import_nir(graph, DT, reset, sample=spikes, limit=0)
    assert report.mismatch == 0 and report.same_class == 1
    assert [layer.step_mismatches for layer in report.layers] == [0, 0]
    assert all(layer.float_spikes for layer in report.layers)
    assert [layer.reset_mode for layer in network.layers] == [RESETS[reset]] * 2


def test_a_potential_at_the_threshold_does_not_spike():
    """NIR fires strictly above: two spikes of 1/2 reach 1 and no more, a third goes beyond."""
    spikes = np.ones((1, 3, 1), dtype=bool)
    network, report = import_nir(chain(linear([[0.5]]), integrate_and_fire(1)), DT, sample=spikes, limit=0)
    (layer,) = network.layers
    assert network.run(spikes)[0].spikes.ravel().tolist() == [False, False, True]
    assert layer.v_threshold == layer.v_subtract + 1 == layer.weight_scale * (1 << layer.frac_bits) + 1
    assert report.layers[0].step_mismatches == 0


def test_snntorch_subtracts_a_step_later_after_the_decay():
    """0.75 a step at beta 1/2, by hand: 0.75, 1.125 (spike), 0.75 + 0.5625 − 1 = 0.3125, 0.90625, 1.203125 (spike)."""
    spikes = np.ones((1, 5, 1), dtype=bool)
    graph = chain(linear([[0.75]]), lif(1, tau=2 * DT, r=2.0))
    for reset, expected in (("subtract", [0, 1, 0, 0, 1]), ("subtract_now", [0, 1, 0, 1, 0]), ("zero", [0, 1, 0, 1, 0])):
        network, _ = import_nir(graph, DT, reset, sample=spikes, limit=0)
        assert network.run(spikes)[0].spikes.ravel().tolist() == expected, reset


def test_decay_weights_and_bias_follow_forward_euler():
    weight, bias = np.array([[0.5, -0.25]]), np.array([0.1])
    (stage,) = read_stages(chain(nir.Affine(weight, bias), lif(1, tau=4 * DT, r=3.0, v_leak=0.2, v_threshold=0.8, v_reset=0.3)))
    folded = fold(stage, DT, "zero")
    a, unit = 0.25, 0.5
    assert np.allclose(folded.decay, 1 - a)
    assert np.allclose(folded.weight.T, 3.0 * a * weight / unit)
    assert np.allclose(folded.bias, (3.0 * a * bias + a * (0.2 - 0.3)) / unit)
    assert np.allclose(folded.v_init, (0.2 - 0.3) / unit)
    (stage,) = read_stages(chain(nir.Affine(weight, bias), integrate_and_fire(1, r=3.0)))
    folded = fold(stage, DT, "zero")
    assert np.allclose(folded.decay, 1)
    assert np.allclose(folded.weight.T, 3.0 * DT * weight)
    assert np.allclose(folded.bias, 3.0 * DT * bias)


def test_a_bias_larger_than_a_weight_takes_several_rows():
    graph = chain(nir.Affine(np.array([[127, -64], [33, 101]]) / 512, np.array([512, -384]) / 512), integrate_and_fire(2, v_threshold=4.0))
    spikes = random_spikes(np.random.default_rng(0), 5, 20, 2)
    network, report = import_nir(graph, DT, sample=spikes, limit=0)
    (layer,) = network.layers
    assert layer.bias_rows == report.layers[0].bias_rows > 1
    assert np.array_equal(layer.weight[2:].astype(int).sum(axis=0), np.array([1, -0.75]) * layer.weight_scale)
    assert report.layers[0].step_mismatches == 0


def test_parameters_that_differ_are_taken_into_the_weights():
    """r, v_threshold and v_reset may differ from neuron to neuron; the core has one threshold for all."""
    rng = np.random.default_rng(2)
    thresholds = np.array([0.5, 1.0, 2.0, 4.0])
    graph = chain(linear(rng.integers(-6, 12, (4, 6)) / 16), integrate_and_fire(4, r=np.array([1, 2, 1, 4]) / DT, v_threshold=thresholds))
    _, report = import_nir(graph, DT, sample=random_spikes(rng, 6, 30, 6), limit=0)
    assert report.layers[0].step_mismatches == 0 and report.layers[0].float_spikes > 100


@pytest.mark.parametrize("kind", ["LIF", "LI"])
def test_a_readout_follows_the_float_potential(kind):
    rng = np.random.default_rng(4)
    graph = chain(
        nir.Affine(rng.normal(0.1, 0.4, (20, 30)), rng.normal(0, 0.1, 20)),
        lif(20, tau=4 * DT, r=4.0),
        nir.Affine(rng.normal(0, 0.4, (5, 20)), rng.normal(0, 0.2, 5)),
        leaky_integrator(5, tau=8 * DT, r=2.0, v_leak=0.5),
    )
    spikes = random_spikes(rng, 40, 25, 30)
    network, report = import_nir(graph, DT, sample=spikes)
    last = network.layers[-1]
    found = network.run(spikes)[-1].vmem / (last.weight_scale * (1 << last.frac_bits))
    expected = run_float(read_stages(graph), spikes, DT, ["zero", "none"])[-1][1]
    assert np.sqrt(np.mean((found - expected) ** 2)) == pytest.approx(report.mismatch * np.sqrt(np.mean(expected**2)))
    assert 0 < report.mismatch < 0.05 and report.same_class >= 0.9
    assert last.reset_mode == "none" and network.meta["readout"] == "vmem"
    assert not network.run(spikes)[-1].spikes.any()


def test_random_networks_stay_close_and_say_how_close():
    rng = np.random.default_rng(7)
    decay = {"tau": DT * 256 / 26, "r": 256 / 26}        # one that the core has, so that the weights alone are rounded
    graph = chain(
        nir.Affine(rng.normal(0, 0.15, (60, 100)), rng.normal(0, 0.05, 60)),
        lif(60, **decay),
        linear(rng.normal(0.02, 0.2, (10, 60))),
        lif(10, **decay),
    )
    spikes = random_spikes(rng, 100, 25, 100, 0.2)
    found = {bits: import_nir(graph, DT, bits=bits, sample=spikes, allow_mismatch=True)[1] for bits in (8, 4)}
    assert 2 * found[8].mismatch < found[4].mismatch
    assert found[8].mismatch < 0.1
    for bits, report in found.items():
        low, high = report.layers[0].integer_range
        assert -(1 << bits - 1) <= low and high < 1 << bits - 1
        assert report.n_samples == 100
    with pytest.raises(UserError, match="limit 5.0%.*--bits 8.*--allow-mismatch"):
        import_nir(graph, DT, bits=4, sample=spikes)
    limits = [found[4].mismatch * factor for factor in (1.01, 0.99)]
    import_nir(graph, DT, bits=4, sample=spikes, limit=limits[0])
    with pytest.raises(UserError, match="--allow-mismatch"):
        import_nir(graph, DT, bits=4, sample=spikes, limit=limits[1])


def test_clipped_weights_are_counted():
    """Two weights far beyond the others are cut rather than cost all of them a bit."""
    weight = np.random.default_rng(6).normal(0, 0.1, (20, 200))
    weight[0, :2] = 1.0
    network, report = import_nir(chain(linear(weight), lif(20, r=10.0)), DT)
    (layer,) = report.layers
    assert layer.weight_range[1] * layer.weight_scale > 127.5 and network.layers[0].weight.max() == 127
    assert layer.clipped == (np.abs(weight * layer.weight_scale) > 127.5).sum() >= 2


def test_the_counted_mismatch_is_that_of_the_networks():
    rng = np.random.default_rng(8)
    graph = chain(linear(rng.normal(0, 0.3, (10, 40))), lif(10, r=10.0))
    spikes = random_spikes(rng, 50, 30, 40)
    network, report = import_nir(graph, DT, sample=spikes, allow_mismatch=True)
    expected = run_float(read_stages(graph), spikes, DT, ["zero"])[0][0]
    found = network.run(spikes)[0].spikes
    difference = np.abs(expected.sum(axis=1) - found.sum(axis=1)).sum()
    assert report.layers[0].count_mismatches == difference > 0
    assert report.layers[0].step_mismatches == (expected != found).sum() > difference
    assert report.mismatch == difference / expected.sum()


def test_currents_fit_the_core_whatever_the_fan_in():
    rng = np.random.default_rng(9)
    graph = chain(linear(rng.uniform(0, 1, (3, 5000))), lif(3, r=10.0, v_threshold=50.0))
    network, report = import_nir(graph, DT)
    (layer,) = report.layers
    assert layer.current_range[1] == network.layers[0].weight.astype(int).sum(axis=0).max() < 1 << 15
    assert layer.current_bits == 16
    _, report = import_nir(graph, DT, current_bits=20)
    assert 16 < report.layers[0].current_bits <= 20 and report.layers[0].integer_range[1] > 4 * layer.integer_range[1]


def test_vmem_bits_are_a_bound():
    """The worst input there is, at the width that the report names: nothing saturates, and a bit less does."""
    graph = chain(linear([[0.9, 0.7, -0.8]]), lif(1, tau=20 * DT, r=20.0))
    network, report = import_nir(graph, DT, "none", n_steps=30)
    bits = report.layers[0].vmem_bits
    worst = np.zeros((2, 30, 3), dtype=bool)
    worst[0, :, :2] = worst[1, :, 2] = True
    assert network.layers[0].run(worst, bits).saturations == 0
    assert network.layers[0].run(worst, bits - 1).saturations > 0


# Structure.


def test_scale_flatten_and_merged_weights_change_nothing():
    rng = np.random.default_rng(10)
    weight, more, scale = rng.normal(0, 0.5, (6, 4)), rng.normal(0, 0.5, (3, 6)), rng.uniform(0.5, 2, 6)
    neurons = integrate_and_fire(3)
    plain = import_nir(chain(linear(more @ (scale[:, None] * weight)), neurons), DT)[0]
    flatten = nir.Flatten(np.array([2, 2]), 0, -1)
    folded = import_nir(chain(flatten, linear(weight), nir.Scale(scale), linear(more), neurons, fan_in=4), DT)[0]
    assert np.array_equal(plain.layers[0].weight, folded.layers[0].weight)
    merged, affine = (
        import_nir(chain(*nodes, neurons), DT)[0].layers[0].weight
        for nodes in (
            (nir.Affine(weight, np.ones(6)), nir.Affine(more, np.full(3, 0.5))),
            (nir.Affine(more @ weight, more @ np.ones(6) + 0.5),),
        )
    )
    assert np.array_equal(merged, affine)
    first = import_nir(chain(nir.Scale(np.array([1.0, 2, 3, 4])), linear(weight), integrate_and_fire(6)), DT)[0]
    assert np.array_equal(first.layers[0].weight, import_nir(chain(linear(weight * [1, 2, 3, 4]), integrate_and_fire(6)), DT)[0].layers[0].weight)


def test_scalar_parameters_are_those_of_all_neurons():
    """snnTorch and Norse leave them in their graphs unless told a value for each neuron."""
    scalar = np.float32
    node = nir.LIF(scalar(10 * DT), scalar(2), scalar(0), scalar(1), scalar(0))
    weight = np.random.default_rng(1).normal(0, 1, (3, 4))
    found, expected = (import_nir(chain(linear(weight), neurons), DT)[0].layers[0] for neurons in (node, lif(3, r=2.0)))
    assert np.array_equal(found.weight, expected.weight) and found.decay == expected.decay


def cuba(n):
    return nir.CubaLIF(*(vector(n, value) for value in (0.01, 0.01, 1, 0, 1)))


def recurrent():
    nodes = {
        "input": nir.Input(np.array([2])),
        "weights": linear(np.eye(2)),
        "lif": lif(2),
        "back": linear(np.eye(2)),
        "output": nir.Output(np.array([2])),
    }
    edges = [("input", "weights"), ("weights", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def branching():
    nodes = {
        "input": nir.Input(np.array([2])),
        "a": linear(np.eye(2)),
        "b": linear(np.eye(2)),
        "lif": lif(2),
        "output": nir.Output(np.array([2])),
    }
    return nir.NIRGraph(nodes, [("input", "a"), ("input", "b"), ("a", "lif"), ("b", "lif"), ("lif", "output")], type_check=False)


def nested():
    inner = nir.NIRGraph.from_list(linear(np.eye(2)), lif(2))
    return chain(linear(np.eye(2)), inner, lif(2))


def convolution():
    return nir.Conv2d((8, 8), np.ones((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1))


TWO = np.eye(2)
REFUSED = {
    "CubaLIF": (lambda: chain(linear(TWO), cuba(2)), {}, "'n1' is a CubaLIF: .*train with LIF"),
    "recurrence": (recurrent, {}, "'(lif|back)' is part of a loop: recurrence is not supported"),
    "branch": (branching, {}, "'input' feeds 'a', 'b': the core takes a chain"),
    "graph in graph": (nested, {}, "'n1' is a NIRGraph: recurrence and graphs within"),
    "convolution": (lambda: chain(convolution(), linear(TWO), lif(2), fan_in=2), {}, "'n0' is a Conv2d: convolution is not supported yet"),
    "delay": (lambda: chain(linear(TWO), nir.Delay(np.ones(2)), lif(2)), {}, "'n1' is a Delay"),
    "integrator": (lambda: chain(linear(TWO), nir.I(np.ones(2))), {}, "'n1' is a I: use LI"),
    "no weights": (lambda: chain(lif(2), linear(TWO), lif(2)), {}, "'n0': LIF neurons without weights"),
    "no neurons": (lambda: chain(linear(TWO)), {}, "no neurons"),
    "weights last": (lambda: chain(linear(TWO), lif(2), linear(TWO)), {}, "ends with weights"),
    "LI inside": (lambda: chain(linear(TWO), leaky_integrator(2), linear(TWO), lif(2)), {}, "LI does not spike"),
    "sizes": (lambda: chain(linear(TWO), lif(2), linear(np.ones((2, 3))), lif(2)), {}, "'n2' takes 3 values, 2 reach it"),
    "parameters": (lambda: chain(linear(TWO), lif(3)), {}, "tau has 3 values for 2 neurons"),
    "not finite": (lambda: chain(linear(TWO * np.nan), lif(2)), {}, "weight has values that are not finite"),
    "never leaks": (lambda: chain(linear(TWO), lif(2, tau=np.inf, r=np.inf)), {}, "tau is not finite.*IF"),
    "tau differs": (lambda: chain(linear(TWO), lif(2, tau=[0.01, 0.02])), {}, "'n1': tau differs within the layer"),
    "start differs": (lambda: chain(linear(TWO), lif(2, v_leak=[0, 0.5])), {}, "the potential at the start differs"),
    "tau below dt": (lambda: chain(linear(TWO), lif(2, tau=DT / 2)), {}, "dt = 0.001 s is longer than tau = 0.0005 s"),
    "negative tau": (lambda: chain(linear(TWO), lif(2, tau=-1.0)), {}, "tau = -1 s, must be above 0"),
    "threshold": (lambda: chain(linear(TWO), lif(2, v_reset=[0, 1])), {}, "neuron 1: v_threshold = 1 must be above v_reset"),
    "reset": (lambda: chain(linear(TWO), lif(2, v_reset=0.5)), {"reset": "subtract"}, "v_reset = 0.5 does not go with reset"),
    "unknown reset": (lambda: chain(linear(TWO), lif(2)), {"reset": "half"}, "unknown reset 'half': choose from zero"),
    "dt": (lambda: chain(linear(TWO), lif(2)), {"dt": 0}, "dt = 0, must be"),
    "steps": (lambda: chain(linear(TWO), lif(2)), {"n_steps": 0}, "n_steps = 0"),
    "bits": (lambda: chain(linear(TWO), lif(2)), {"bits": 5}, "weights of 5 bits"),
    "analogue": (lambda: chain(linear(TWO), lif(2)), {"sample": np.full((1, 4, 2), 0.5)}, "spikes must be 0 or 1"),
    "sample": (lambda: chain(linear(TWO), lif(2)), {"sample": np.ones((1, 4, 3))}, "fan_in = 2"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals_name_the_node_and_the_remedy(kind):
    graph, settings, message = REFUSED[kind]
    with pytest.raises(UserError, match=message) as refused:
        import_nir(graph(), **{"dt": DT, **settings})
    assert "\n" not in str(refused.value)


def test_parameters_so_close_that_the_core_cannot_tell_them_apart_pass():
    """Single precision makes of one beta several."""
    tau = np.float32(10 * DT) * np.array([1, 1 + 1e-6, 1 - 1e-6])
    assert import_nir(chain(linear(np.eye(3)), lif(3, tau=tau)), DT)[0].layers[0].decay == 230


def test_files_of_snntorch_are_known_by_their_constants():
    def warnings_of(reset=None, dt=1e-4, r=10.0):
        return " ".join(import_nir(chain(linear(TWO), lif(2, tau=1e-3, r=r)), dt, reset)[1].warnings)

    assert "give --reset subtract" in warnings_of()
    assert "give --reset subtract" not in warnings_of("zero")
    assert "steps are 1e-4 s" in warnings_of(dt=5e-4) and "steps are 1e-4 s" not in warnings_of()
    assert "snnTorch" not in warnings_of(r=1.0)


def test_a_decay_that_eight_bits_cannot_hold_is_told():
    def warnings_of(tau):
        return " ".join(import_nir(chain(linear(TWO), lif(2, tau=tau)), DT)[1].warnings)

    assert "time constant" not in warnings_of(10 * DT)
    assert "its decay 0.99500 is 255/256 on the core, a time constant 1.28 times as long" in warnings_of(200 * DT)
    assert "it never leaks" in warnings_of(1000 * DT)


# Out, and back.


def random_network(rng, **changes):
    layers = [
        Layer(
            f"layer {i}",
            rng.integers(-80, 128, (fan_in + 1, n)),
            weight_bits=8,
            **{"v_threshold": 1025, "v_subtract": 1024, "decay": 230, "frac_bits": 1, "weight_scale": 512.0, "bias_rows": 1, **changes},
        )
        for i, (fan_in, n) in enumerate([(30, 20), (20, 6)])
    ]
    return Network(layers, n_steps=25)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"decay": 256},
        {"decay": 0},
        {"v_init": 300},
        {"v_init": -300, "decay": 256},
        {"reset_mode": "zero_delayed"},
        {"v_threshold": 128, "weight_scale": 128.0, "frac_bits": 0},     # as a trained network has it
        {"v_threshold": 777, "frac_bits": 0},
        {"v_threshold": 777, "frac_bits": 3, "v_init": 11},
        {"v_threshold": 20000, "frac_bits": 6, "decay": 3},
        {"v_threshold": 777, "decay": 256},
    ],
    ids=str,
)
def test_round_trip_gives_the_same_spikes(changes):
    rng = np.random.default_rng(12)
    network = random_network(rng, **changes)
    spikes = random_spikes(rng, 20, 25, 30, 0.5)
    back, report = import_nir(export_nir(network, DT), DT, sample=spikes)
    for ours, theirs in zip(network.layers, back.layers):
        assert np.array_equal(ours.weight, theirs.weight)
        # Even weights may come back as their halves, and that much more after the shift by frac_bits.
        assert (ours.decay, ours.v_threshold, ours.v_init, ours.frac_bits) == (theirs.decay, theirs.v_threshold, theirs.v_init, theirs.frac_bits)
    expected = network.run(spikes)[-1].spikes
    assert expected.any() and np.array_equal(expected, back.run(spikes)[-1].spikes)


def test_the_network_that_ships_comes_back_bit_for_bit():
    network = Network.load(DEMO)
    back, _ = import_nir(export_nir(network), 1e-4, n_steps=network.n_steps)
    for ours, theirs in zip(network.layers, back.layers, strict=True):
        assert np.array_equal(ours.weight, theirs.weight)
        for name in ("v_threshold", "decay", "frac_bits", "reset_mode", "v_init", "bias_rows", "weight_scale"):
            assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_on_no_grid_or_too_wide_for_their_bits_are_rounded_as_before(bits):
    graph = export_nir(random_network(np.random.default_rng(14), v_threshold=777), DT)
    assert import_nir(graph, DT)[0].layers[0].v_threshold == 777
    if bits == 8:
        graph.nodes["layer_0_weight"].weight[3, 4] *= 1.001
    (first, _) = import_nir(graph, DT, bits=bits)[0].layers
    assert np.log2(first.v_threshold - 1) % 1 == np.log2(first.weight_scale) % 1 == 0


@pytest.mark.parametrize("bias, weight", [(30.0, 1e-9), (1e30, 1.0), (1e300, 1e-300), (-1e5, 0.01)])
def test_a_bias_beyond_what_rows_can_hold_is_refused_at_once(bias, weight):
    graph = chain(nir.Affine(np.array([[weight, -weight]]), np.array([bias])), lif(1))
    with pytest.raises(UserError, match="beside its bias .* weights of at most .* vanish"):
        import_nir(graph, DT)


def test_a_large_bias_takes_bits_from_the_weights_but_no_more_rows_than_the_core_has():
    weight = np.random.default_rng(15).normal(size=(3, 20)) * 0.02
    network, report = import_nir(chain(nir.Affine(weight, np.full(3, 40.0)), lif(3)), DT)
    (layer,) = network.layers
    assert 1 < layer.bias_rows <= 255 and np.abs(layer.weight[:20]).max() >= 1
    assert layer.weight[20:].astype(int).sum(axis=0).tolist() == [round(4 * layer.weight_scale)] * 3
    network.check_fits(CoreConfig())


def test_a_file_holds_what_the_graph_does(tmp_path):
    network = random_network(np.random.default_rng(13))
    graph = export_nir(network)
    (tmp_path / "a.nir").write_bytes(graph_bytes(graph))
    again = nir.read(tmp_path / "a.nir")        # with the library's own type check
    assert set(again.nodes) == set(graph.nodes)
    for found in (again, read_graph(tmp_path / "a.nir")):
        back = import_nir(found, 1e-4)[0]
        assert np.array_equal(back.layers[1].weight, network.layers[1].weight)


def test_a_readout_goes_out_as_li():
    rng = np.random.default_rng(14)
    network = random_network(rng)
    last = network.layers[-1]
    readout = Layer("readout", last.weight, 8, 32767, 0, 230, frac_bits=0, reset_mode="none", bias_rows=1, weight_scale=512.0)
    graph = export_nir(Network([network.layers[0], readout], 25), DT)
    assert isinstance(graph.nodes["readout"], nir.LI)
    back = import_nir(graph, DT, n_steps=25)[0]
    spikes = random_spikes(rng, 10, 25, 30)
    units = [2.0**layer.frac_bits * layer.weight_scale for layer in (readout, back.layers[-1])]
    ours, theirs = (n.run(spikes)[-1].vmem / unit for n, unit in zip((Network([network.layers[0], readout], 25), back), units))
    assert np.allclose(ours, theirs, atol=0.05 * np.abs(ours).max())


@pytest.mark.parametrize("mode", ["subtract", "subtract_delayed", "none"])
def test_resets_that_nir_cannot_say_are_refused(mode):
    with pytest.raises(UserError, match=f"'layer 0' has reset_mode '{mode}', and NIR knows reset to a value only"):
        export_nir(random_network(np.random.default_rng(0), reset_mode=mode))


def test_names_of_nodes_are_such_as_pytorch_takes():
    network = random_network(np.random.default_rng(0))
    layers = [Layer(name, layer.weight, 8, 1025, 1024, 230, bias_rows=1) for name, layer in zip(("1. lif/a", "1. lif/a"), network.layers)]
    assert list(export_nir(Network(layers, 5)).nodes) == [
        "input", "layer_1__lif_a_weight", "layer_1__lif_a", "layer_1__lif_a_2_weight", "layer_1__lif_a_2", "output",
    ]  # fmt: skip
