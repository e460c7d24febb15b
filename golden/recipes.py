"""Recipes: everything that decides a trained network, by name. `train` follows them."""

from dataclasses import asdict, dataclass, field, replace

from .audio import FrontEnd
from .augment import Augmentation
from .convolution import Kernel
from .errors import UserError

DECAY = 230
"""round((1 − alpha) · 256) for the paper's alpha = 0.1: training leaks exactly as the hardware does."""


@dataclass(frozen=True)
class Phase:
    """A number of epochs by one rule.

    Parameters
    ----------
    rule : str
        "vmem": the paper's, `vmem_bptt.vmem_batch`. "bptt": `vmem_bptt.rate_bptt_batch`, ours.
    epochs, batch, n_steps : int
    learning_rate, final_rate : float
        Falls from the first to the second by half a cosine over the phase.
    mask : bool
        Of "vmem": equation 6.
    weight_bits : int
        Of "bptt": run with the weights rounded to 4 or 8 bits while training them; 0: as they are.
    trace, moments : str
        Of "vmem": see there.
    weight_decay : float
    weight_limit : float
        Weights are kept within plus and minus this, or a few large ones cost all others a bit; 0: no limit.
    slope : float
        Of the surrogate gradient; the paper's is 1.
    spike_price : tuple of float
        Of "bptt": a price on the spikes of each layer, because events are clock cycles.
    """

    rule: str
    epochs: int
    learning_rate: float
    final_rate: float = 0.0
    batch: int = 100
    n_steps: int = 15
    trace: str = "separable"
    moments: str = "all"
    mask: bool = True
    weight_bits: int = 0
    weight_decay: float = 0.0
    weight_limit: float = 0.0
    slope: float = 1.0
    spike_price: tuple = ()


@dataclass(frozen=True)
class AutoencoderRecipe:
    """784-hidden-784 on images.

    Parameters
    ----------
    n_steps : int
        Time steps T of an image when the network is used; each phase has its own.
    dataset : str
        "mnist" or "fashion-mnist".
    max_rate : float
        Spike probability of a step at the highest pixel value.
    decay : int
        In units of 1/256.
    n_train : int
        Training images, the first of the set.
    n_validation : int
        The last training images, kept for validation.
    refit : bool
        Train on the whole training set, those images too, and keep the last epoch: where no setting is left to choose.
    weight_bits, frac_bits, vmem_bits : int
        Of the integer network.
    """

    name: str
    phases: tuple
    hidden: int = 196
    n_steps: int = 15
    dataset: str = "mnist"
    max_rate: float = 1.0
    decay: int = DECAY
    n_train: int = 59000
    n_validation: int = 1000
    refit: bool = False
    weight_bits: int = 8
    frac_bits: int = 0
    vmem_bits: int = 16


@dataclass(frozen=True)
class ClassifierRecipe(AutoencoderRecipe):
    """784-hidden-10 on images: the output neuron with the most spikes is the class. Phases are "bptt"."""


@dataclass(frozen=True)
class AudioRecipe:
    """Audiocoder and decoder: speech to the image of its digit (the paper's dataset A).

    Parameters
    ----------
    autoencoder : AutoencoderRecipe
        Layer 1 makes the target hidden states, layer 2 is the decoder.
    phases : tuple of Phase
        "vmem" trains the audiocoder on the hidden states, as the paper does; "bptt" trains it
        through the decoder, which stays as it is.
    augmentation : Augmentation or None
        How training utterances are varied.
    variants : int
        Each utterance is varied that often, before training; 0: anew whenever it is met.
    pairing : str
        The paper's dataset "A", one image a digit, or "B", an image of its own for each utterance.
    class_weight : float
        Of dataset A, in "bptt": of the cross-entropy of the nearest class image, beside the MSE.
    nearest_image : bool
        Of dataset B, in "bptt": aim at whichever training image of the digit is nearest to what the network
        makes, as it is scored, in place of the utterance's own.
    n_steps : int
        Time steps of an utterance.
    hidden : int
        Neurons of the audiocoder's first layer.
    kernel : Kernel or None
        That layer is a convolution; ``hidden`` is not used.
    bias : bool
        Both layers of the audiocoder have a bias row, which "bptt" trains with the rest; "vmem" cannot.
    hidden_state_steps : int
        Th: length of the target hidden states, which are shown again and again.
    validation_indices : tuple of int
        FSDD indices of the training split kept for validation.
    refit : bool
        Train on the whole training split, those indices too, and keep the last epoch: how a network
        that ships is made, once validation has decided the settings.
    leave_out : str
        FSDD speaker never trained on, or "".
    n_recordings : int
        Use only so many training recordings (0: all), for a quick test.
    voice_rates, voice_pitches : tuple of int
        At which each training voice speaks the digits; none without voices.
    flite : bool
        The voices of `flite` speak them as well.
    """

    name: str
    autoencoder: AutoencoderRecipe
    phases: tuple
    front_end: FrontEnd = field(default_factory=FrontEnd)
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    variants: int = 0
    pairing: str = "A"
    class_weight: float = 0.0
    nearest_image: bool = False
    hidden: int = 224
    kernel: Kernel | None = None
    bias: bool = False
    n_steps: int = 60
    hidden_state_steps: int = 15
    validation_indices: tuple = (5, 6, 7, 8, 9)
    refit: bool = False
    leave_out: str = ""
    n_recordings: int = 0
    voice_rates: tuple = (120, 160, 210)
    voice_pitches: tuple = (35, 65)
    flite: bool = False
    weight_bits: int = 8


