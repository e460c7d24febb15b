"""The tasks of the experiments: the paper's settings, and ours beside them.

``fast`` shrinks every task until all of them together take minutes: their figures show that the
commands work, and nothing else.
"""

from dataclasses import asdict, replace

from .. import recipes
from ..convolution import Kernel
from ..recipes import Phase
from .tasks import Task

SEEDS = (1, 2, 3)
SHIPPED_SEED = 2019
"""Of the networks that ship: the first of the best recipe's seeds."""
FAST_IMAGES = dict(n_train=1000, n_validation=100, n_test=200)

# Section 3.1: one epoch, batches of 100, learning rate 5e-4, weight decay 1e-4, moments over the
# time steps of a batch.
PAPER_PHASE = Phase("vmem", epochs=1, learning_rate=5e-4, final_rate=5e-4, moments="batch", weight_decay=1e-4)
PAPER_SEPARABLE = (PAPER_PHASE,)
PAPER_RESET = (replace(PAPER_PHASE, trace="paper"),)
NO_MASK = (replace(PAPER_PHASE, mask=False),)

START = recipes.MNIST_AE_INT8.phases[:1]
BEST_15 = recipes.MNIST_AE_INT8.phases
BEST_60 = recipes.MNIST_AE_T60_INT8.phases
BEST_15_INT4 = recipes.MNIST_AE_INT4.phases
# Longer trains are for the last epoch alone, and a layer of 1,024 does without: it would cost an hour.
_FASHION_START, _FASHION_REFINE = recipes.MNIST_AE_INT8.phases[0], Phase("bptt", epochs=6, learning_rate=2e-3, slope=4.0, weight_limit=1.0)
BEST_FASHION = {
    512: (_FASHION_START, _FASHION_REFINE, replace(_FASHION_REFINE, epochs=1, learning_rate=5e-4, n_steps=60)),
    1024: (_FASHION_START, replace(_FASHION_REFINE, epochs=3)),
}

ANN_RATES = {"sgd": (0.003, 0.01, 0.03, 0.1), "adam": (3e-4, 1e-3, 3e-3, 1e-2)}
"""Tried for each ANN; the one with the lowest MSE on validation images counts."""


def alpha_to_decay(alpha) -> int:
    return round((1 - alpha) * 256)


def snn(phases, fast, seed=1, n_steps=15, **changes) -> Task:
    """A spiking autoencoder: ``phases`` with their steps replaced by ``n_steps`` where they are the paper's."""
    if len(phases) == 1:
        phases = (replace(phases[0], n_steps=n_steps),)
    if fast:
        phases = tuple(replace(phase, epochs=1) for phase in phases)
        changes.update(FAST_IMAGES, hidden=min(changes.get("hidden", 196), 64))
        changes.pop("refit", None)
    # The same work has one key.
    for name, default in (("decay", recipes.DECAY), ("hidden", recipes.AutoencoderRecipe.hidden)):
        if changes.get(name) == default:
            del changes[name]
    parameters = dict(name="experiment", phases=[asdict(phase) for phase in phases], n_steps=n_steps, seed=seed, **changes)
    return Task("snn-autoencoder", parameters)


def snn_seeds(phases, fast, **changes) -> list:
    return [snn(phases, fast, seed=seed, **changes) for seed in (SEEDS[:1] if fast else SEEDS)]


def ann(optimizer, learning_rate, fast, dataset="mnist", hidden=196, epochs=1, falling=False, seed=1) -> Task:
    """An autoencoder without spikes: batches of 100, weight decay 1e-4 as in the paper."""
    images = FAST_IMAGES if fast else dict(n_train=59000, n_validation=1000, n_test=0)
    parameters = dict(
        dataset=dataset, hidden=64 if fast else hidden, optimizer=optimizer, learning_rate=learning_rate, falling=falling,
        epochs=1 if fast else epochs, batch=100, weight_decay=1e-4, seed=seed, **images,
    )  # fmt: skip
    return Task("ann-autoencoder", parameters)


def ann_rates(optimizer, fast, **changes) -> list:
    """One task for each learning rate that is tried."""
    return [ann(optimizer, rate, fast, **changes) for rate in ANN_RATES[optimizer][: 1 if fast else None]]


def pca(fast, dataset="mnist", components=196) -> Task:
    images = {key: FAST_IMAGES[key] for key in ("n_train", "n_test")} if fast else dict(n_train=60000, n_test=0)
    return Task("pca", dict(dataset=dataset, components=components, **images))


# Section 3.2.3 has 20 epochs at 5e-5 for 58,500 inputs; the compact front end has 780.
AUDIO_PAPER = (
    Phase("vmem", epochs=10, learning_rate=2e-4, final_rate=2e-5, batch=50, n_steps=60, moments="batch", weight_decay=1e-4),
)
AUDIO_BEST = (
    Phase("vmem", epochs=1, learning_rate=5e-4, final_rate=5e-5, batch=50, n_steps=60),
    Phase("bptt", epochs=25, learning_rate=2e-3, batch=50, n_steps=60, slope=4.0, weight_limit=1.0),
)


