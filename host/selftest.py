"""Checks of a core, each for one thing that can be wrong with a board."""

import numpy as np

from ..golden.encode import pack
from ..golden.network import Layer, Network
from ..golden.program import is_resident
from ..golden.progress import progress
from ..golden.registers import BY_NAME
from .board_errors import AxiError, CoreTimeoutError, DescriptorError, SelfTestError, WindowError
from .core_control import LOCAL_REMEDY, CoreControl
from .devices.buffer import WORD_BYTES
from .rasters import Batch, Rasters
from .weights import Weights

SEED = 7
N_SAMPLES = 2
TIMEOUT_SECONDS = 2e-3
"""The check's network takes some microseconds."""

PATTERNS = (0xAAAA_AAAA, 0x5555_5555, 0xFFFF_FFFF, 0)

BLANK_WORDS = 8
"""Of memory that is no descriptor: as many as one has."""


def run(control: CoreControl) -> list:
    """All checks, in the order in which one builds on the other; `LifArray.selftest` explains the rest."""
    saved = control.timeout_seconds
    control.timeout_seconds = min(saved, TIMEOUT_SECONDS)
    try:
        checks = (registers, windows, reads, arithmetic, resident_weights)
        return [(check.__doc__.split("\n")[0].rstrip("."), check(control)) for check in progress(checks, "selftest")]
    finally:
        control.timeout_seconds = saved


def registers(control):
    """Registers keep what is written."""
    control.open_windows([])
    for name in ("LIST_ADDRESS", "WINDOW0_FIRST"):
        for pattern in PATTERNS:
            control.device.write(name, pattern)
            found, wanted = control.device.read(name), pattern & BY_NAME[name].mask
            if found != wanted:
                raise SelfTestError(
                    f"register {name} reads {found:#010x} after {pattern:#010x} was written, must be {wanted:#010x}: "
                    "lower the clock, then suspect the bitstream"
                )
        control.device.write(name, BY_NAME[name].reset)
    return f"{2 * len(PATTERNS)} patterns"


def windows(control):
    """The core touches nothing while its windows are closed."""
    control.open_windows([])
    try:
        _run(control, 0, 1)
    except WindowError:
        return "refused"
    raise SelfTestError("the core ran a list outside its windows: suspect the bitstream, and do not use it")


def reads(control):
    """The memory port answers reads."""
    buffer = control.device.allocate(BLANK_WORDS * WORD_BYTES)
    try:
        buffer.write(0, np.zeros(BLANK_WORDS, dtype="<u8"))
        buffer.flush(0, BLANK_WORDS)
        control.open_windows([buffer])
        try:
            _run(control, buffer.address, 1)
        except DescriptorError:
            return f"at {buffer.address:#010x}"
        except CoreTimeoutError as error:
            raise SelfTestError(f"dead memory port: {error}") from None
        except AxiError:
            raise SelfTestError(
                f"wrong address: the memory port answers, but there is no memory for it at {buffer.address:#010x}; "
                f"the bitstream's port sees other addresses than the program: build it again, or {LOCAL_REMEDY.removeprefix('if ')}"
            ) from None
        raise SelfTestError(f"the core took zeros at {buffer.address:#010x} for a descriptor: it reads another place than the program writes")
    finally:
        control.open_windows([])
        buffer.free()


def arithmetic(control):
    """A random network gives the integer model's spikes, through memory and back."""
    network = _random_network(control.config)
    _compare(control, network, resident=False)
    return _describe(network)


def resident_weights(control):
    """So does one whose weights stay in the core."""
    network = _random_network(control.config)
    if not is_resident(network, control.config):
        return "left out: the core has no room for them"
    _compare(control, network, resident=True)
    return _describe(network)


def _describe(network):
    return f"{' → '.join(map(str, network.sizes))}, {N_SAMPLES * network.n_steps} steps"


def _random_network(config):
    rng = np.random.default_rng(SEED)
    reach = 1 << (config.weight_bits - 1)
    # Small, since it may have to go through a serial line; the last layer takes two tiles.
    sizes = (6, 4, config.lanes + 1)
    layers = [
        Layer(
            f"selftest{i}",
            rng.integers(-reach, reach, (fan_in, n)) // max(1, fan_in >> 3),
            weight_bits=config.weight_bits,
            v_threshold=min(reach, (1 << (config.vmem_bits - 1)) - 1),
            v_subtract=0,
            decay=230,
        )
        for i, (fan_in, n) in enumerate(zip(sizes, sizes[1:]))
    ]
    return Network(layers, n_steps=20, vmem_bits=config.vmem_bits)


def _compare(control, network, resident):
    spikes = np.random.default_rng(SEED).random((N_SAMPLES, network.n_steps, network.fan_in)) < 0.5
    weights = Weights(network, control.config, control.device, resident)
    try:
        rasters = Rasters(weights, network.n_steps, 1, control.device)
        try:
            control.open_windows([rasters.buffer, *weights.buffers])
            batch = Batch([pack(spikes)], [len(spikes)])
            rasters.put(0, batch)
            try:
                control.store(weights)
                _run(control, rasters.list_address(0), rasters.list_count(batch))
            except CoreTimeoutError as error:
                raise SelfTestError(f"dead memory port: {error}") from None
            for i, expected in enumerate(network.run(spikes)):
                wrong = int((rasters.get(0, i, 1)[0] != pack(expected.spikes)).sum())
                if wrong:
                    raise SelfTestError(
                        f"{wrong} of {expected.spikes.shape[2]} neurons of layer {i} spike otherwise than the integer model: "
                        "lower the clock, then suspect the bitstream"
                    )
        finally:
            rasters.free()
    finally:
        control.stored = None
        control.open_windows([])
        weights.free()


def _run(control, list_address, list_count):
    control.start(list_address, list_count)
    control.finish()
