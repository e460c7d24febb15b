"""Small MNIST classifiers, really trained in snnTorch and Norse. Without them these tests are skipped."""

from types import SimpleNamespace

import numpy as np
import pytest

from lifarray.golden import datasets
from lifarray.golden import train as training
from lifarray.golden.encode import poisson
from lifarray.golden.recipes import Phase

N_STEPS = 25
N_TRAIN = 30000
N_TEST = 1000
N_HIDDEN = 128
SEED = 11


@pytest.fixture(scope="session")
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-peers installs it")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)        # two cost more than they bring at this size
    yield torch
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def snntorch(torch):
    return pytest.importorskip("snntorch", reason="snnTorch is not installed: make test-peers installs it")


@pytest.fixture(scope="session")
def norse(torch):
    return pytest.importorskip("norse.torch", reason="Norse is not installed: make test-peers installs it")


@pytest.fixture(scope="session")
def digits(torch, data_dir):
    """train and test: spikes bool [n, N_STEPS, 784] and labels [n]. Not made without PyTorch."""
    sets = {}
    for split, n in (("train", N_TRAIN), ("test", N_TEST)):
        images, labels = datasets.mnist(split, data_dir)
        spikes = poisson(images[:n].reshape(n, -1) / 255.0, N_STEPS, np.random.default_rng(SEED))
        sets[split] = SimpleNamespace(spikes=spikes, labels=labels[:n].astype(np.int64))
    return SimpleNamespace(**sets)


@pytest.fixture(scope="session")
def train(torch, digits):
    """train(forward, parameters): two epochs on the training digits.

    ``forward`` takes spikes [n_steps, n_samples, 784] and returns scores [n_samples, 10].
    """

    def call(forward, parameters, learning_rate=1e-3, epochs=2, batch=100):
        optimizer = torch.optim.Adam(parameters, lr=learning_rate)
        rng = np.random.default_rng(SEED)
        for _ in range(epochs):
            order = rng.permutation(N_TRAIN)
            for chosen in order.reshape(-1, batch):
                spikes = torch.from_numpy(digits.train.spikes[chosen].swapaxes(0, 1).astype(np.float32))
                loss = torch.nn.functional.cross_entropy(forward(spikes), torch.from_numpy(digits.train.labels[chosen]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return call


@pytest.fixture(scope="session")
def scores_of(torch):
    """scores_of(forward, spikes): scores [n_samples, 10] of spikes [n_samples, n_steps, 784]."""

    def call(forward, spikes):
        with torch.no_grad():
            return forward(torch.from_numpy(spikes.swapaxes(0, 1).astype(np.float32))).numpy()

    return call


@pytest.fixture(scope="session")
def write():
    """write(path, graph): as a user does, with the package nir."""
    nir = pytest.importorskip("nir", reason="nir is not installed: make test-peers installs it")
    return nir.write


@pytest.fixture(scope="session")
def check_classes(digits):
    """check_classes(float scores, integer scores) of the test digits: what an import promises.

    Where a network's best classes are level, the first of them wins by its number alone. With
    ``ties=True`` a digit counts as the same if a best class of one is a best class of the other.
    """

    def call(scores, found_scores, ties=False):
        expected, found = scores.argmax(axis=1), found_scores.argmax(axis=1)
        accuracies = [(classes == digits.test.labels).mean() for classes in (expected, found)]
        best, found_best = (values == values.max(axis=1, keepdims=True) for values in (scores, found_scores))
        same, among_best = (found == expected).mean(), (best & found_best).any(axis=1).mean()
        print(f"accuracy {accuracies[0]:.3f} float, {accuracies[1]:.3f} integer; same class {same:.3f}, ties apart {among_best:.3f}")
        assert accuracies[0] > 0.8      # it was really trained
        assert (among_best if ties else same) >= 0.99
        assert abs(accuracies[0] - accuracies[1]) <= 0.01

    return call


@pytest.fixture(scope="session")
def check_on_core():
    """check_on_core(network, spikes): bit for bit, potentials too."""
    sim = pytest.importorskip("lifarray.sim", reason="the packages of the simulation are not installed")

    def call(network, spikes):
        simulation = sim.simulate(network, spikes, read_vmem=True)
        assert sim.count_mismatches(network, spikes, simulation) == 0
        assert any(out.any() for out, _ in simulation.layers)

    return call


@pytest.fixture(scope="session")
def autoencoder(torch, data_dir, tmp_path_factory):
    """Our own, trained on a part of MNIST: (network, pixels [n, 784], spikes [n, n_steps, 784])."""
    out = tmp_path_factory.mktemp("autoencoder") / "mnist-ae.lif"
    phases = (Phase("vmem", epochs=1, learning_rate=5e-4, final_rate=5e-5), Phase("bptt", epochs=4, learning_rate=3e-3, slope=4.0))
    network = training.train("mnist-ae-int8", data_dir, out, log=lambda text: None, n_train=3000, n_validation=100, phases=phases)
    pixels = datasets.mnist("test", data_dir)[0][:500].reshape(500, -1) / 255.0
    return network, pixels, poisson(pixels, network.n_steps, np.random.default_rng(SEED))
