"""Training on speech: the audiocoder, which drives the decoder of an autoencoder."""

from dataclasses import dataclass

import numpy as np

from . import datasets, evaluate, flite, voices
from .activity import with_typical_rates
from .audio import to_mono
from .augment import augmented_rates
from .convolution import Convolution
from .errors import UserError
from .losses import class_image_loss, image_loss, normalise
from .progress import progress
from .quantize import quantize_network, quantize_weight, round_weight
from .recipes import DECAY
from .train_images import VALIDATION_SEED, bptt_step, describe_run, require_batch, spikes_of, split_images, train_image_weights, vmem_step
from .vmem_bptt import Buffers, forward, initial_weights


def choose_class_images(images, labels):
    """The ten class images: of each digit the training image nearest to the digit's mean image.

    Both are normalised, as they are when images are compared. No draw, no eye, no later change.

    images: uint8 [n, 28, 28], labels [n]. Returns uint8 [10, 28, 28].
    """
    chosen = []
    for digit in range(10):
        of_digit = images[labels == digit]
        if not len(of_digit):
            raise UserError(f"the training images hold no {digit}: each digit needs one")
        z = evaluate.normalise(of_digit)
        mean = evaluate.normalise(z.mean(axis=0)[None])
        chosen.append(of_digit[np.argmin(np.mean((z - mean) ** 2, axis=1))])
    return np.stack(chosen)


def hidden_states(encoder, images, n_steps, rng):
    """Target rasters: what the autoencoder's layer 1 makes of images.

    encoder: float [784, n]; images: uint8 [n_images, 28, 28]. Returns float32 [n_steps, n_images, n].
    """
    spikes = spikes_of(images.reshape(len(images), -1) / 255.0, n_steps, rng)
    return forward([encoder], spikes, DECAY / 256)[0].spikes


@dataclass(frozen=True)
class Pairs:
    """Which image belongs to which training utterance (the paper's datasets A and B).

    Members
    -------
    images : uint8 [n_images, 28, 28]
    labels : int [n_images], the digits on them
    of_utterance : int [n_utterances], index into ``images``
    """

    images: np.ndarray
    labels: np.ndarray
    of_utterance: np.ndarray

    @classmethod
    def make(cls, pairing, images, labels, digits, rng):
        """Dataset "A": one image a digit; "B": an image of its own for each utterance, drawn by ``rng``."""
        if pairing == "A":
            return cls(choose_class_images(images, labels), np.arange(10), digits)
        chosen = np.zeros(len(digits), int)
        for digit in range(10):
            of_digit = np.flatnonzero(digits == digit)
            chosen[of_digit] = rng.choice(np.flatnonzero(labels == digit), len(of_digit), replace=False)
        return cls(images[chosen], labels[chosen], np.arange(len(digits)))


