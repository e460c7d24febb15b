"""Networks: layers of integers, run bit-exactly, kept in one checksummed file."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .config import DECAY_ONE, MAX_FRAC_BITS, CoreConfig
from .descriptor import FIELDS
from .errors import UserError
from .files import whole_file
from .lif import LayerResult, currents, lif_step, reset_mode

FORMAT = "lifarray-network"
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Layer:
    """One fully connected LIF layer in integers.

    Parameters
    ----------
    name : str
    weight : int8 [fan_in + bias_rows, n_neurons]
        The last ``bias_rows`` rows belong to inputs that spike at every step.
    weight_bits : int
        8 or 4.
    v_threshold, v_subtract, v_init : int
        In units of vmem, that is after the shift by ``frac_bits``.
    decay : int
        Factor d in units of 1/256, 0 to 256: ``round((1 - alpha) * 256)``.
    frac_bits : int
        Left shift of the current.
    reset_mode : str
        "zero", "subtract", "none", "zero_delayed" or "subtract_delayed".
    weight_scale : float
        ``weight / weight_scale`` is the trained weight. Not used in inference.
    """

    name: str
    weight: np.ndarray
    weight_bits: int
    v_threshold: int
    v_subtract: int
    decay: int
    frac_bits: int = 0
    reset_mode: str = "zero"
    v_init: int = 0
    bias_rows: int = 0
    weight_scale: float = 1.0

    def __post_init__(self):
        def require(ok, text):
            if not ok:
                raise UserError(f"layer {self.name!r}: {text}")

        weight = np.asarray(self.weight)
        require(weight.ndim == 2 and weight.size > 0, f"weight has shape {weight.shape}, must be [fan_in, n_neurons]")
        require(np.issubdtype(weight.dtype, np.integer), f"weight is {weight.dtype}, must be integer")
        require(self.weight_bits in (4, 8), f"weight_bits = {self.weight_bits}, must be 4 or 8")
        highest = (1 << (self.weight_bits - 1)) - 1
        require(
            -highest - 1 <= weight.min() and weight.max() <= highest,
            f"weights reach from {weight.min()} to {weight.max()}, {self.weight_bits} bits hold {-highest - 1} to {highest}",
        )
        object.__setattr__(self, "weight", weight.astype(np.int8))
        require(self.v_threshold >= 1, f"v_threshold = {self.v_threshold}, must be at least 1")
        require(self.v_subtract >= 0, f"v_subtract = {self.v_subtract}, must not be negative")
        require(0 <= self.decay <= DECAY_ONE, f"decay = {self.decay}, must be 0 to {DECAY_ONE}")
        require(0 <= self.frac_bits <= MAX_FRAC_BITS, f"frac_bits = {self.frac_bits}, must be 0 to {MAX_FRAC_BITS}")
        try:
            reset_mode(self.reset_mode)
        except KeyError:
            raise UserError(f"layer {self.name!r}: unknown reset_mode {self.reset_mode!r}") from None
        require(0 < self.weight_scale < float("inf"), f"weight_scale = {self.weight_scale}, must be above 0")
        require(0 <= self.bias_rows < weight.shape[0], f"bias_rows = {self.bias_rows} of {weight.shape[0]} weight rows")

    @property
    def fan_in(self) -> int:
        """Inputs, without the bias rows."""
        return self.weight.shape[0] - self.bias_rows

    @property
    def n_neurons(self) -> int:
        return self.weight.shape[1]

    def check_fits(self, config: CoreConfig, vmem_bits: int):
        """Refuse a core on which this layer could overflow or which cannot run it.

        The slots' partial sums pass through every order of the rows, so what must fit is the
        sum of the negative and of the positive weights, bias rows included.

        Raises
        ------
        UserError
            Naming layer, neuron and bits.
        """
        if self.weight_bits > config.weight_bits:
            raise UserError(
                f"layer {self.name!r} has {self.weight_bits}-bit weights and the core takes {config.weight_bits}-bit ones: "
                "quantise it to 4 bits or use a core with weight_bits = 8"
            )
        if vmem_bits != config.vmem_bits:
            raise UserError(
                f"the network saturates vmem at {vmem_bits} bits and the core at {config.vmem_bits}: use a core with vmem_bits = {vmem_bits}"
            )
        for name in ("fan_in", "n_neurons", "bias_rows"):
            _require_field(f"layer {self.name!r}", name, getattr(self, name))
        limit = 1 << (config.current_bits - 1)
        weight = self.weight.astype(np.int64)
        low, high = np.minimum(weight, 0).sum(axis=0), np.maximum(weight, 0).sum(axis=0)
        over = np.flatnonzero((low < -limit) | (high >= limit))
        if over.size:
            j = int(over[0])
            bits = max(int(high[j]).bit_length(), int(-low[j] - 1).bit_length()) + 1
            raise UserError(
                f"layer {self.name!r}, neuron {j}: its current can reach from {low[j]} to {high[j]}, which takes {bits} bits; "
                f"the core has current_bits = {config.current_bits}"
            )

    def steps(self, spikes, vmem_bits: int):
        """Run the layer, yielding the `LifStep` of each time step, arrays of [n_samples, n_neurons].

        Parameters
        ----------
        spikes : bool [n_samples, n_steps, fan_in]
        vmem_bits : int
        """
        spikes = np.asarray(spikes, dtype=bool)
        if spikes.ndim != 3 or spikes.shape[2] != self.fan_in:
            raise UserError(f"layer {self.name!r} takes spikes of shape [n_samples, n_steps, {self.fan_in}], not {list(spikes.shape)}")
        n_samples, n_steps, _ = spikes.shape
        current = currents(self.weight[: self.fan_in], spikes)
        current += self.weight[self.fan_in :].astype(np.int64).sum(axis=0)
        vmem = np.full((n_samples, self.n_neurons), self.v_init, dtype=np.int64)
        for t in range(n_steps):
            step = lif_step(
                vmem,
                current[:, t],
                v_threshold=self.v_threshold,
                v_subtract=self.v_subtract,
                d=self.decay,
                frac_bits=self.frac_bits,
                mode=reset_mode(self.reset_mode),
                vmem_bits=vmem_bits,
            )
            vmem = step.vmem
            yield step

    def run(self, spikes, vmem_bits: int) -> LayerResult:
        """Run the layer.

        Parameters
        ----------
        spikes : bool [n_samples, n_steps, fan_in]
        vmem_bits : int

        Returns
        -------
        LayerResult
        """
        n_samples, n_steps, _ = np.shape(spikes)
        out = np.zeros((n_samples, n_steps, self.n_neurons), dtype=bool)
        saturations = 0
        for t, step in enumerate(self.steps(spikes, vmem_bits)):
            out[:, t] = step.spike
            saturations += int(step.saturated.sum())
        events = int(np.sum(spikes)) + self.bias_rows * n_samples * n_steps
        return LayerResult(out, step.vmem.astype(np.int32), saturations, events)


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in a chain, with what a user of them needs to know.

    Parameters
    ----------
    layers : sequence of Layer
    n_steps : int
        Time steps T that it was trained for.
    meta : dict
        JSON: the recipe that trained it, its front end, its figures.
    arrays : dict of str to array
        What belongs to the network beyond its weights, such as the class images.
    vmem_bits : int
        Width at which vmem saturates.
    """

    layers: tuple
    n_steps: int
    meta: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)
    vmem_bits: int = 16

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise UserError("a network needs at least one layer")
        if self.n_steps < 1:
            raise UserError(f"n_steps = {self.n_steps}, must be at least 1")
        if not 4 <= self.vmem_bits <= 32:
            raise UserError(f"vmem_bits = {self.vmem_bits}, must be 4 to 32")
        for before, after in zip(self.layers, self.layers[1:]):
            if before.n_neurons != after.fan_in:
                raise UserError(f"layer {before.name!r} has {before.n_neurons} neurons, layer {after.name!r} takes {after.fan_in}")
        highest = (1 << (self.vmem_bits - 1)) - 1
        for layer in self.layers:
            for name in ("v_threshold", "v_subtract", "v_init"):
                value = getattr(layer, name)
                if not -highest - 1 <= value <= highest:
                    raise UserError(f"layer {layer.name!r}: {name} = {value} does not fit in vmem_bits = {self.vmem_bits}")

    @property
    def fan_in(self) -> int:
        return self.layers[0].fan_in

    @property
    def sizes(self) -> tuple:
        """Neurons of input and layers, such as (784, 196, 784)."""
        return (self.fan_in, *(layer.n_neurons for layer in self.layers))

    def check_fits(self, config: CoreConfig):
        """Raise UserError unless every layer runs on such a core without overflow."""
        _require_field("network", "n_steps", self.n_steps)
        for layer in self.layers:
            layer.check_fits(config, self.vmem_bits)

    def run(self, spikes) -> list:
        """Run all layers on ``spikes`` (bool [n_samples, n_steps, fan_in]); a LayerResult each."""
        results = []
        for layer in self.layers:
            result = layer.run(spikes, self.vmem_bits)
            results.append(result)
            spikes = result.spikes
        return results

    def save(self, path):
        """Write the network to one file; under its name only when whole.

        The file is a zip archive of NumPy arrays and ``network.json``; the comment of the archive
        holds the SHA-256 of its members' contents. Equal networks give equal bytes.
        """
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "n_steps": self.n_steps,
            "vmem_bits": self.vmem_bits,
            "layers": [{key: getattr(layer, key) for key in _LAYER_KEYS} for layer in self.layers],
            "meta": self.meta,
        }
        members = {"network.json": json.dumps(header, indent=1, sort_keys=True).encode()}
        for i, layer in enumerate(self.layers):
            members[f"weight{i}.npy"] = _npy(layer.weight)
        for name in sorted(self.arrays):
            members[f"arrays/{name}.npy"] = _npy(self.arrays[name])
        with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
            archive.comment = _digest(members).encode()

    @classmethod
    def load(cls, path) -> "Network":
        """Read a network file.

        Raises
        ------
        UserError
            Missing, not a network, truncated, altered, or of another version.
        """
        path = Path(path)
        try:
            with zipfile.ZipFile(path) as archive:
                comment = archive.comment.decode("ascii", "replace")
                members = {info.filename: archive.read(info) for info in archive.infolist()}
        except OSError as error:
            raise UserError(f"cannot read the network {str(path)!r}: {error.strerror or error}") from None
        except Exception as error:  # zipfile raises many kinds on damaged archives
            raise UserError(f"{str(path)!r} is not a network file, or a truncated one: {error}") from None
        try:
            header = json.loads(members["network.json"])
            found = (header["format"], header["version"])
        except (KeyError, ValueError, TypeError):
            raise UserError(f"{str(path)!r} is not a network file: it has no valid network.json") from None
        if found[0] != FORMAT or found[1] != FORMAT_VERSION:
            raise UserError(
                f"{str(path)!r} has format {found[0]!r} version {found[1]}; this lifarray reads {FORMAT!r} version {FORMAT_VERSION}"
            )
        if comment != _digest(members):
            raise UserError(f"{str(path)!r} was altered or damaged: its checksum does not match; fetch or train it again")
        try:
            return cls._of(header, members)
        except KeyError as error:
            raise UserError(f"{str(path)!r} lacks {error.args[0]!r}: write it again") from None
        except (TypeError, ValueError, AttributeError, OSError, EOFError) as error:     # UserError is a ValueError
            raise UserError(f"{str(path)!r} is not a network that can run: {error}") from None

    @classmethod
    def _of(cls, header, members):
        """The network of a file's header and members, of which nothing is known yet but that they are there."""
        layers = []
        for i, values in enumerate(_typed(header, "layers", list)):
            values = {key: _typed(values, key, kind) for key, kind in _LAYER_KEYS.items()}
            layers.append(Layer(weight=_array(members[f"weight{i}.npy"]), **values))
        arrays = {
            name[len("arrays/") : -len(".npy")]: _array(data)
            for name, data in members.items()
            if name.startswith("arrays/")
        }
        meta = _typed(header, "meta", dict)
        if not 0 <= _typed({"max_rate": 1.0, **meta}, "max_rate", float) <= 1:
            raise UserError(f"max_rate = {meta['max_rate']}, must be 0 to 1")
        return cls(layers, _typed(header, "n_steps", int), meta, arrays, _typed(header, "vmem_bits", int))


_LAYER_KEYS = {
    "name": str,
    "weight_bits": int,
    "v_threshold": int,
    "v_subtract": int,
    "decay": int,
    "frac_bits": int,
    "reset_mode": str,
    "v_init": int,
    "bias_rows": int,
    "weight_scale": float,
}


def _typed(values, key, kind):
    """``values[key]``, a JSON value; TypeError unless it is of a kind. A whole number is a float too."""
    if not isinstance(values, dict):
        raise TypeError(f"{values!r} where {key} should be named")
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError(f"{key} = {value!r}, must be {kind.__name__}")
    return value


def _require_field(owner, name, value):
    """Raise UserError unless a value fits into its field of the layer descriptor."""
    (width,) = [field.width for field in FIELDS if field.name == name]
    if value >> width:
        raise UserError(f"{owner}: {name} = {value}, and a core takes at most {(1 << width) - 1}")


def _npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array(data: bytes):
    return np.load(io.BytesIO(data), allow_pickle=False)


def _digest(members) -> str:
    digest = hashlib.sha256()
    for name in sorted(members):
        digest.update(f"{name}\0{len(members[name])}\0".encode())
        digest.update(members[name])
    return digest.hexdigest()
