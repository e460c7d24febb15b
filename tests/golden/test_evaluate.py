"""Images compared as the paper does, and the figures of networks."""

import json
from importlib import resources

import numpy as np
import pytest

from lifarray.golden import evaluate
from lifarray.golden.audio import FrontEnd
from lifarray.golden.errors import UserError
from lifarray.golden.network import Network
from lifarray.golden.quantize import quantize_network

DEMO_FILE = resources.files("lifarray.golden") / "pretrained" / "demo.lif"


def test_normalised_images_have_zero_mean_and_unit_variance():
    images = np.random.default_rng(31).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    z = evaluate.normalise(images)
    assert z.shape == (5, 784)
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(z.var(axis=1), 1)
    assert not evaluate.normalise(np.full((1, 28, 28), 7)).any()


def test_mse_by_hand():
    # Normalised: (-1, 1) and (1, -1): each differs by 2. A silent image differs by 1.
    np.testing.assert_allclose(evaluate.image_mse([[0, 3], [0, 3], [5, 5]], [[9, 1], [1, 2], [1, 2]]), [4, 0, 1])


def test_scores_are_the_mse_to_each_class_and_the_lowest_wins():
    rng = np.random.default_rng(32)
    classes = rng.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    digits = rng.integers(0, 10, 20)
    counts = classes[digits].reshape(20, -1) / 5 + rng.normal(0, 10, (20, 784))
    scores = evaluate.class_scores(counts, classes)
    for digit in range(10):
        np.testing.assert_allclose(scores[:, digit], evaluate.image_mse(counts, np.repeat(classes[digit : digit + 1], 20, axis=0)))
    np.testing.assert_array_equal(evaluate.nearest_class(counts, classes), digits)


def relay_network(**meta):
    """10 inputs, each relayed to the pixels of one class image: a perfect synthesizer."""
    rng = np.random.default_rng(33)
    classes = (rng.random((10, 28, 28)) < 0.2).astype(np.uint8) * 255
    weight = classes.reshape(10, 784) / 255.0
    return quantize_network(["relay"], [weight], n_steps=20, arrays={"class_images": classes}, meta=meta)


def test_a_perfect_network_scores_perfectly_and_its_mistakes_count():
    network = relay_network()
    rates = np.eye(10)[[3, 1, 4, 1]] * 0.5
    perfect = evaluate.score_audio(network, rates, [3, 1, 4, 1], np.random.default_rng(0))
    assert perfect == {"mse": pytest.approx(0, abs=1e-12), "accuracy": 1.0, "n": 4}
    wrong = evaluate.score_audio(network, rates, [3, 1, 4, 2], np.random.default_rng(0))
    assert wrong["accuracy"] == 0.75 and 0.2 < wrong["mse"] < 0.8


def test_synthesis_repeats_with_its_seed():
    network = relay_network()
    rates = np.random.default_rng(34).random((70, 10))
    first = evaluate.synthesize(network, rates, np.random.default_rng(5))
    assert first.shape == (70, 784) and 0 < first.max() <= 20
    np.testing.assert_array_equal(first, evaluate.synthesize(network, rates, np.random.default_rng(5)))
    assert (first != evaluate.synthesize(network, rates, np.random.default_rng(6))).any()


def test_the_maximum_rate_of_the_network_is_used():
    rates = np.full((20, 10), 1.0)
    counts = [evaluate.synthesize(relay_network(max_rate=r), rates, np.random.default_rng(0)).sum() for r in (1.0, 0.05)]
    assert counts[1] < 0.6 * counts[0]


def test_a_network_without_what_is_needed_is_refused():
    network = relay_network(recipe="x")
    with pytest.raises(UserError, match="'x' takes no audio"):
        evaluate.front_end(network)
    with pytest.raises(UserError, match="names no known set"):
        evaluate.evaluate(network)
    with pytest.raises(UserError, match="has no class images"):
        evaluate.class_images(Network(network.layers, 20, {"recipe": "x"}))
    with pytest.raises(UserError, match="784 pixels cannot be compared"):
        evaluate.class_scores(np.zeros((1, 784)), np.zeros((10, 100)))
    assert evaluate.front_end(relay_network(front_end=FrontEnd(n_frames=7).to_dict())).n_frames == 7


