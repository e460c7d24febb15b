"""Networks trained in snnTorch run on the core, and ours run in snnTorch."""

from types import SimpleNamespace

import numpy as np
import pytest

from lifarray.golden.evaluate import image_mse
from lifarray.golden.nir import export_nir, import_nir, read_graph
from lifarray.golden.nir.dynamics import run_float
from lifarray.golden.nir.graph import read_stages

# Both frameworks still call what nirtorch 2 has replaced.
pytestmark = pytest.mark.filterwarnings("ignore:nirtorch:DeprecationWarning")
DT = 1e-4       # whatever snnTorch was trained at, it writes its files for this


@pytest.fixture(scope="module")
def leaky(torch, snntorch):
    """leaky(n, ...): a Leaky layer as the package nir can write it, with a parameter for each neuron."""

    def make(n, beta=0.9, **settings):
        return snntorch.Leaky(beta=torch.full((n,), beta), threshold=torch.ones(n), init_hidden=True, **settings)

    return make


@pytest.fixture(scope="module", params=["subtract", "zero"])
def classifier(request, torch, leaky, train, write, tmp_path_factory):
    """784-128-10, trained with a reset, and the file that snnTorch writes of it."""
    from snntorch.export_nir import export_to_nir

    torch.manual_seed(1)
    layers = [torch.nn.Linear(784, 128), leaky(128, reset_mechanism=request.param)]
    layers += [torch.nn.Linear(128, 10), leaky(10, reset_mechanism=request.param)]
    module = torch.nn.Sequential(*layers)

    def forward(spikes):
        module[1].reset_mem()
        module[3].reset_mem()
        return sum(module(spikes[t]) for t in range(len(spikes)))

    train(forward, module.parameters())
    path = tmp_path_factory.mktemp("snntorch") / f"{request.param}.nir"
    write(path, export_to_nir(module, torch.zeros(784)))
    return SimpleNamespace(forward=forward, path=path, reset=request.param)


def test_version(snntorch):
    """What is said of snnTorch here and in the documentation was seen in this version."""
    assert snntorch.__version__.startswith("1.0.")


def test_same_classes_as_in_snntorch(classifier, digits, scores_of, check_classes):
    network, report = import_nir(classifier.path, DT, classifier.reset, sample=digits.test.spikes)
    print(f"mismatch {report.mismatch:.3f}")
    results = network.run(digits.test.spikes)
    # Spike counts are small numbers: of the network that resets to zero, 3 % of the digits are ties.
    check_classes(scores_of(classifier.forward, digits.test.spikes), results[-1].spikes.sum(axis=1), ties=classifier.reset == "zero")


def test_every_spike_on_the_simulated_core(classifier, digits, check_on_core):
    check_on_core(import_nir(classifier.path, DT, classifier.reset)[0], digits.test.spikes[:8])


def test_the_float_reference_is_snntorch(classifier, digits, torch, scores_of):
    """Not one class differs, and spike counts only where single precision decides a tie."""
    stages = read_stages(read_graph(classifier.path))
    spikes = digits.test.spikes[:200]
    modes = [{"subtract": "subtract_delayed", "zero": "zero"}[classifier.reset]] * 2
    counts = run_float(stages, spikes, DT, modes)[-1][0].sum(axis=1)
    expected = scores_of(classifier.forward, spikes)
    assert np.abs(counts - expected).sum() <= 0.002 * expected.sum()


def test_subtract_taken_for_zero_is_far_off_and_warned_about(classifier, digits):
    if classifier.reset != "subtract":
        pytest.skip("trained with a reset to zero")
    spikes = digits.test.spikes[:200]
    _, report = import_nir(classifier.path, DT, sample=spikes)
    assert any("--reset subtract" in warning for warning in report.warnings)
    stages = read_stages(read_graph(classifier.path))
    totals = [run_float(stages, spikes, DT, [mode] * 2)[-1][0].sum() for mode in ("subtract_delayed", "zero")]
    print(f"output spikes {totals[0]} with subtract, {totals[1]} with zero")
    assert totals[1] < 0.9 * totals[0]


@pytest.mark.parametrize("reset, settings", [("subtract", {}), ("zero", {}), ("zero", {"reset_delay": False}), ("none", {})], ids=str)
def test_resets_in_snntorchs_own_order(reset, settings, torch, leaky):
    """Numbers that need no rounding, so each spike is decided exactly: dyadic weights, beta = 1/2, few steps."""
    rng = np.random.default_rng(5)
    weight = rng.integers(-8, 13, (6, 9)) / 16
    spikes = rng.random((20, 16, 9)) < 0.5
    neurons = leaky(6, beta=0.5, reset_mechanism=reset, **settings)
    found = []
    for t in range(16):
        current = torch.from_numpy((spikes[:, t] @ weight.T).astype(np.float32))
        found.append(neurons(current).detach().numpy() > 0)
    from nir import LIF, Input, Linear, NIRGraph, Output

    each = np.full(6, 1.0)
    lif = LIF(tau=2 * DT * each, r=2 * each, v_leak=0 * each, v_threshold=each, v_reset=0 * each)
    nodes = {"input": Input(np.array([9])), "weight": Linear(weight), "lif": lif, "output": Output(np.array([6]))}
    graph = NIRGraph(nodes, [("input", "weight"), ("weight", "lif"), ("lif", "output")])
    _, report = import_nir(graph, DT, reset, sample=spikes, allow_mismatch=True)
    modes = [report.layers[0].reset_mode]
    expected = run_float(read_stages(graph), spikes, DT, modes)[0][0]
    assert np.array_equal(np.stack(found, axis=1), expected) and expected.any()


def test_our_autoencoder_in_snntorch(torch, snntorch, autoencoder, capsys):
    from snntorch.import_nir import import_from_nir

    network, pixels, spikes = autoencoder
    module = import_from_nir(export_nir(network))
    capsys.readouterr()     # it prints what it scales

    with torch.no_grad():
        counts = sum(module(torch.from_numpy(spikes[:, t].astype(np.float32)))[0] for t in range(network.n_steps)).numpy()
    figures = [image_mse(counts, pixels).mean(), image_mse(network.run(spikes)[-1].spikes.sum(axis=1), pixels).mean()]
    print("MSE {:.4f} in snnTorch, {:.4f} in integers".format(*figures))
    assert figures[0] == pytest.approx(figures[1], abs=0.005)
