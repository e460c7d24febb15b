"""Training: the tiny recipe end to end, resumed bit for bit, and what is refused."""

import json

import numpy as np
import pytest

from lifarray.golden import evaluate, recipes, stage, train, train_speech
from lifarray.golden.audio import FrontEnd
from lifarray.golden.augment import Augmentation, augmented_rates, coloured_noise
from lifarray.golden.errors import UserError
from lifarray.golden.network import Network

TINY_EPOCHS = 5
"""Of the tiny recipe: two of its autoencoder, three of its audiocoder."""


class StopTraining(Exception):
    pass


class StopAfter:
    """A log that interrupts training at its n-th message, before that epoch's checkpoint."""

    def __init__(self, n):
        self.left = n

    def __call__(self, text):
        self.left -= 1
        if self.left == 0:
            raise StopTraining


def silent(text):
    pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_dir):
    """A network file made in one go."""
    path = tmp_path_factory.mktemp("trained") / "tiny.lif"
    train.train("tiny", data_dir, path, log=silent)
    return path


def test_training_stopped_at_every_epoch_resumes_to_the_same_file(tmp_path, data_dir, trained):
    out = tmp_path / "resumed.lif"
    stops = 0
    while True:
        assert stops < TINY_EPOCHS, "a resumed training makes no progress"
        try:
            # Each attempt completes one epoch and loses the next.
            train.train("tiny", data_dir, out, resume=True, log=StopAfter(2))
        except StopTraining:
            stops += 1
            assert not out.exists() and out.with_name("resumed.lif.checkpoint").is_file()
        else:
            break
    assert stops == TINY_EPOCHS - 1
    assert out.read_bytes() == trained.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["resumed.lif"], "checkpoint and temporary files are gone"


def test_another_seed_makes_another_network(tmp_path, data_dir, trained):
    train.train("tiny", data_dir, tmp_path / "other.lif", seed=7, log=silent)
    other, first = Network.load(tmp_path / "other.lif"), Network.load(trained)
    assert other.meta["seed"] == 7 and first.meta["seed"] == train.DEFAULT_SEED
    assert (other.layers[0].weight != first.layers[0].weight).any()


def test_the_network_records_what_made_it_and_can_be_evaluated(trained, data_dir):
    network = Network.load(trained)
    assert network.meta["recipe"] == "tiny"
    assert network.meta["parameters"] == json.loads(json.dumps(recipes.parameters(recipes.recipe("tiny"))))
    assert evaluate.front_end(network) == recipes.TINY.front_end
    assert [layer.name for layer in network.layers] == ["audiocoder1", "audiocoder2", "decoder"]
    assert network.sizes == (39 * 6, 32, 49, 784)
    figures = evaluate.evaluate(network, data_dir)
    assert figures["set"] == "fsdd-test" and figures["n"] >= 250
    # Its few batches teach it a digit's mean image, no more; untrained it is at 1.
    assert figures["mse"] < 0.75


@pytest.mark.parametrize("refit, first", [(False, 10), (True, 5)])
def test_test_recordings_are_never_trained_on_and_validation_only_after_it(data_dir, monkeypatch, refit, first):
    heard = []
    monkeypatch.setattr(train_speech.datasets.Recording, "read", lambda self: (heard.append(self), (np.ones(8000), 8000))[1])
    monkeypatch.setattr(train_speech, "to_mono", lambda samples, *rest: samples)
    monkeypatch.setattr(train_speech.evaluate, "recording_rates", lambda front_end, recordings: recordings)
    recipe = recipes.recipe("demo", voice_rates=(), leave_out="lucas", refit=refit)
    run = stage.Run(recipe, 0, data_dir, log=silent)
    speech = train_speech.Speech(run, recipe)
    assert {r.index for r in heard} == set(range(first, 50))
    assert {r.index for r in speech.validation} == set(range(5, 10))
    assert "lucas" not in {r.speaker for r in [*heard, *speech.validation]}


def test_class_images_are_the_ones_nearest_to_the_mean():
    rng = np.random.default_rng(41)
    labels = np.repeat(np.arange(10), 6)
    prototypes = rng.integers(50, 200, (10, 28, 28))
    images = np.clip(prototypes[labels] + rng.integers(-50, 50, (60, 28, 28)), 0, 255).astype(np.uint8)
    images[::6] = prototypes            # the first of each class is its prototype, the likely nearest
    shuffle = rng.permutation(60)
    np.testing.assert_array_equal(train_speech.choose_class_images(images[shuffle], labels[shuffle]), prototypes)


def test_hidden_states_are_the_encoders_spikes():
    images = np.zeros((10, 28, 28), np.uint8)
    images[3] = 255                     # this one spikes in every step, the others never
    encoder = np.full((784, 5), 0.01, np.float32)
    states = train_speech.hidden_states(encoder, images, 15, np.random.default_rng(0))
    assert states.shape == (15, 10, 5)
    assert states[:, 3].all() and not np.delete(states, 3, axis=1).any()


def test_augmented_rates_vary_but_stay_rates():
    front_end = FrontEnd()
    t = np.arange(4000) / 8000
    samples = np.sin(2 * np.pi * (300 + 2000 * t) * t) * np.hanning(4000)
    one, two = (augmented_rates(front_end, samples, Augmentation(), np.random.default_rng(s)) for s in (1, 2))
    again = augmented_rates(front_end, samples, Augmentation(), np.random.default_rng(1))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (front_end.fan_in,) and 0 <= one.min() and one.max() <= 1
    assert np.abs(one - two).mean() > 0.01
    none = Augmentation(speed=0, warp=0, noisy_share=0, silence_seconds=0, equaliser_db=0, cut=0, time_warp=0)
    np.testing.assert_allclose(augmented_rates(front_end, samples, none, np.random.default_rng(1)), front_end.rates(samples, 8000), atol=1e-3)


def test_noise_has_unit_power_and_its_colour():
    noise = coloured_noise(8192, 1.0, np.random.default_rng(42))
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert np.mean(noise**2) == pytest.approx(1)
    # Pink noise has equal power in every octave: these two are three octaves apart.
    assert power[64:128].sum() == pytest.approx(power[512:1024].sum(), rel=0.5)


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(tmp_path, data_dir):
    out = tmp_path / "x.lif"
    with pytest.raises(StopTraining):
        train.train("tiny", data_dir, out, log=StopAfter(2))
    with pytest.raises(UserError, match="belongs to another recipe or seed"):
        train.train("tiny", data_dir, out, resume=True, seed=1, log=silent)
    checkpoint = out.with_name("x.lif.checkpoint")
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot be read"):
        train.train("tiny", data_dir, out, resume=True, log=silent)
    assert not out.exists()


def test_bad_requests_are_refused_before_any_work(tmp_path):
    with pytest.raises(UserError, match="no recipe 'dmeo': choose from demo"):
        train.train("dmeo", tmp_path, tmp_path / "x.lif")
    with pytest.raises(UserError, match="'colour'"):
        train.train("demo", tmp_path, tmp_path / "x.lif", colour=3)
    with pytest.raises(UserError, match="output folder .* does not exist"):
        train.train("tiny", tmp_path, tmp_path / "no" / "x.lif")
    with pytest.raises(UserError, match="is missing"):
        train.train("tiny", tmp_path, tmp_path / "x.lif")
    assert not list(tmp_path.iterdir())
