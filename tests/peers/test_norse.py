"""Networks trained in Norse run on the core, and ours run in Norse."""

from types import SimpleNamespace

import numpy as np
import pytest

from lifarray.golden.errors import UserError
from lifarray.golden.evaluate import image_mse
from lifarray.golden.network import Layer, Network
from lifarray.golden.nir import export_nir, import_nir, read_graph
from lifarray.golden.nir.dynamics import run_float
from lifarray.golden.nir.graph import read_stages

# Both frameworks still call what nirtorch 2 has replaced.
pytestmark = pytest.mark.filterwarnings("ignore:nirtorch:DeprecationWarning")
DT = 1e-3       # Norse's own


@pytest.fixture(scope="module")
def lif(torch, norse):
    """lif(n): LIF neurons as the package nir can write them, with parameters for each neuron."""

    def make(n, v_threshold=0.3):
        values = {"tau_mem_inv": 100.0, "v_leak": 0.0, "v_th": v_threshold, "v_reset": 0.0}
        return norse.LIFBoxCell(norse.LIFBoxParameters(**{name: torch.full((n,), value) for name, value in values.items()}))

    return make


@pytest.fixture(scope="module")
def classifier(torch, norse, lif, train, write, tmp_path_factory):
    """784-128-10 with a readout of membrane potential, trained, and the file that Norse writes of it."""
    torch.manual_seed(1)
    readout = norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=torch.full((10,), 100.0), v_leak=torch.zeros(10)))
    module = norse.SequentialState(torch.nn.Linear(784, 128), lif(128), torch.nn.Linear(128, 10), readout)

    def forward(spikes):
        state = None
        for step in spikes:
            vmem, state = module(step, state)
        return vmem

    train(forward, module.parameters(), learning_rate=3e-3)
    path = tmp_path_factory.mktemp("norse") / "classifier.nir"
    # Norse 1.1.0 multiplies tau by this dt, so only 1 leaves it in seconds.
    write(path, norse.to_nir(module, torch.zeros(1, 784), dt=1))
    return SimpleNamespace(forward=forward, path=path, module=module)


@pytest.fixture
def run_exported(torch, norse):
    """run_exported(network, spikes): output spikes bool [n_samples, n_steps, n] of our network in Norse."""

    def call(network, spikes):
        module = norse.from_nir(export_nir(network), dt=1e-4)
        state, out = None, []
        with torch.no_grad():
            for t in range(network.n_steps):
                step, state = module(torch.from_numpy(spikes[:, t].astype(np.float32)), state)
                out.append(step.numpy() > 0)
        return np.stack(out, axis=1)

    return call


def test_same_classes_as_in_norse(classifier, digits, scores_of, check_classes):
    network, report = import_nir(classifier.path, DT, sample=digits.test.spikes)
    print(f"mismatch {report.mismatch:.3f}")
    assert not any("snnTorch" in warning for warning in report.warnings)
    check_classes(scores_of(classifier.forward, digits.test.spikes), network.run(digits.test.spikes)[-1].vmem)


def test_every_spike_and_potential_on_the_simulated_core(classifier, digits, check_on_core):
    check_on_core(import_nir(classifier.path, DT)[0], digits.test.spikes[:8])


def test_the_float_reference_is_norse(classifier, digits, scores_of):
    spikes = digits.test.spikes[:200]
    vmem = run_float(read_stages(read_graph(classifier.path)), spikes, DT, ["zero", "none"])[-1][1]
    expected = scores_of(classifier.forward, spikes)
    # A spike that single precision decides otherwise moves a potential; most are the same.
    assert np.median(np.abs(vmem - expected)) < 1e-5 * np.abs(expected).max()


def test_a_file_written_with_norses_default_dt_is_refused(classifier, torch, norse):
    graph = norse.to_nir(classifier.module, torch.zeros(1, 784))
    with pytest.raises(UserError, match=r"dt = 0.001 s is longer than tau = 1e-05 s.*to_nir\(..., dt=1\)"):
        import_nir(graph, DT)
    expected, found = import_nir(classifier.path, DT)[0], import_nir(graph, DT * DT)[0]
    # Norse writes weights times tau, which is another float for each tau: one that lies between two integers may fall to either.
    difference = expected.layers[0].weight.astype(int) - found.layers[0].weight
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 1e-3


def test_integrate_and_fire_of_norse(torch, norse):
    """Norse's IAF adds its input whatever dt is: steps of 1 s to NIR."""
    rng = np.random.default_rng(3)
    linear = torch.nn.Linear(9, 6, bias=False)
    linear.weight.data = torch.from_numpy(rng.integers(-8, 13, (6, 9)) / 16).float()
    module = norse.SequentialState(linear, norse.IAFCell(norse.IAFParameters(v_th=torch.ones(6))))
    spikes = rng.random((20, 16, 9)) < 0.4
    state, found = None, []
    for t in range(16):
        out, state = module(torch.from_numpy(spikes[:, t].astype(np.float32)), state)
        found.append(out.detach().numpy() > 0)
    network, _ = import_nir(norse.to_nir(module, torch.zeros(1, 9), dt=1), 1.0, sample=spikes, limit=0)
    assert np.array_equal(np.stack(found, axis=1), network.run(spikes)[0].spikes)


def test_our_autoencoder_in_norse(autoencoder, run_exported):
    network, pixels, spikes = autoencoder
    counts = run_exported(network, spikes).sum(axis=1)
    figures = [image_mse(counts, pixels).mean(), image_mse(network.run(spikes)[-1].spikes.sum(axis=1), pixels).mean()]
    print("MSE {:.4f} in Norse, {:.4f} in integers".format(*figures))
    assert figures[0] == pytest.approx(figures[1], abs=0.005)
    assert figures[0] < 0.2         # it makes images


@pytest.mark.parametrize("decay, v_init", [(256, 0), (0, 0), (230, 100)])
def test_layers_of_ours_in_norse(decay, v_init, run_exported):
    """Layers that never leak, that forget at once, and that start elsewhere."""
    rng = np.random.default_rng(0)
    layers = [
        Layer(f"layer {i}", rng.integers(-60, 120, (fan_in, n)), 8, 300, 300, decay, v_init=v_init, bias_rows=1, weight_scale=256.0)
        for i, (fan_in, n) in enumerate([(31, 20), (21, 6)])
    ]
    network = Network(layers, 25)
    spikes = rng.random((20, 25, 30)) < 0.3
    found, expected = run_exported(network, spikes), network.run(spikes)[-1].spikes
    assert expected.any()
    if decay in (0, 256):           # nothing is rounded
        assert np.array_equal(found, expected)
    assert np.abs(found.sum(axis=1) - expected.sum(axis=1)).sum() <= 0.01 * expected.sum()