class Speech:
    """The utterances of a recipe: recordings and synthetic voices, split for validation.

    Members
    -------
    digits : int [n_utterances]
    validation : (rates [n, fan_in], digits [n])
    voice_validation : the same of synthetic voices, or None
    """

    def __init__(self, run, recipe):
        self.recipe = recipe
        self.front_end = recipe.front_end
        recordings = datasets.fsdd("train", run.data_dir, leave_out=recipe.leave_out or None)
        train_set = [r for r in recordings if recipe.refit or r.index not in recipe.validation_indices]
        if recipe.n_recordings:
            # Every k-th, so that a quick test meets all digits and speakers.
            train_set = train_set[:: max(1, len(train_set) // recipe.n_recordings)]
        validation_set = [r for r in recordings if r.index in recipe.validation_indices]
        if not validation_set:
            indices = ", ".join(map(str, recipe.validation_indices))
            raise UserError(f"none of {len(recordings)} recordings is kept for validation: it takes those of index {indices}, so add some")
        self.samples, self.digits = [], []
        for r in progress(train_set, "recordings"):
            self._add(*r.read(), r.digit, str(r.path))
        self.validation = evaluate.recording_rates(self.front_end, validation_set)
        self.voice_validation = None
        if recipe.voice_rates:
            self._add_all(*voices.digits(voices.TRAINING_VOICES, recipe.voice_rates, recipe.voice_pitches))
            self.voice_validation = evaluate.voice_rates(self.front_end, voices.VALIDATION_VOICES)
        if recipe.flite:
            self._add_all(*flite.digits())
        self.digits = np.array(self.digits)
        require_batch("utterances", len(self.samples), recipe.phases)
        self.pool = self._make_pool(np.random.default_rng([run.seed, 2]))

    def _add(self, samples, rate_hz, digit, name):
        self.samples.append(to_mono(samples, rate_hz, self.front_end.sample_rate_hz, name).astype(np.float32))
        self.digits.append(digit)

    def _add_all(self, utterances, digits, names):
        for (samples, rate_hz), digit, name in zip(utterances, digits, names, strict=True):
            self._add(samples, rate_hz, digit, name)

    def _make_pool(self, rng):
        """float16 [n_variants, n_utterances, fan_in], where utterances are not varied anew each time."""
        recipe, n = self.recipe, len(self.samples)
        if recipe.augmentation is None:
            plain = [self.front_end.rates(s, self.front_end.sample_rate_hz) for s in progress(self.samples, "front end")]
            return np.array([plain], np.float16)
        if not recipe.variants:
            return None
        pool = np.zeros((recipe.variants, n, self.front_end.fan_in), np.float16)
        for v, i in progress(list(np.ndindex(recipe.variants, n)), "variants"):
            pool[v, i] = augmented_rates(self.front_end, self.samples[i], recipe.augmentation, rng)
        return pool

    def epoch(self, phase, rng):
        """(number of batches, iterator of (rates, indices of the utterances)): each utterance once."""
        order = rng.permutation(len(self.samples))
        n = len(order) // phase.batch

        def make():
            for b in range(n):
                members = order[b * phase.batch : (b + 1) * phase.batch]
                if self.pool is None:
                    augmentation = self.recipe.augmentation
                    rates = np.stack([augmented_rates(self.front_end, self.samples[i], augmentation, rng) for i in members])
                else:
                    rates = self.pool[rng.integers(len(self.pool), size=len(members)), members].astype(np.float32)
                yield rates, members

        return n, make()


def utterances(run, recipe):
    """(Speech, Pairs) of a recipe."""
    images, labels = datasets.mnist("train", run.data_dir)
    speech = Speech(run, recipe)
    return speech, Pairs.make(recipe.pairing, images, labels, speech.digits, np.random.default_rng([run.seed, 3]))


@dataclass(frozen=True)
class Audiocoder:
    """A trained audiocoder, with what it was trained for.

    Members
    -------
    weights : float [fan_in, hidden], [hidden, n], and the decoder [n, 784]
    pairs : Pairs
    speech : Speech
    """

    weights: list
    pairs: Pairs
    speech: Speech


def train_audiocoder(run, recipe, speech, pairs, encoder, decoder) -> Audiocoder:
    """Train an audiocoder for an autoencoder's float weights, [784, n] and [n, 784]."""
    # A generator of its own: a resumed training must meet the same targets without the draws before.
    target_rng = np.random.default_rng([run.seed, 1])
    states = hidden_states(encoder, pairs.images, recipe.hidden_state_steps, target_rng)
    image_target = normalise(pairs.images.reshape(len(pairs.images), -1) / np.float32(255))

    def loss(counts, image):
        if recipe.class_weight:
            return class_image_loss(counts, image, image_target, recipe.class_weight)
        if recipe.nearest_image:
            image = nearest_of_digit(counts, pairs.labels[image], image_target, pairs.labels)
        return image_loss(counts, image_target[image])

    # The audiocoder learns to drive the decoder that the hardware will run.
    buffers = Buffers()
    decoder = round_weight(decoder, recipe.weight_bits, quantize_weight(decoder, recipe.weight_bits)[1])

    def step(phase, weights, used, batch, optimizer, learning_rate):
        rates, members = batch
        image = pairs.of_utterance[members]
        spikes = spikes_of(rates, phase.n_steps, run.rng, recipe.front_end.max_rate)
        if phase.rule == "vmem":
            repeated = states[np.arange(phase.n_steps) % len(states)]
            return vmem_step(phase, weights, spikes, repeated[:, image], None, optimizer, learning_rate, DECAY)
        return bptt_step(phase, [*used, decoder], spikes, image, optimizer, learning_rate, DECAY, [True, True, False], loss, buffers)

    def validate(weights):
        network = audio_network(recipe, [*weights, decoder], pairs)
        rng = np.random.default_rng(VALIDATION_SEED)
        found = score_speech(network, pairs, *speech.validation, rng)
        if speech.voice_validation:
            for key, value in score_speech(network, pairs, *speech.voice_validation, rng).items():
                found[f"voices_{key}"] = value
        return found

    convolution = recipe.kernel and Convolution(recipe.front_end.n_channels, recipe.front_end.n_frames, recipe.kernel)

    def initial():
        if convolution:
            weights = [convolution.initial_weights(run.rng), *initial_weights((convolution.n_neurons, len(decoder)), run.rng)]
        else:
            weights = initial_weights((recipe.front_end.fan_in, recipe.hidden, len(decoder)), run.rng)
        return with_bias(weights) if recipe.bias else weights

    weights = run.stage(
        "audiocoder", initial, [True, True], recipe.phases, speech.epoch, step, validate,
        keep_last=recipe.refit, share=[convolution and convolution.share, None],
    )  # fmt: skip
    return Audiocoder([*weights, decoder], pairs, speech)


def with_bias(weights):
    """Initial weights of the audiocoder with a bias row each: two arrays [fan_in, n_neurons] to [fan_in + 1, n_neurons].

    A steady current of the leak, 0.1, is what takes vmem to the threshold. Begun at half of it, and at all of it in the
    second layer, with weights half as large, neurons spike, and learn, from the first batch: no start by the paper's rule.
    """
    return [np.vstack([w / 2, np.full_like(w[:1], bias)]) for w, bias in zip(weights, (0.05, 0.1), strict=True)]


def audio_network(recipe, weights, pairs, bits=None):
    """The integer network of float weights: audiocoder and decoder."""
    network = quantize_network(
        ["audiocoder1", "audiocoder2", "decoder"], weights, n_steps=recipe.n_steps, bits=bits or recipe.weight_bits, decay=DECAY,
        bias_rows=[recipe.bias, recipe.bias, 0],
        # Of dataset B the images are too many to carry along.
        arrays={"class_images": pairs.images} if recipe.pairing == "A" else {},
    )  # fmt: skip
    network.meta.update(front_end=recipe.front_end.to_dict(), max_rate=recipe.front_end.max_rate, leave_out=recipe.leave_out)
    return network


def score_speech(network, pairs, rates, labels, rng) -> dict:
    """{"mse", "n"}, of dataset A also "accuracy": utterances against images as the paper scores them.

    Of dataset B an image counts as near as it is to the nearest training image of its digit.
    """
    if "class_images" in network.arrays:
        return evaluate.score_audio(network, rates, labels, rng)
    return {"mse": nearest_mse(evaluate.synthesize(network, rates, rng), labels, pairs), "n": len(labels)}


def nearest_of_digit(counts, digits, images, labels):
    """For each of ``counts`` [n_samples, n], which of the normalised ``images`` of its digit is nearest: int [n_samples]."""
    alike = normalise(counts) @ images.T
    alike[np.asarray(digits)[:, None] != labels] = -np.inf
    return alike.argmax(axis=1)


def nearest_mse(counts, labels, pairs) -> float:
    """Mean over images of the lowest MSE to any of the pairs' images of the same digit."""
    lowest = [
        evaluate.class_scores(counts[labels == digit], pairs.images[pairs.labels == digit]).min(axis=1) for digit in np.unique(labels)
    ]
    return float(np.concatenate(lowest).mean())


def train_audio_network(run):
    """A `Network` by the run's recipe, its figures on the validation recordings in ``meta``."""
    recipe = run.recipe
    # Before the first epoch, so that too few images and bad recordings are told at once.
    split_images(recipe.autoencoder, run.data_dir)
    speech, pairs = utterances(run, recipe)
    encoder, decoder = train_image_weights(run, recipe.autoencoder)
    trained = train_audiocoder(run, recipe, speech, pairs, encoder, decoder)
    network = audio_network(recipe, trained.weights, trained.pairs)
    network.meta.update(describe_run(run, "fsdd-test"))
    rng = np.random.default_rng(VALIDATION_SEED)
    events, saturations = evaluate.activity(network, trained.speech.validation[0], rng)
    found = score_speech(network, trained.pairs, *trained.speech.validation, np.random.default_rng(VALIDATION_SEED))
    if trained.speech.voice_validation:
        voices_found = score_speech(network, trained.pairs, *trained.speech.voice_validation, np.random.default_rng(VALIDATION_SEED))
        found.update({f"voices_{key}": value for key, value in voices_found.items()})
    # After a refit these recordings were trained on, and their figures say less.
    name = "trained_on" if recipe.refit else "validation"
    network.meta[name] = {**found, "events_per_layer": events, "saturations": saturations}
    return with_typical_rates(network, trained.speech.validation[0])
