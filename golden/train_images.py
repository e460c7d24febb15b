"""Training on images: autoencoders (784-hidden-784) and classifiers (784-hidden-10)."""

import numpy as np

from . import datasets, evaluate
from .activity import with_typical_rates
from .encode import poisson
from .errors import UserError
from .losses import class_loss, image_loss, normalise
from .quantize import quantize_network
from .recipes import ClassifierRecipe, parameters
from .vmem_bptt import Buffers, forward, initial_weights, rate_bptt_batch, vmem_batch

VALIDATION_SEED = 1

LOADERS = {"mnist": datasets.mnist, "fashion-mnist": datasets.fashion_mnist}


def spikes_of(rates, n_steps, rng, max_rate=1.0):
    """Poisson spikes as training wants them: float32 [n_steps, n_samples, n]."""
    return np.ascontiguousarray(poisson(rates, n_steps, rng, max_rate).transpose(1, 0, 2), dtype=np.float32)


def load_images(recipe, data_dir, split="train"):
    """(images, labels) of the recipe's data set: uint8 [n, 28, 28], uint8 [n]."""
    if recipe.dataset not in LOADERS:
        raise UserError(f"recipe {recipe.name!r}: no data set {recipe.dataset!r}: choose from {', '.join(LOADERS)}")
    return LOADERS[recipe.dataset](split, data_dir)


def split_images(recipe, data_dir):
    """((images, labels) to train on, (images, labels) to validate on), all of the training set; after a refit they overlap."""
    images, labels = load_images(recipe, data_dir)
    if recipe.n_train + recipe.n_validation > len(images):
        raise UserError(
            f"recipe {recipe.name!r} wants {recipe.n_train + recipe.n_validation} training images, the data have {len(images)}"
        )
    require_batch("training images", recipe.n_train, recipe.phases)
    first = len(images) - recipe.n_validation
    end = len(images) if recipe.refit else recipe.n_train
    return (images[:end], labels[:end]), (images[first:], labels[first:])


def require_batch(what, n, phases):
    """Raise UserError if the phases' batches are larger than ``n``."""
    batch = max(phase.batch for phase in phases)
    if n < batch:
        raise UserError(f"{n} {what} are fewer than a batch of {batch}: add some")


def train_image_weights(run, recipe):
    """Float weights [784, hidden], [hidden, n] by the recipe; ``run`` may be another recipe's, of which this is a part."""
    (images, labels), validation = split_images(recipe, run.data_dir)
    pixels = images.reshape(len(images), -1)
    classifier = isinstance(recipe, ClassifierRecipe)
    buffers = Buffers()

    def batches(phase, rng):
        order = rng.permutation(len(pixels))
        n = len(pixels) // phase.batch
        return n, (order[b * phase.batch : (b + 1) * phase.batch] for b in range(n))

    def step(phase, weights, used, members, optimizer, learning_rate):
        rates = pixels[members] / np.float32(255)
        if phase.rule == "vmem":
            spikes = spikes_of(rates, phase.n_steps, run.rng, recipe.max_rate)
            return vmem_step(phase, weights, spikes, spikes, rates, optimizer, learning_rate, recipe.decay)
        # The same draws as with the pixels that are black in the whole batch.
        inputs = np.flatnonzero(rates.any(axis=0))
        spikes = spikes_of(rates[:, inputs], phase.n_steps, run.rng, recipe.max_rate)
        target = labels[members] if classifier else normalise(rates)
        loss = class_loss if classifier else image_loss
        return bptt_step(
            phase, used, spikes, target, optimizer, learning_rate, recipe.decay, loss=loss, buffers=buffers, inputs=inputs
        )

    def validate(weights):
        return score_images(image_network(recipe, weights), recipe, *validation)

    sizes = (784, recipe.hidden, 10 if classifier else 784)
    stage = "classifier" if classifier else "autoencoder"
    measure = "error" if classifier else "mse"
    return run.stage(
        stage, lambda: initial_weights(sizes, run.rng), [True, True], recipe.phases, batches, step, validate, measure,
        keep_last=recipe.refit,
    )  # fmt: skip


def image_network(recipe, weights):
    """The integer network of float weights, by the recipe's widths."""
    return quantize_network(
        ["encoder", "classes" if isinstance(recipe, ClassifierRecipe) else "decoder"], weights,
        n_steps=recipe.n_steps, bits=recipe.weight_bits, decay=recipe.decay, frac_bits=recipe.frac_bits, vmem_bits=recipe.vmem_bits,
        meta={"max_rate": recipe.max_rate},
    )  # fmt: skip


def score_images(network, recipe, images, labels):
    """Figures on images that were not trained on: "mse" or "error", and "hidden", spikes a step."""
    rng = np.random.default_rng(VALIDATION_SEED)
    if isinstance(recipe, ClassifierRecipe):
        return {"error": 1 - evaluate.score_classifier(network, images, labels, rng)["accuracy"]}
    return evaluate.score_autoencoder(network, images, rng)


def train_image_network(run):
    """A `Network` by the run's recipe, its figures on the validation images in ``meta``."""
    recipe = run.recipe
    network = image_network(recipe, train_image_weights(run, recipe))
    network.meta.update(describe_run(run, f"{recipe.dataset}-test"))
    images, labels = split_images(recipe, run.data_dir)[1]
    # After a refit these images were trained on, and their figures say less.
    network.meta["trained_on" if recipe.refit else "validation"] = score_images(network, recipe, images, labels)
    return with_typical_rates(network, images.reshape(len(images), -1) / np.float32(255))


def describe_run(run, evaluation):
    """What a network's ``meta`` says of its training."""
    return {"recipe": run.recipe.name, "seed": run.seed, "evaluation": evaluation, "parameters": parameters(run.recipe)}


def vmem_step(phase, weights, spikes, target, rates, optimizer, learning_rate, decay):
    """One batch by the paper's rule; with ``rates`` [n_samples, n] (the image) also "mse" and "spike_mse" (section 3.1)."""
    figures = vmem_batch(
        weights, spikes, target, optimizer, learning_rate,
        decay=decay / 256, trace=phase.trace, mask=phase.mask, moments=phase.moments, slope=phase.slope,
    )  # fmt: skip
    counts = figures.pop("counts")
    if rates is not None:
        made = normalise(counts)
        figures["mse"] = float(np.mean((made - normalise(rates)) ** 2))
        figures["spike_mse"] = float(np.mean((made - normalise(target.sum(axis=0))) ** 2))
    return figures


def bptt_step(phase, weights, spikes, target, optimizer, learning_rate, decay, trained=None, loss=image_loss, buffers=None, inputs=None):
    """One batch by backpropagation through time."""
    return rate_bptt_batch(
        weights, spikes, target, optimizer, learning_rate,
        decay=decay / 256, slope=phase.slope, trained=trained, spike_price=phase.spike_price, loss=loss, buffers=buffers, inputs=inputs,
    )  # fmt: skip


def float_counts(weights, rates, n_steps, decay, rng, max_rate=1.0, batch=200):
    """Spike counts of each layer of the float network: a list of float [n_samples, n_neurons]."""
    counts = []
    for start in range(0, len(rates), batch):
        spikes = spikes_of(rates[start : start + batch], n_steps, rng, max_rate)
        counts.append([layer.counts for layer in forward(weights, spikes, decay / 256, last_spikes=False)])
    return [np.concatenate(layer) for layer in zip(*counts)]
