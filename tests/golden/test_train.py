"""Training: the tiny recipe end to end, resumed bit for bit, and what is refused."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from lifarray.golden import evaluate, recipes, stage, train, train_images, train_speech
from lifarray.golden.audio import FrontEnd
from lifarray.golden.augment import Augmentation, augmented_rates, coloured_noise
from lifarray.golden.errors import UserError
from lifarray.golden.network import Network

from .test_datasets import write_idx

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
            train.train("tiny", data_dir, out, resume=stops > 0, log=StopAfter(2))
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


@pytest.mark.parametrize("refit, n_trained", [(False, 1000), (True, 3000)])
def test_validation_images_are_trained_on_only_in_a_refit(monkeypatch, refit, n_trained):
    images = np.arange(3000)[:, None]
    monkeypatch.setattr(train_images, "load_images", lambda recipe, data_dir: (images, images))
    recipe = replace(recipes.TINY.autoencoder, refit=refit)
    trained_on, validation = train_images.split_images(recipe, None)
    assert [len(part) for part in trained_on] == [n_trained] * 2
    assert validation[0][:, 0].tolist() == list(range(2900, 3000))
    kept = {}
    run = stage.Run(recipe, 0, None, log=silent)
    monkeypatch.setattr(run, "stage", lambda *args, keep_last, **options: kept.update(last=keep_last))
    train_images.train_image_weights(run, recipe)
    assert kept == {"last": refit}


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
    with pytest.raises(UserError, match="belongs to another recipe, seed or data"):
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
    with pytest.raises(UserError, match="cannot write .*: there is no folder"):
        train.train("tiny", tmp_path, tmp_path / "no" / "x.lif")
    with pytest.raises(UserError, match="is missing"):
        train.train("tiny", tmp_path, tmp_path / "x.lif")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="it is a folder"):
        train.train("tiny", tmp_path, tmp_path)
    with pytest.raises(UserError, match="a file without a name"):
        train.train("tiny", tmp_path, "")


@pytest.fixture
def little_data(tmp_path):
    """The least that the tiny recipe takes: 1,100 images of all digits, recordings of index 0 to 39."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "data"
    write_idx(folder / "mnist" / "train-images-idx3-ubyte.gz", rng.integers(0, 256, (1100, 28, 28)))
    write_idx(folder / "mnist" / "train-labels-idx1-ubyte.gz", np.arange(1100) % 10)
    (folder / "fsdd" / "recordings").mkdir(parents=True)
    for index in range(40):
        write_recording(folder, index)
    return folder


def write_recording(folder, index, scale=0.3):
    t = np.arange(2400) / 8000
    samples = scale * np.sin(2 * np.pi * 500 * t) * np.sin(2 * np.pi * t)
    pytest.importorskip("soundfile").write(folder / "fsdd" / "recordings" / f"{index % 10}_ada_{index}.wav", samples, 8000)


def remove_recordings(folder, first, end):
    for path in (folder / "fsdd" / "recordings").iterdir():
        if first <= int(path.stem.rpartition("_")[2]) < end:
            path.unlink()


SHORTAGES = {
    "no training index": (lambda folder: remove_recordings(folder, 5, 99), "holds no recording of the training split"),
    "no validation index": (lambda folder: remove_recordings(folder, 5, 10), "kept for validation: it takes those of index 5, 6, 7, 8, 9"),
    "fewer than a batch": (lambda folder: remove_recordings(folder, 20, 99), "10 utterances are fewer than a batch of 25"),
    "a damaged recording": (lambda folder: write_recording(folder, 30, scale=0), "silent"),
    "few images": (
        lambda folder: (
            write_idx(folder / "mnist" / "train-images-idx3-ubyte.gz", np.ones((60, 28, 28))),
            write_idx(folder / "mnist" / "train-labels-idx1-ubyte.gz", np.arange(60) % 10),
            write_recording(folder, 30, scale=0),       # told first all the same: speech takes a minute to read
        ),
        "wants 1100 training images",
    ),
    "no image of a digit": (lambda folder: write_idx(folder / "mnist" / "train-labels-idx1-ubyte.gz", np.arange(1100) % 9), "hold no 9"),
}


@pytest.mark.filterwarnings("ignore::lifarray.golden.datasets.DataWarning")
@pytest.mark.parametrize("shortage", SHORTAGES)
def test_too_few_data_are_told_before_the_first_epoch(little_data, tmp_path, shortage):
    cut, message = SHORTAGES[shortage]
    cut(little_data)
    epochs = []
    with pytest.raises(UserError, match=message):
        train.train("tiny", little_data, tmp_path / "x.lif", log=epochs.append)
    assert epochs == [] and list(tmp_path.iterdir()) == [little_data]


@pytest.mark.filterwarnings("ignore::lifarray.golden.datasets.DataWarning")
@pytest.mark.parametrize("module, recipe", [("soundfile", "tiny"), ("espeakng_loader", "demo")])
def test_a_missing_package_is_told_before_the_first_epoch(little_data, tmp_path, monkeypatch, module, recipe):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"needs the Python package '{module.replace('_', '-')}'"):
        train.train(recipe, little_data, tmp_path / "x.lif", log=pytest.fail)


