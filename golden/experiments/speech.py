"""Kinds of task on speech: audiocoders that drive an autoencoder's decoder, spiking and not."""

from functools import lru_cache

import numpy as np

from .. import ann, datasets, evaluate
from ..audio import FrontEnd
from ..augment import Augmentation
from ..convolution import Kernel
from ..recipes import DECAY, AudioRecipe, Phase
from ..stage import Run
from ..train_images import float_counts
from ..train_speech import Pairs, audio_network, nearest_mse, score_speech, train_audiocoder, utterances
from .images import EVALUATION_SEED
from .tasks import Result

SHOWN_PER_DIGIT = 5


def audio_recipe(parameters) -> AudioRecipe:
    """From a task's parameters, in which phases, front end and augmentation are dicts. It has no autoencoder."""
    p = {key: value for key, value in parameters.items() if key != "seed"}
    p["phases"] = tuple(Phase(**phase) for phase in p["phases"])
    p["front_end"] = FrontEnd(**p.get("front_end", {}))
    if p.get("augmentation") is not None:
        p["augmentation"] = Augmentation(**p["augmentation"])
    if p.get("kernel") is not None:
        p["kernel"] = Kernel(**p["kernel"])
    for name in ("voice_rates", "voice_pitches", "validation_indices"):
        if name in p:
            p[name] = tuple(p[name])
    return AudioRecipe(autoencoder=None, **p)


@lru_cache(maxsize=4)
def test_speech(front_end, data_dir, speaker=""):
    """(rates, digits) of FSDD's test split, or of all recordings of a speaker."""
    recordings = datasets.fsdd("all", data_dir, speakers=[speaker]) if speaker else datasets.fsdd("test", data_dir)
    return evaluate.recording_rates(front_end, recordings)


def snn_audiocoder(parameters, context) -> Result:
    """Train an audiocoder for a spiking autoencoder (``needs[0]``); score on the test set or the speaker left out.

    Figures: "float", "int8", "int4" (each "mse", "n", of dataset A also "accuracy"), "validation" (of
    int8; after a refit these recordings were trained on), "curve". Weights: "audiocoder1",
    "audiocoder2", "decoder". Shown: spike counts of five utterances a digit.
    """
    recipe = audio_recipe(parameters)
    run = Run(recipe, parameters["seed"], context.data_dir, context.checkpoint, resume=True, log=context.log)
    autoencoder = context.needs[0]
    trained = train_audiocoder(run, recipe, *utterances(run, recipe), autoencoder["encoder"], autoencoder["decoder"])
    rates, labels = test_speech(recipe.front_end, context.data_dir, recipe.leave_out)
    counts = float_counts(
        trained.weights, rates, recipe.n_steps, DECAY, np.random.default_rng(EVALUATION_SEED), recipe.front_end.max_rate
    )[-1]
    figures = {"float": _score(counts, labels, trained.pairs, recipe.pairing), "curve": run.curve}
    for bits in (8, 4):
        network = audio_network(recipe, trained.weights, trained.pairs, bits)
        figures[f"int{bits}"] = score_speech(network, trained.pairs, rates, labels, np.random.default_rng(EVALUATION_SEED))
        if bits == 8:
            figures["validation"] = score_speech(
                network, trained.pairs, *trained.speech.validation, np.random.default_rng(EVALUATION_SEED)
            )
    weights = dict(zip(("audiocoder1", "audiocoder2", "decoder"), trained.weights, strict=True))
    return Result(figures, counts[_shown(labels)].astype(np.uint8), weights)


def ann_audiocoder(parameters, context) -> Result:
    """An audiocoder without spikes, trained on the hidden vectors of an ANN autoencoder (``needs[0]``).

    Parameters: "hidden", "optimizer", "learning_rate", "falling", "epochs", "batch", "weight_decay",
    "pairing", "bits" (of the hidden vectors; 0: full precision), "seed", perhaps "n_recordings".
    Figures: "mse", of dataset A also "accuracy"; "rounded", the same with what the audiocoder makes
    rounded to the bits as well; "validation"; "curve".
    """
    p = parameters
    front_end = FrontEnd()
    rng = np.random.default_rng(p["seed"])
    recordings = datasets.fsdd("train", context.data_dir)
    validation_indices = AudioRecipe.__dataclass_fields__["validation_indices"].default
    train_set = [r for r in recordings if r.index not in validation_indices]
    if p.get("n_recordings"):
        train_set = train_set[:: max(1, len(train_set) // p["n_recordings"])]
    rates, digits = evaluate.recording_rates(front_end, train_set)
    held_back = evaluate.recording_rates(front_end, [r for r in recordings if r.index in validation_indices])
    test_rates, test_labels = test_speech(front_end, context.data_dir)

    pairs = Pairs.make(p["pairing"], *datasets.mnist("train", context.data_dir), digits, rng)
    autoencoder = [context.needs[0][name] for name in ("w1", "b1", "w2", "b2")]
    vectors = ann.forward(autoencoder, pairs.images.reshape(len(pairs.images), -1) / np.float32(255))[0]
    highest = float(vectors.max()) or 1.0
    if p["bits"]:
        vectors = ann.quantize_levels(vectors, p["bits"], highest).astype(np.float32)

    network = ann.initial_parameters((front_end.fan_in, p["hidden"], vectors.shape[1]), rng)
    optimizer = ann.OPTIMIZERS[p["optimizer"]](network, weight_decay=p["weight_decay"])
    n_batches = len(rates) // p["batch"]
    curve = []
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(p["epochs"]):
            done = (epoch + np.arange(n_batches) / n_batches) / p["epochs"]
            steps = p["learning_rate"] * (0.5 * (1 + np.cos(np.pi * done)) if p["falling"] else np.ones(n_batches))
            ann.train_epoch(
                network, lambda m: rates[m], lambda m: vectors[pairs.of_utterance[m]], len(rates), optimizer, steps, p["batch"], rng
            )
            figures = _score_ann(network, autoencoder, p, highest, test_rates, test_labels, pairs)
            curve.append({"epoch": epoch + 1, "mse": figures["mse"]})
        figures["validation"] = _score_ann(network, autoencoder, p, highest, *held_back, pairs)
    return Result({**figures, "curve": curve})


def _score_ann(network, autoencoder, p, highest, rates, labels, pairs):
    hidden = np.maximum(ann.forward(network, rates)[1], 0)
    w2, b2 = autoencoder[2:]
    made = np.nan_to_num(hidden @ w2 + b2)
    figures = _score(made, labels, pairs, p["pairing"])
    if p["bits"]:
        rounded = ann.quantize_levels(np.nan_to_num(hidden), p["bits"], highest)
        figures["rounded"] = _score(rounded @ w2 + b2, labels, pairs, p["pairing"])
    return figures


def _score(images, labels, pairs, pairing):
    if pairing == "B":
        return {"mse": nearest_mse(images, labels, pairs), "n": len(labels)}
    return {
        "mse": float(evaluate.image_mse(images, pairs.images[labels]).mean()),
        "accuracy": float((evaluate.nearest_class(images, pairs.images) == labels).mean()),
        "n": len(labels),
    }


def _shown(labels):
    return np.concatenate([np.flatnonzero(labels == digit)[:SHOWN_PER_DIGIT] for digit in range(10)])
