"""Training: a recipe, a seed and data become a network file.

The same seed, data and numeric libraries give the same file bit for bit, also when training was
stopped and resumed: each epoch ends with a checkpoint of weights, moments and generator state.
"""

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import datasets, evaluate, voices
from .audio import to_mono
from .augment import augmented_rates
from .encode import poisson
from .errors import UserError, need
from .files import require_writable, whole_file
from .progress import progress
from .quantize import quantize_network, quantize_weight
from .recipes import DECAY, AutoencoderRecipe, Phase, parameters, recipe
from .vmem_bptt import Adam, forward, initial_weights, normalise, rate_bptt_batch, vmem_batch

DEFAULT_SEED = 2019
VALIDATION_SEED = 1


def train(recipe_name, data_dir=None, out=None, resume=False, seed=DEFAULT_SEED, log=print, **changes):
    """Train a network and write it to a file.

    Parameters
    ----------
    recipe_name : str
        One of `recipes.RECIPES`.
    data_dir : str or path, optional
        See `datasets.data_folder`.
    out : str or path, optional
        The network file; ``<recipe>.lif`` unless given. The checkpoint lies beside it while
        training lasts, as ``<out>.checkpoint``.
    resume : bool
        Continue from that checkpoint, if there is one. Without it an existing checkpoint is refused,
        so that nobody loses hours by a forgotten word.
    seed : int
    log : function of a str
    changes :
        Parameters of the recipe to change, such as ``leave_out="yweweler"``.

    Returns
    -------
    Network

    Raises
    ------
    UserError
        Unknown recipe, missing or too few data, missing packages, an unwritable place, a checkpoint
        of another training: all of them before the first epoch.
    """
    chosen = recipe(recipe_name, **changes)
    out = f"{recipe_name}.lif" if out is None else out
    require_writable(out)
    out = Path(out)
    checkpoint = checkpoint_of(out)
    if checkpoint.exists() and not resume:
        raise UserError(f"{str(checkpoint)!r} is left of a training that was stopped: go on with --resume, or remove it to start afresh")
    _require_packages(chosen)
    run = _Run(chosen, seed, data_dir, checkpoint, resume, log, _fingerprint(chosen, data_dir))
    with _one_blas_thread():
        if isinstance(chosen, AutoencoderRecipe):
            network = _train_autoencoder_alone(run)
        else:
            network = _train_audio(run)
    network.save(out)
    run.checkpoint.unlink(missing_ok=True)
    return network


def checkpoint_of(out) -> Path:
    """Where the checkpoint of a training that writes ``out`` lies."""
    out = Path(out)
    return out.with_name(out.name + ".checkpoint")


def _require_packages(chosen):
    if isinstance(chosen, AutoencoderRecipe):
        return
    try:
        import soundfile  # noqa: F401
    except (ImportError, OSError):
        raise need("soundfile", "train", "reading the recordings") from None
    if chosen.voice_rates and not voices.available():
        raise need("espeakng-loader", "train", "the synthetic voices of this recipe")


def _fingerprint(chosen, data_dir) -> str:
    """Of the data: the images, and the recordings' names and sizes."""
    digest = hashlib.sha256()
    for array in datasets.mnist("train", data_dir):
        digest.update(np.ascontiguousarray(array))
    if not isinstance(chosen, AutoencoderRecipe):
        for r in datasets.fsdd("train", data_dir):
            digest.update(f"{r.path.name} {r.path.stat().st_size}\n".encode())
    return digest.hexdigest()