@pytest.mark.filterwarnings("ignore::lifarray.golden.datasets.DataWarning")
def test_a_checkpoint_is_neither_overwritten_nor_used_on_other_data(little_data, tmp_path):
    out = tmp_path / "x.lif"
    with pytest.raises(StopTraining):
        train.train("tiny", little_data, out, log=StopAfter(2))
    kept = train.checkpoint_of(out).read_bytes()
    with pytest.raises(UserError, match="x.lif.checkpoint' is left of a training that was stopped: go on with --resume"):
        train.train("tiny", little_data, out, log=silent)
    write_recording(little_data, 44)
    with pytest.raises(UserError, match="belongs to another recipe, seed or data"):
        train.train("tiny", little_data, out, resume=True, log=silent)
    remove_recordings(little_data, 44, 45)
    recording = next((little_data / "fsdd" / "recordings").iterdir())
    whole = recording.read_bytes()
    recording.write_bytes(whole[:-100])
    with pytest.raises(UserError, match="belongs to another recipe, seed or data"):
        train.train("tiny", little_data, out, resume=True, log=silent)
    recording.write_bytes(whole)
    write_idx(little_data / "mnist" / "train-images-idx3-ubyte.gz", np.ones((1100, 28, 28)))
    with pytest.raises(UserError, match="belongs to another recipe, seed or data"):
        train.train("tiny", little_data, out, resume=True, log=silent)
    assert train.checkpoint_of(out).read_bytes() == kept


@pytest.mark.filterwarnings("ignore::lifarray.golden.datasets.DataWarning")
def test_resuming_nothing_says_so(little_data, tmp_path):
    said = []

    def log(text):
        said.append(text)
        if len(said) == 2:
            raise StopTraining

    with pytest.raises(StopTraining):
        train.train("tiny", little_data, tmp_path / "x.lif", resume=True, log=log)
    assert "starting with the first epoch" in said[0]


def test_pairs_of_dataset_a_share_a_digits_image_and_those_of_b_do_not():
    rng = np.random.default_rng(91)
    labels = np.repeat(np.arange(10), 8)
    images = rng.integers(0, 256, (80, 28, 28)).astype(np.uint8)
    digits = rng.permutation(np.repeat(np.arange(10), 5))
    a = train_speech.Pairs.make("A", images, labels, digits, rng)
    assert a.images.shape == (10, 28, 28) and (a.of_utterance == digits).all()
    b = train_speech.Pairs.make("B", images, labels, digits, rng)
    assert len({image.tobytes() for image in b.images}) == 50, "each utterance has an image of its own"
    assert (b.labels[b.of_utterance] == digits).all()
    for image, label in zip(b.images, b.labels, strict=True):
        assert any((image == other).all() for other in images[labels == label])


def test_dataset_b_is_scored_by_the_nearest_image_of_the_same_digit():
    rng = np.random.default_rng(92)
    images = rng.integers(0, 256, (6, 28, 28)).astype(np.uint8)
    pairs = train_speech.Pairs(images, np.array([0, 0, 0, 1, 1, 1]), np.arange(6))
    made = images[[1, 4]].reshape(2, -1).astype(float)
    assert train_speech.nearest_mse(made, np.array([0, 1]), pairs) == pytest.approx(0, abs=1e-9)
    # The image is there, but of the other digit.
    assert train_speech.nearest_mse(made, np.array([1, 0]), pairs) > 0.5


def test_a_pool_holds_each_utterance_so_many_times(data_dir):
    recipe = recipes.recipe("tiny", variants=2, n_recordings=60)
    run = stage.Run(recipe, 0, data_dir, log=silent)
    speech = train_speech.Speech(run, recipe)
    assert speech.pool.shape == (2, len(speech.digits), recipe.front_end.fan_in)
    assert np.abs(speech.pool[0] - speech.pool[1]).mean() > 0.01
    n, batches = speech.epoch(recipe.phases[0], np.random.default_rng(0))
    rates, members = next(iter(batches))
    assert n == len(speech.digits) // 25 and rates.dtype == np.float32 and len(set(members)) == 25
    for row, member in zip(rates, members, strict=True):
        assert any((row == speech.pool[v, member]).all() for v in range(2))


def test_rounding_in_the_loop_resumes_and_its_network_rounds_to_itself(tmp_path, data_dir):
    phases = (
        recipes.Phase("vmem", epochs=1, learning_rate=2e-3, batch=50),
        recipes.Phase("bptt", epochs=2, learning_rate=2e-3, batch=50, slope=4.0, weight_bits=4, weight_limit=1.0),
    )
    changes = dict(phases=phases, weight_bits=4, frac_bits=3, vmem_bits=12, hidden=20, n_train=200, n_validation=50)
    whole = train.train("mnist-ae-int4", data_dir, tmp_path / "whole.lif", log=silent, **changes)
    stopped = tmp_path / "stopped.lif"
    with pytest.raises(StopTraining):
        train.train("mnist-ae-int4", data_dir, stopped, log=StopAfter(3), **changes)
    train.train("mnist-ae-int4", data_dir, stopped, resume=True, log=silent, **changes)
    assert stopped.read_bytes() == (tmp_path / "whole.lif").read_bytes()
    assert (whole.vmem_bits, whole.layers[0].weight_bits, whole.layers[0].frac_bits) == (12, 4, 3)


def test_a_classifier_learns(tmp_path, data_dir):
    phases = (recipes.Phase("bptt", epochs=3, learning_rate=5e-3, batch=50, n_steps=10, slope=4.0),)
    network = train.train(
        "mnist-classifier-int4", data_dir, tmp_path / "c.lif", log=silent,
        phases=phases, hidden=30, n_steps=10, n_train=1000, n_validation=200,
    )  # fmt: skip
    assert network.sizes == (784, 30, 10)
    assert network.meta["validation"]["error"] < 0.5       # by chance: 0.9
