"""Kinds of task on images: spiking autoencoders, the ANNs beside them, PCA."""

from functools import lru_cache

import numpy as np

from .. import ann, evaluate
from ..losses import normalise
from ..progress import progress
from ..quantize import quantize_network
from ..recipes import AutoencoderRecipe, Phase
from ..stage import CURVE_POINTS, Run
from ..train_images import LOADERS, float_counts, spikes_of, train_image_weights
from .tasks import Result

EVALUATION_SEED = 2019
N_TRAIN_SCORED = 2000
"""Training images that are scored, the first of the set, where a figure shows both sets."""
N_SHOWN = 10
"""Images of the test set, the first, that are kept to be shown."""


@lru_cache(maxsize=4)
def pixels(dataset, split, data_dir):
    """float32 [n, 784], 0 to 1."""
    images, _ = LOADERS[dataset](split, data_dir)
    return images.reshape(len(images), -1) / np.float32(255)


def autoencoder_recipe(parameters) -> AutoencoderRecipe:
    """From a task's parameters, in which a phase is a dict."""
    parameters = {key: value for key, value in parameters.items() if key not in ("seed", "n_test")}
    return AutoencoderRecipe(**{**parameters, "phases": tuple(Phase(**phase) for phase in parameters["phases"])})


def snn_autoencoder(parameters, context) -> Result:
    """Train by a recipe; score on the test set as trained (float), and as integers of 8 and 4 bits.

    Figures: "float", "int8", "int4" (each "mse" against the pixels), "spike_mse" (against the input
    spikes, float network), "train" ("mse", "spike_mse"), "hidden" (spikes a step), "curve".
    Weights: "encoder", "decoder". Shown: spike counts of the first test images.
    """
    recipe = autoencoder_recipe(parameters)
    run = Run(recipe, parameters["seed"], context.data_dir, context.checkpoint, resume=True, log=context.log)
    weights = train_image_weights(run, recipe)
    test = pixels(recipe.dataset, "test", context.data_dir)[: parameters.get("n_test") or None]
    figures = {"curve": run.curve}
    figures["float"], shown, figures["hidden"] = _score_float(weights, recipe, test)
    figures["train"] = _score_float(weights, recipe, pixels(recipe.dataset, "train", context.data_dir)[:N_TRAIN_SCORED])[0]
    for bits in (8, 4):
        # Narrow networks keep the widths of their recipe; others have room.
        narrow = bits == recipe.weight_bits
        network = quantize_network(
            ["encoder", "decoder"], weights, n_steps=recipe.n_steps, bits=bits, decay=recipe.decay, meta={"max_rate": recipe.max_rate},
            frac_bits=recipe.frac_bits if narrow else 3, vmem_bits=recipe.vmem_bits if narrow else 20,
        )  # fmt: skip
        counts = evaluate.synthesize(network, test, np.random.default_rng(EVALUATION_SEED))
        figures[f"int{bits}"] = {"mse": float(evaluate.image_mse(counts, test).mean())}
    return Result(figures, shown, {"encoder": weights[0], "decoder": weights[1]})


def _score_float(weights, recipe, images):
    """({"mse", "spike_mse"}, spike counts of the first images, hidden spikes a step)."""
    rng = np.random.default_rng(EVALUATION_SEED)
    mse, spike_mse, shown, hidden = [], [], None, 0.0
    for start in range(0, len(images), 200):
        rates = images[start : start + 200]
        # Drawn twice from the same state: once to run, once to compare with.
        state = rng.bit_generator.state
        spikes = spikes_of(rates, recipe.n_steps, rng, recipe.max_rate).sum(axis=0)
        rng.bit_generator.state = state
        layers = float_counts(weights, rates, recipe.n_steps, recipe.decay, rng, recipe.max_rate)
        mse.append(evaluate.image_mse(layers[-1], rates))
        spike_mse.append(evaluate.image_mse(layers[-1], spikes))
        hidden += float(layers[0].sum())
        shown = layers[-1][:N_SHOWN].astype(np.uint8) if shown is None else shown
    figures = {"mse": float(np.concatenate(mse).mean()), "spike_mse": float(np.concatenate(spike_mse).mean())}
    return figures, shown, hidden / (len(images) * recipe.n_steps)


def ann_autoencoder(parameters, context) -> Result:
    """784-hidden-784 without spikes; the learning rate constant, or falling by half a cosine.

    Parameters: "dataset", "hidden", "optimizer", "learning_rate", "falling", "epochs", "batch",
    "weight_decay", "n_train", "n_validation", "n_test", "seed".
    Figures: "mse" (test), "validation" (mse), "curve". Weights: "w1", "b1", "w2", "b2". Shown: the first test images.
    """
    p = parameters
    rng = np.random.default_rng(p["seed"])
    images = pixels(p["dataset"], "train", context.data_dir)
    train, validation = images[: p["n_train"]], images[len(images) - p["n_validation"] :]
    test = pixels(p["dataset"], "test", context.data_dir)[: p.get("n_test") or None]
    network = ann.initial_parameters((784, p["hidden"], 784), rng)
    optimizer = ann.OPTIMIZERS[p["optimizer"]](network, weight_decay=p["weight_decay"])
    n_batches = len(train) // p["batch"]
    curve = []
    with np.errstate(over="ignore", invalid="ignore"):      # too high a rate diverges, and its figure says so
        for epoch in progress(range(p["epochs"]), "ANN"):
            done = (epoch + np.arange(n_batches) / n_batches) / p["epochs"]
            rates = p["learning_rate"] * (0.5 * (1 + np.cos(np.pi * done)) if p["falling"] else np.ones(n_batches))

            def measured(members):
                batch = train[members]
                made = ann.forward(network, batch)[1]
                curve[-1]["mse"].append(float(np.mean((normalise(made) - normalise(batch)) ** 2)))
                return batch

            curve.append({"mse": []})
            ann.train_epoch(network, measured, lambda m: train[m], len(train), optimizer, rates, p["batch"], rng)
        points = min(CURVE_POINTS, n_batches)
        curve = [
            {"epoch": e + (i + 1) / points, "mse": float(np.mean(part))}
            for e, at in enumerate(curve)
            for i, part in enumerate(np.array_split(at["mse"], points))
        ]
        figures = {name: _ann_mse(network, images) for name, images in (("mse", test), ("validation", validation))}
    shown = ann.forward(network, test[:N_SHOWN])[1].astype(np.float16)
    return Result({**figures, "curve": curve}, shown, dict(zip(("w1", "b1", "w2", "b2"), network, strict=True)))


def _ann_mse(network, images):
    mse = float(evaluate.image_mse(ann.forward(network, images)[1], images).mean())
    return mse if np.isfinite(mse) else None


def pca(parameters, context) -> Result:
    """Principal components: "mse" on the test set. Parameters: "dataset", "components", "n_train", "n_test"."""
    train = pixels(parameters["dataset"], "train", context.data_dir)[: parameters["n_train"]]
    test = pixels(parameters["dataset"], "test", context.data_dir)[: parameters.get("n_test") or None]
    made = ann.Pca(train, parameters["components"]).reconstruct(test)
    return Result({"mse": float(evaluate.image_mse(made, test).mean())}, made[:N_SHOWN].astype(np.float16))