@contextlib.contextmanager
def _one_blas_thread():
    """Two BLAS threads on products this small can cost far more than they bring."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield


@dataclass
class _Run:
    """One training under way."""

    recipe: object
    seed: int
    data_dir: object
    checkpoint: Path
    resume: bool
    log: object
    data: str = ""

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        described = json.dumps([parameters(self.recipe), self.seed, self.data], sort_keys=True)
        self.identity = hashlib.sha256(described.encode()).hexdigest()
        self.saved = _load_checkpoint(self.checkpoint, self.identity) if self.resume else None
        self.finished = {}          # weights of the stages that are done
        if self.resume and not self.saved:
            self.log(f"no checkpoint {str(self.checkpoint)!r}: starting with the first epoch")
        if self.saved:
            self.finished = self.saved["finished"]
            self.rng.bit_generator.state = self.saved["rng"]

    def stage(self, name, weights, trained, phases, batches, step, validate, keep_last=False):
        """Train ``weights`` through ``phases``; returns the best by validation, or the last.

        Parameters
        ----------
        name : str
        weights : function returning a list of arrays
            Called only if the stage starts afresh, because it draws from the generator.
        trained : list of bool
            Which of them Adam updates.
        phases : tuple of Phase
        batches : function (phase, rng) -> (number of batches, iterator of them), one epoch
        step : function (phase, weights, batch, optimizer, learning_rate) -> dict of figures
        validate : function weights -> dict with "mse"
        """
        if name in self.finished:
            return self.finished[name]
        mid = self.saved if self.saved and self.saved["stage"] == name else None
        weights = [w.copy() for w in mid["weights"]] if mid else weights()
        best, best_mse = (mid["best"], mid["best_mse"]) if mid else ([w.copy() for w in weights], np.inf)
        first_phase, first_epoch = (mid["phase"], mid["epoch"]) if mid else (0, 0)
        for p in range(first_phase, len(phases)):
            phase = phases[p]
            optimizer = Adam([w for w, t in zip(weights, trained, strict=True) if t], weight_decay=phase.weight_decay)
            if mid and p == first_phase and first_epoch:
                optimizer.load(mid["optimizer"])
            for epoch in range(first_epoch if p == first_phase else 0, phase.epochs):
                n, iterator = batches(phase, self.rng)
                figures = []
                label = f"{name}, {phase.rule}, epoch {epoch + 1}/{phase.epochs}"
                for b, batch in enumerate(progress(iterator, label, total=n)):
                    done = (epoch * n + b) / (phase.epochs * n)
                    rate = phase.final_rate + (phase.learning_rate - phase.final_rate) * 0.5 * (1 + np.cos(np.pi * done))
                    figures.append(step(phase, weights, batch, optimizer, rate))
                found = validate(weights)
                if keep_last or found["mse"] <= best_mse:
                    best, best_mse = [w.copy() for w in weights], found["mse"]
                mean = {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}
                self.log(f"{label}: " + ", ".join(f"{k} {v:.4g}" for k, v in mean.items()) + "; validation " + _text(found))
                last_epoch = epoch + 1 == phase.epochs
                self._save(
                    stage=name,
                    phase=p + 1 if last_epoch else p,
                    epoch=0 if last_epoch else epoch + 1,
                    weights=weights,
                    best=best,
                    best_mse=best_mse,
                    optimizer=optimizer.state(),
                )
        self.finished[name] = best
        return best

    def _save(self, **values):
        values.update(rng=self.rng.bit_generator.state, finished=self.finished)
        _save_checkpoint(self.checkpoint, self.identity, values)


def _text(figures):
    return ", ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items())


def _save_checkpoint(path, identity, values):
    """Everything in one npz file, which appears under its name only when whole."""
    arrays = {}

    def strip(value):
        """Arrays leave for the archive; what remains is JSON."""
        if isinstance(value, np.ndarray):
            arrays[f"a{len(arrays)}"] = value
            return {"array": f"a{len(arrays) - 1}"}
        if isinstance(value, dict):
            return {"dict": {k: strip(v) for k, v in value.items()}}
        if isinstance(value, (list, tuple)):
            return {"list": [strip(v) for v in value]}
        if isinstance(value, np.generic):
            value = value.item()
        return {"value": value}

    text = json.dumps({"identity": identity, "values": strip(values)})
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez(file, header=np.frombuffer(text.encode(), np.uint8), **arrays)


def _load_checkpoint(path, identity):
    if not path.is_file():
        return None
    try:
        # Opened here, because np.load leaves a damaged file open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            header["identity"], header["values"]
            arrays = {name: archive[name] for name in archive.files if name != "header"}
    except Exception as error:  # numpy and zipfile raise many kinds on damaged archives
        raise UserError(f"checkpoint {str(path)!r} cannot be read ({error}): remove it and start again") from None
    if header["identity"] != identity:
        raise UserError(f"checkpoint {str(path)!r} belongs to another recipe, seed or data: remove it, or choose another --out")

    def fill(value):
        if "array" in value:
            return arrays[value["array"]]
        if "dict" in value:
            return {k: fill(v) for k, v in value["dict"].items()}
        if "list" in value:
            return [fill(v) for v in value["list"]]
        return value["value"]

    return fill(header["values"])


def spikes_of(rates, n_steps, rng, max_rate=1.0):
    """Poisson spikes as training wants them: float32 [n_steps, n_samples, n]."""
    return np.ascontiguousarray(poisson(rates, n_steps, rng, max_rate).transpose(1, 0, 2), dtype=np.float32)


def _train_autoencoder_alone(run):
    weights = _autoencoder(run, run.recipe)
    network = quantize_network(
        ["encoder", "decoder"], weights, n_steps=run.recipe.n_steps, bits=run.recipe.weight_bits, decay=DECAY
    )
    network.meta.update(_meta(run, "mnist-test"))
    images = _mnist(run, run.recipe)[1]
    network.meta["validation"] = evaluate.score_autoencoder(network, images, np.random.default_rng(VALIDATION_SEED))
    return network


def _meta(run, evaluation):
    return {"recipe": run.recipe.name, "seed": run.seed, "evaluation": evaluation, "parameters": parameters(run.recipe)}


def _mnist(run, recipe):
    """(training images, validation images), both uint8 [n, 28, 28], of the training set."""
    images, _ = datasets.mnist("train", run.data_dir)
    end = recipe.n_train + recipe.n_validation
    if end > len(images):
        raise UserError(f"recipe {recipe.name!r} wants {end} training images, the data have {len(images)}")
    _require_batch("training images", recipe.n_train, recipe.phases)
    return images[: recipe.n_train], images[recipe.n_train : end]


def _require_batch(what, n, phases):
    batch = max(phase.batch for phase in phases)
    if n < batch:
        raise UserError(f"{n} {what} are fewer than a batch of {batch}: add some")


def _autoencoder(run, recipe):
    """Float weights of the autoencoder: [784, hidden], [hidden, 784]."""
    train_images, validation_images = _mnist(run, recipe)
    pixels = train_images.reshape(len(train_images), -1)

    def batches(phase: Phase, rng):
        order = rng.permutation(len(pixels))
        n = len(pixels) // phase.batch
        return n, (pixels[order[b * phase.batch : (b + 1) * phase.batch]] / np.float32(255) for b in range(n))

    def step(phase, weights, rates, optimizer, learning_rate):
        spikes = spikes_of(rates, phase.n_steps, run.rng)
        if phase.rule == "vmem":
            return _vmem_step(phase, weights, spikes, spikes, optimizer, learning_rate)
        return _bptt_step(phase, weights, spikes, normalise(rates), optimizer, learning_rate)

    def validate(weights):
        network = quantize_network(["encoder", "decoder"], weights, n_steps=recipe.n_steps, bits=recipe.weight_bits, decay=DECAY)
        return evaluate.score_autoencoder(network, validation_images, np.random.default_rng(VALIDATION_SEED))

    sizes = (784, recipe.hidden, 784)
    return run.stage("autoencoder", lambda: initial_weights(sizes, run.rng), [True, True], recipe.phases, batches, step, validate)


def _vmem_step(phase, weights, spikes, target, optimizer, learning_rate):
    return vmem_batch(
        weights, spikes, target, optimizer, learning_rate,
        decay=DECAY / 256, trace=phase.trace, moments=phase.moments, slope=phase.slope,
    )  # fmt: skip


def _bptt_step(phase, weights, spikes, target, optimizer, learning_rate, trained=None):
    return rate_bptt_batch(
        weights, spikes, target, optimizer, learning_rate,
        decay=DECAY / 256, slope=phase.slope, trained=trained, spike_price=phase.spike_price,
    )  # fmt: skip


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


def hidden_states(encoder, class_images, n_steps, rng):
    """Target rasters: what the autoencoder's layer 1 makes of the class images.

    encoder: float [784, n]. Returns float32 [n_steps, 10, n].
    """
    spikes = spikes_of(class_images.reshape(10, -1) / 255.0, n_steps, rng)
    return forward([encoder], spikes, DECAY / 256)[0][1]


class _Speech:
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
        if not validation_set:
            indices = ", ".join(map(str, recipe.validation_indices))
            raise UserError(f"none of {len(recordings)} recordings is kept for validation: it takes those of index {indices}, so add some")
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
        _require_batch("utterances", len(self.samples), recipe.phases)

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


def _train_audio(run):
    recipe = run.recipe
    images, labels = datasets.mnist("train", run.data_dir)
    class_images = choose_class_images(images, labels)
    # Before the first epoch, so that too few images and bad recordings are told at once.
    _mnist(run, recipe.autoencoder)
    speech = _Speech(run)
    encoder, decoder = _autoencoder(run, recipe.autoencoder)
    # A generator of its own: a resumed training must meet the same targets without the draws before.
    target_rng = np.random.default_rng([run.seed, 1])
    states = hidden_states(encoder, class_images, recipe.hidden_state_steps, target_rng)
    class_target = normalise(class_images.reshape(10, -1) / np.float32(255))
    # The audiocoder learns to drive the decoder that the hardware will run.
    integers, scale = quantize_weight(decoder, recipe.weight_bits)
    decoder = integers.astype(np.float32) / np.float32(scale)
    max_rate = recipe.front_end.max_rate

    def step(phase, weights, batch, optimizer, learning_rate):
        rates, digits = batch
        spikes = spikes_of(rates, phase.n_steps, run.rng, max_rate)
        if phase.rule == "vmem":
            repeated = states[np.arange(phase.n_steps) % len(states)]
            return _vmem_step(phase, weights, spikes, repeated[:, digits], optimizer, learning_rate)
        return _bptt_step(
            phase, [*weights, decoder], spikes, class_target[digits], optimizer, learning_rate, [True, True, False]
        )

    def assemble(weights):
        network = quantize_network(
            ["audiocoder1", "audiocoder2", "decoder"], [*weights, decoder],
            n_steps=recipe.n_steps, bits=recipe.weight_bits, decay=DECAY, arrays={"class_images": class_images},
        )  # fmt: skip
        network.meta.update(_meta(run, "fsdd-test"))
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
        "audiocoder", lambda: initial_weights(sizes, run.rng), [True, True], recipe.phases, speech.epoch, step, validate, recipe.refit
    )
    network = assemble(weights)
    rng = np.random.default_rng(VALIDATION_SEED)
    events, saturations = evaluate.activity(network, speech.validation[0], rng)
    # After a refit these recordings were trained on, and their figures say less.
    name = "trained_on" if recipe.refit else "validation"
    network.meta[name] = {**validate(weights), "events_per_layer": events, "saturations": saturations}
    return network