def audiocoder(phases, pairing, fast, seed=1, hidden=512, hidden_state_steps=15, **changes) -> Task:
    """A spiking audiocoder for the paper's autoencoder of that seed, on FSDD; not augmented unless told so."""
    changes.setdefault("augmentation", None)
    changes.setdefault("voice_rates", ())
    if fast:
        phases = tuple(replace(phase, epochs=1, n_steps=15) for phase in phases)
        changes.update(n_recordings=100, n_steps=15)
        hidden = 64
    parameters = dict(
        name="experiment", phases=[asdict(phase) for phase in phases], pairing=pairing, hidden=hidden,
        hidden_state_steps=hidden_state_steps, seed=seed, **changes,
    )  # fmt: skip
    parameters["voice_rates"] = list(parameters["voice_rates"])
    return Task("snn-audiocoder", parameters, (snn(PAPER_SEPARABLE, fast, seed=seed),))


def ann_audiocoder(optimizer, learning_rate, pairing, fast, bits=0, seed=1) -> Task:
    """The paper's audiocoder without spikes, on the ANN autoencoder of the same optimizer."""
    parameters = dict(
        pairing=pairing, bits=bits, hidden=64 if fast else 512, optimizer=optimizer, learning_rate=learning_rate, falling=False,
        epochs=1 if fast else 20, batch=50, weight_decay=1e-4, seed=seed,
    )  # fmt: skip
    if fast:
        parameters["n_recordings"] = 100
    autoencoder = ann(optimizer, {"sgd": 0.01, "adam": 1e-3}[optimizer], fast)
    return Task("ann-audiocoder", parameters, (autoencoder,))


def ann_audiocoder_rates(optimizer, pairing, fast, bits=0) -> list:
    rates = {"sgd": (0.01, 0.03, 0.1), "adam": (1e-4, 3e-4, 1e-3)}[optimizer]
    return [ann_audiocoder(optimizer, rate, pairing, fast, bits) for rate in rates[: 1 if fast else None]]


def augmented(fast, phases=None, augmentation=None, variants=6, voice_rates=(130, 180), voice_pitches=(50,), **changes) -> Task:
    """An audiocoder for dataset A from recordings and synthetic voices, each varied so many times."""
    augmentation = asdict(augmentation or recipes.Augmentation())
    augmentation["noise_db"] = list(augmentation["noise_db"])
    return audiocoder(
        phases or AUGMENTED_PHASES, "A", fast, augmentation=augmentation, variants=1 if fast else variants,
        voice_rates=() if fast else voice_rates, voice_pitches=list(voice_pitches), **changes,
    )  # fmt: skip


def left_out(speaker, fast, seed=1) -> Task:
    """An audiocoder that never heard a speaker.

    Its front end tells speakers less apart, its first layer is a convolution, and what counts is the nearest class.
    """
    return augmented(
        fast, phases=LEFT_OUT_PHASES, augmentation=LEFT_OUT_AUGMENTATION, variants=4, kernel=asdict(LEFT_OUT_KERNEL), leave_out=speaker,
        refit=True, front_end=UNKNOWN_SPEAKER, voice_rates=(160,), voice_pitches=(35, 65), flite=not fast, class_weight=5.0, bias=True,
        seed=seed,
    )  # fmt: skip


# Chosen by how well networks know a second speaker that they never heard, for each speaker left out; the variation in part by the
# speakers left out themselves (results/README.md).
UNKNOWN_SPEAKER = dict(tempo_norm=0.5, long_seconds=0.45, frame_norm=0.7, spread_db=9.0, trim_db=20.0, noise_margin_db=3.0)
LEFT_OUT_AUGMENTATION = recipes.Augmentation(speed=0.1, warp=0.5, time_warp=0.15, equaliser_db=4.0, noisy_share=0.4)
LEFT_OUT_KERNEL = Kernel(channels=15, frames=7, channel_stride=3, frame_stride=3, filters=16)

AUGMENTED_PHASES = (
    Phase("vmem", epochs=1, learning_rate=5e-4, final_rate=5e-5, n_steps=60),
    Phase("bptt", epochs=15, learning_rate=2e-3, final_rate=3e-4, n_steps=30, slope=4.0, weight_limit=1.0),
    Phase("bptt", epochs=3, learning_rate=1e-3, n_steps=60, slope=4.0, weight_limit=1.0),
)
# Short trains: what is learnt on them holds for long ones, and their noise keeps the network from learning four voices by heart.
LEFT_OUT_PHASES = (Phase("bptt", epochs=160, learning_rate=2e-3, n_steps=8, slope=4.0, weight_limit=1.0),)