# One epoch by the paper's rule finds good weights fast; backpropagation through time refines them.
_START = Phase("vmem", epochs=1, learning_rate=5e-4)
_REFINE = Phase("bptt", epochs=24, learning_rate=3e-3, slope=4.0, weight_limit=1.0)
_TO_4_BITS = Phase("bptt", epochs=12, learning_rate=1e-3, slope=4.0, weight_limit=1.0, weight_bits=4)

MNIST_AE_INT8 = AutoencoderRecipe(name="mnist-ae-int8", phases=(_START, _REFINE))

# The leak rounds to nearest, so a small threshold needs frac_bits for it to act at all.
MNIST_AE_INT4 = replace(
    MNIST_AE_INT8, name="mnist-ae-int4", phases=(_START, _REFINE, _TO_4_BITS), weight_bits=4, frac_bits=3, vmem_bits=12
)

# Fewer hidden spikes: the decoder's clock cycles are nearly proportional to them.
MNIST_AE_INT4_THIN = replace(
    MNIST_AE_INT4,
    name="mnist-ae-int4-thin",
    phases=(_START, _REFINE, replace(_TO_4_BITS, epochs=16, learning_rate=2e-3, spike_price=(0.35, 0.0))),
)

# Longer trains are for the last epochs: they cost four times as much, and start where the short ones ended.
MNIST_AE_T60_INT8 = replace(
    MNIST_AE_INT8,
    name="mnist-ae-t60-int8",
    phases=(_START, _REFINE, Phase("bptt", epochs=2, learning_rate=5e-4, n_steps=60, slope=4.0, weight_limit=1.0)),
    n_steps=60,
)

MNIST_CLASSIFIER_INT4 = ClassifierRecipe(
    name="mnist-classifier-int4",
    phases=(
        Phase("bptt", epochs=8, learning_rate=2e-3, n_steps=25, slope=4.0),
        Phase("bptt", epochs=4, learning_rate=1e-3, n_steps=100, slope=4.0, weight_bits=4),
    ),
    hidden=128,
    n_steps=100,
    weight_bits=4,
    frac_bits=3,
    vmem_bits=12,
)

_THIN_AE = AutoencoderRecipe(
    name="mnist-ae-thin",
    phases=(
        Phase("vmem", epochs=1, learning_rate=5e-4, final_rate=5e-5),
        Phase("bptt", epochs=4, learning_rate=3e-3, slope=4.0, spike_price=(0.3, 0.0)),
    ),
    n_train=55000,
)

# Varied anew in every epoch: with eight variants made beforehand it heard strange voices worse.
DEMO = AudioRecipe(
    name="demo",
    autoencoder=_THIN_AE,
    phases=(
        Phase("vmem", epochs=3, learning_rate=1e-3, final_rate=1e-4, n_steps=60),
        Phase("bptt", epochs=50, learning_rate=2e-3, n_steps=60, slope=4.0, spike_price=(0.0, 0.1, 0.0)),
    ),
    refit=True,
)

_TINY_AE = AutoencoderRecipe(
    name="tiny-ae",
    phases=(Phase("vmem", epochs=1, learning_rate=2e-3, batch=50), Phase("bptt", epochs=1, learning_rate=3e-3, slope=4.0)),
    hidden=49,
    n_train=1000,
    n_validation=100,
)

TINY = AudioRecipe(
    name="tiny",
    autoencoder=_TINY_AE,
    phases=(
        Phase("vmem", epochs=1, learning_rate=2e-3, batch=25, n_steps=15),
        Phase("bptt", epochs=2, learning_rate=3e-3, batch=25, n_steps=15, slope=4.0),
    ),
    front_end=FrontEnd(n_frames=6),
    hidden=32,
    n_steps=15,
    hidden_state_steps=5,
    n_recordings=150,
    voice_rates=(),
)

RECIPES = {
    r.name: r
    for r in (DEMO, MNIST_AE_INT8, MNIST_AE_INT4, MNIST_AE_INT4_THIN, MNIST_AE_T60_INT8, MNIST_CLASSIFIER_INT4, TINY)
}

TEST_RECIPES = (TINY.name, _TINY_AE.name)
"""They only test the training: their networks are no good."""


def recipe(name: str, **changes):
    """A recipe by name, with some parameters changed, such as ``leave_out="yweweler"``."""
    if name not in RECIPES:
        raise UserError(f"no recipe {name!r}: choose from {', '.join(sorted(RECIPES))}")
    try:
        return replace(RECIPES[name], **changes)
    except TypeError as error:
        raise UserError(f"recipe {name!r}: {error}") from None


def parameters(recipe) -> dict:
    """All of a recipe, as JSON keeps it (for a network's ``meta``)."""
    return asdict(recipe)