@pytest.fixture(scope="module")
def demo():
    return Network.load(DEMO_FILE)


def test_the_committed_network_reaches_its_figures(demo, data_dir):
    """The figures that the project promises, by the integer model on the official test split."""
    figures = evaluate.evaluate(demo, data_dir)
    assert figures["set"] == "fsdd-test" and figures["n"] >= 250
    assert figures["accuracy"] >= 0.97 and figures["mse"] <= 0.10
    assert figures["in_noise"]["n"] == figures["n"]
    assert 0.80 <= figures["in_noise"]["accuracy"] < figures["accuracy"]
    if "held_out_voices" in figures:
        assert figures["held_out_voices"]["n"] >= 100
        assert figures["held_out_voices"]["accuracy"] >= 0.80


def test_the_committed_network_fits_the_board_and_overflows_nowhere(demo):
    from lifarray.golden.config import CONFIGS

    core = CONFIGS["demo"]
    demo.check_fits(core)
    padded = sum(layer.fan_in * core.tiles(layer.n_neurons) * core.lanes for layer in demo.layers)
    assert padded <= 380_000


def shipped():
    folder = resources.files("lifarray.golden") / "pretrained"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".lif"))


@pytest.mark.parametrize("name", shipped())
def test_committed_networks_say_where_they_come_from(name):
    from lifarray.golden import recipes, train

    network = Network.load(DEMO_FILE.parent / name)
    assert (network.meta["recipe"] + ".lif", network.meta["seed"]) == (name, train.DEFAULT_SEED)
    # JSON knows lists only, recipes have tuples.
    described = json.loads(json.dumps(recipes.parameters(recipes.recipe(network.meta["recipe"]))))
    assert agree(network.meta["parameters"], described), "the recipe changed: train the network again"


def agree(stored, described):
    """A recipe may have got parameters since; those that it had are the same."""
    if isinstance(stored, dict):
        return all(name in described and agree(value, described[name]) for name, value in stored.items())
    if isinstance(stored, list):
        return len(stored) == len(described) and all(map(agree, stored, described))
    return stored == described


def test_committed_networks_are_small(demo):
    assert sum((DEMO_FILE.parent / name).stat().st_size for name in shipped()) <= 4_000_000
    assert demo.arrays["class_images"].shape == (10, 28, 28)


@pytest.mark.parametrize(
    "name, mse, hidden", [("mnist-ae-int8", 0.034, 96), ("mnist-ae-int4", 0.041, 104), ("mnist-ae-int4-thin", 0.053, 40)]
)
def test_committed_autoencoders_are_as_good_as_said(name, mse, hidden, data_dir):
    from lifarray.golden import datasets

    # Validation images: the test set is for `lifarray evaluate`.
    images = datasets.mnist("train", data_dir)[0][-500:]
    network = Network.load(DEMO_FILE.parent / f"{name}.lif")
    assert evaluate.score_autoencoder(network, images, np.random.default_rng(3))["mse"] <= mse
    events, _ = evaluate.activity(network, images.reshape(500, -1) / 255, np.random.default_rng(3))
    assert events[1] / network.n_steps <= hidden


@pytest.mark.parametrize("name", ["mnist-ae-int4", "mnist-ae-int4-thin", "mnist-classifier-int4"])
def test_committed_4_bit_networks_fit_a_narrow_core(name):
    from lifarray.golden.config import CoreConfig

    Network.load(DEMO_FILE.parent / f"{name}.lif").check_fits(CoreConfig(weight_bits=4, current_bits=12, vmem_bits=12))


def test_a_committed_classifier_knows_digits(data_dir):
    from lifarray.golden import datasets

    images, labels = datasets.mnist("train", data_dir)
    network = Network.load(DEMO_FILE.parent / "mnist-classifier-int4.lif")
    found = evaluate.score_classifier(network, images[-200:], labels[-200:], np.random.default_rng(3))
    assert found["accuracy"] >= 0.93 and found["n"] == 200
