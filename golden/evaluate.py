"""How good a network is: images compared as the paper does, on the set that its recipe names.

The comparison of images needs NumPy only; data sets and voices are imported where they are used.
"""

import numpy as np

from .audio import FrontEnd, to_mono
from .augment import Augmentation, augmented_rates
from .encode import poisson
from .errors import UserError

BATCH = 64
EVALUATION_SEED = 2019
"""Of the Poisson encoder: an evaluation repeats to the last spike."""
IN_NOISE = Augmentation(
    speed=0.0, warp=0.0, noise_db=(10.0, 10.0), noisy_share=1.0, silence_seconds=0.3, equaliser_db=0.0, cut=0.0, time_warp=0.0
)
"""Between white and pink, 10 dB below the speech, and up to 0.3 s of it before and after."""


def normalise(images):
    """Zero mean and unit variance of each image (section 3.1): float64 [n_samples, n].

    ``images`` is [n_samples, ...]; a constant image becomes 0.
    """
    images = np.asarray(images, dtype=np.float64)
    images = images.reshape(len(images), -1)
    images = images - images.mean(axis=1, keepdims=True)
    deviation = images.std(axis=1, keepdims=True)
    return images / np.where(deviation > 0, deviation, 1.0)


def image_mse(images, targets):
    """Mean square error of normalised images, the paper's "MSE": float64 [n_samples]."""
    return np.mean((normalise(images) - normalise(targets)) ** 2, axis=1)


