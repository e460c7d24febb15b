"""Training on speech: the audiocoder, which drives the decoder of an autoencoder."""

import numpy as np

from . import datasets, evaluate, voices
from .audio import to_mono
from .augment import augmented_rates
from .progress import progress
from .quantize import quantize_network, quantize_weight
from .recipes import DECAY
from .train_images import VALIDATION_SEED, bptt_step, describe_run, spikes_of, train_image_weights, vmem_step
from .vmem_bptt import forward, initial_weights, normalise


def choose_class_images(images, labels):
    """The ten class images: of each digit the training image nearest to the digit's mean image.

    Both are normalised, as they are when images are compared. No draw, no eye, no later change.

    images: uint8 [n, 28, 28], labels [n]. Returns uint8 [10, 28, 28].
    """
    chosen = []
    for digit in range(10):
        of_digit = images[labels == digit]
        z = evaluate.normalise(of_digit)
        mean = evaluate.normalise(z.mean(axis=0)[None])
        chosen.append(of_digit[np.argmin(np.mean((z - mean) ** 2, axis=1))])
    return np.stack(chosen)


def hidden_states(encoder, class_images, n_steps, rng):
    """Target rasters: what the autoencoder's layer 1 makes of the class images.

    encoder: float [784, n]. Returns float32 [n_steps, 10, n].
    """
    spikes = spikes_of(class_images.reshape(10, -1) / 255.0, n_steps, rng)
    return forward([encoder], spikes, DECAY / 256)[0][1]


class Speech:
    """The utterances of a recipe: recordings and synthetic voices, split for validation."""

    def __init__(self, run):
        recipe = run.recipe
        self.front_end = recipe.front_end
        self.augmentation = recipe.augmentation
        recordings = datasets.fsdd("train", run.data_dir, leave_out=recipe.leave_out or None)
        train_set = [r for r in recordings if recipe.refit or r.index not in recipe.validation_indices]
        if recipe.n_recordings:
            # Every k-th, so that a quick test meets all digits and speakers.
            train_set = train_set[:: max(1, len(train_set) // recipe.n_recordings)]
        validation_set = [r for r in recordings if r.index in recipe.validation_indices]
        self.samples, self.digits = [], []
        for r in progress(train_set, "recordings"):
            self._add(*r.read(), r.digit, str(r.path))
        self.validation = evaluate.recording_rates(self.front_end, validation_set)
        self.voice_validation = None
        if recipe.voice_rates:
            spoken = voices.digits(voices.TRAINING_VOICES, recipe.voice_rates, recipe.voice_pitches)
            for (samples, rate_hz), digit, name in zip(*spoken, strict=True):
                self._add(samples, rate_hz, digit, name)
            self.voice_validation = evaluate.voice_rates(self.front_end, voices.VALIDATION_VOICES)
        self.digits = np.array(self.digits)

    def _add(self, samples, rate_hz, digit, name):
        self.samples.append(to_mono(samples, rate_hz, self.front_end.sample_rate_hz, name).astype(np.float32))
        self.digits.append(digit)

    def epoch(self, phase, rng):
        """(number of batches, iterator of (rates, digits)): each utterance once, varied anew."""
        order = rng.permutation(len(self.samples))
        n = len(order) // phase.batch

        def make():
            for b in range(n):
                members = order[b * phase.batch : (b + 1) * phase.batch]
                rates = [augmented_rates(self.front_end, self.samples[i], self.augmentation, rng) for i in members]
                yield np.stack(rates), self.digits[members]

        return n, make()


def train_audio_network(run):
    recipe = run.recipe
    encoder, decoder = train_image_weights(run, recipe.autoencoder)
    images, labels = datasets.mnist("train", run.data_dir)
    class_images = choose_class_images(images, labels)
    # A generator of its own: a resumed training must meet the same targets without the draws before.
    target_rng = np.random.default_rng([run.seed, 1])
    states = hidden_states(encoder, class_images, recipe.hidden_state_steps, target_rng)
    class_target = normalise(class_images.reshape(10, -1) / np.float32(255))
    # The audiocoder learns to drive the decoder that the hardware will run.
    integers, scale = quantize_weight(decoder, recipe.weight_bits)
    decoder = integers.astype(np.float32) / np.float32(scale)
    speech = Speech(run)
    max_rate = recipe.front_end.max_rate

    def step(phase, weights, used, batch, optimizer, learning_rate):
        rates, digits = batch
        spikes = spikes_of(rates, phase.n_steps, run.rng, max_rate)
        if phase.rule == "vmem":
            repeated = states[np.arange(phase.n_steps) % len(states)]
            return vmem_step(phase, weights, spikes, repeated[:, digits], None, optimizer, learning_rate, DECAY)
        target = class_target[digits]
        return bptt_step(phase, [*used, decoder], spikes, target, optimizer, learning_rate, DECAY, [True, True, False])

    def assemble(weights):
        network = quantize_network(
            ["audiocoder1", "audiocoder2", "decoder"], [*weights, decoder],
            n_steps=recipe.n_steps, bits=recipe.weight_bits, decay=DECAY, arrays={"class_images": class_images},
        )  # fmt: skip
        network.meta.update(describe_run(run, "fsdd-test"))
        network.meta.update(front_end=recipe.front_end.to_dict(), max_rate=max_rate, leave_out=recipe.leave_out)
        return network

    def validate(weights):
        network = assemble(weights)
        rng = np.random.default_rng(VALIDATION_SEED)
        found = evaluate.score_audio(network, *speech.validation, rng)
        if speech.voice_validation:
            for key, value in evaluate.score_audio(network, *speech.voice_validation, rng).items():
                found[f"voices_{key}"] = value
        return found

    sizes = (recipe.front_end.fan_in, recipe.hidden, decoder.shape[0])
    weights = run.stage(
        "audiocoder", lambda: initial_weights(sizes, run.rng), [True, True], recipe.phases, speech.epoch, step, validate,
        keep_last=recipe.refit,
    )  # fmt: skip
    network = assemble(weights)
    rng = np.random.default_rng(VALIDATION_SEED)
    events, saturations = evaluate.activity(network, speech.validation[0], rng)
    # After a refit these recordings were trained on, and their figures say less.
    name = "trained_on" if recipe.refit else "validation"
    network.meta[name] = {**validate(weights), "events_per_layer": events, "saturations": saturations}
    return network