def class_scores(images, class_images):
    """MSE of each image to each class image: float64 [n_samples, n_classes], lower is nearer."""
    a, b = normalise(images), normalise(class_images)
    if a.shape[1] != b.shape[1]:
        raise UserError(f"images of {a.shape[1]} pixels cannot be compared with class images of {b.shape[1]}")
    return ((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T) / a.shape[1]


def nearest_class(images, class_images):
    """Class whose image has the lowest MSE: int64 [n_samples]."""
    return class_scores(images, class_images).argmin(axis=1)


def synthesize(network, rates, rng: np.random.Generator):
    """Spike counts of the last layer, by the integer model.

    Parameters
    ----------
    network : Network
    rates : float [n_samples, fan_in], 0 to 1
    rng : numpy.random.Generator
        Of the Poisson encoder.

    Returns
    -------
    int64 [n_samples, n_neurons]
    """
    rates = np.asarray(rates)
    max_rate = network.meta.get("max_rate", 1.0)
    counts = []
    for start in range(0, len(rates), BATCH):
        spikes = poisson(rates[start : start + BATCH], network.n_steps, rng, max_rate)
        counts.append(network.run(spikes)[-1].spikes.sum(axis=1))
    return np.concatenate(counts) if counts else np.zeros((0, network.layers[-1].n_neurons), np.int64)


def activity(network, rates, rng: np.random.Generator):
    """Mean events a sample of each layer, and saturations in all: (list of float, int)."""
    results = network.run(poisson(rates, network.n_steps, rng, network.meta.get("max_rate", 1.0)))
    return [r.events / len(rates) for r in results], sum(r.saturations for r in results)


def front_end(network) -> FrontEnd:
    """The front end that an audio network was trained with."""
    if "front_end" not in network.meta:
        raise UserError(f"network {network.meta.get('recipe', '')!r} takes no audio: choose an audio network such as 'demo'")
    return FrontEnd.from_dict(network.meta["front_end"])


def class_images(network):
    """The ten class images of an audio network: uint8 [10, 28, 28]."""
    if "class_images" not in network.arrays:
        raise UserError(f"network {network.meta.get('recipe', '')!r} has no class images: choose an audio network such as 'demo'")
    images = network.arrays["class_images"]
    if images.ndim < 2 or len(images) != 10 or not np.issubdtype(images.dtype, np.number):
        raise UserError(f"network {network.meta.get('recipe', '')!r}: class images of shape {list(images.shape)}, must be [10, 28, 28]")
    return images


def score_audio(network, rates, labels, rng) -> dict:
    """Dataset A: {"mse", "accuracy", "n"} of utterances against the class images."""
    images = class_images(network)
    counts = synthesize(network, rates, rng)
    labels = np.asarray(labels)
    return {
        "mse": float(image_mse(counts, images[labels]).mean()),
        "accuracy": float((nearest_class(counts, images) == labels).mean()),
        "n": len(labels),
    }


def score_autoencoder(network, images, rng) -> dict:
    """{"mse", "n"} of images uint8 [n_samples, 28, 28] against what the autoencoder makes of them."""
    pixels = images.reshape(len(images), -1) / 255.0
    return {"mse": float(image_mse(synthesize(network, pixels, rng), pixels).mean()), "n": len(images)}


def score_classifier(network, images, labels, rng) -> dict:
    """{"accuracy", "n"}: the class is the output neuron with the most spikes, the first where several have as many."""
    counts = synthesize(network, images.reshape(len(images), -1) / 255.0, rng)
    return {"accuracy": float((counts.argmax(axis=1) == labels).mean()), "n": len(images)}


def recording_rates(front_end, recordings):
    """Rates [n, fan_in] and digits [n] of `datasets.Recording`s."""
    rates = [front_end.rates(*r.read(), name=str(r.path)) for r in recordings]
    return np.array(rates, dtype=np.float32), np.array([r.digit for r in recordings])


def noisy_rates(front_end, recordings, rng):
    """Rates [n, fan_in] of `datasets.Recording`s in noise (`IN_NOISE`)."""
    hz = front_end.sample_rate_hz
    return np.stack([augmented_rates(front_end, to_mono(*r.read(), hz, str(r.path)), IN_NOISE, rng) for r in recordings])


def voice_rates(front_end, voices, rates=(130, 160, 200), pitches=(50,)):
    """Rates [n, fan_in] and digits [n] of the ten digits by synthetic voices."""
    from .voices import digits

    utterances, labels, names = digits(voices, rates, pitches)
    return np.array([front_end.rates(*u, name=n) for u, n in zip(utterances, names, strict=True)], dtype=np.float32), labels


def evaluate(network, data_dir=None) -> dict:
    """The network's figures on the test set that its recipe names.

    An audio network: FSDD's test indices 0-4, plain and in noise, and the held-out voices where
    espeakng-loader is installed. An autoencoder or a classifier: the test set of its images.

    Parameters
    ----------
    network : Network
    data_dir : str or path, optional
        See `datasets.data_folder`.

    Returns
    -------
    dict: "set", "n", "mse"; classifiers "accuracy" instead; audio networks also "accuracy", "in_noise", "held_out_voices"

    Raises
    ------
    UserError
        Missing data, or a network whose recipe names no set.
    """
    from . import datasets, voices

    name = network.meta.get("evaluation")
    rng = np.random.default_rng(EVALUATION_SEED)
    if name in ("mnist-test", "fashion-mnist-test"):
        images, labels = (datasets.mnist if name == "mnist-test" else datasets.fashion_mnist)("test", data_dir)
        if network.layers[-1].n_neurons == 10:
            return {"set": name, **score_classifier(network, images, labels, rng)}
        return {"set": name, **score_autoencoder(network, images, rng)}
    if name != "fsdd-test":
        raise UserError(f"the network's recipe names no known set to evaluate on ({name!r}): choose another network")
    ears = front_end(network)
    recordings = datasets.fsdd("test", data_dir)
    rates, labels = recording_rates(ears, recordings)
    result = {"set": name, **score_audio(network, rates, labels, rng)}
    noise = np.random.default_rng(EVALUATION_SEED)
    result["in_noise"] = score_audio(network, noisy_rates(ears, recordings, noise), labels, noise)
    leave_out = network.meta.get("leave_out")
    if leave_out:
        rates, labels = recording_rates(ears, datasets.fsdd("all", data_dir, speakers=[leave_out]))
        result["leave_out"] = {"speaker": leave_out, **score_audio(network, rates, labels, rng)}
    if voices.available():
        rates, labels = voice_rates(ears, voices.HELD_OUT_VOICES)
        result["held_out_voices"] = score_audio(network, rates, labels, rng)
    return result
