"""What `LifArray` drives: a board, the simulated RTL, or the integer model behind the same registers.

A device has:

- ``runner``: what runs, for people
- ``clock_hz``: the core's clock; None where nothing has one
- ``read(name)``, ``write(name, value)``: registers of ``golden/registers.py``
- ``accesses``: how many of those there were
- ``allocate(n_bytes)``: a `Buffer` that the core can reach
- ``sleep(seconds)``, ``now()``: time, which is simulated time on a simulator
- ``download()``: load the bitstream anew, which resets the core
- ``close()``
"""

from ..board_errors import BoardError

DEVICES = {
    "pynq": "the core on a PYNQ board",
    "sim": "the RTL of the core on a simulator, through pynq",
    "serial": "the core on a ULX3S, at its USB serial port",
    "golden": "the integer model behind the core's registers",
}

OPTIONS = {
    "pynq": {"bitstream", "clock_hz", "lock_file"},
    "sim": {"config", "simulator", "clock_hz", "lock_file"},
    "serial": {"port", "clock_hz"},
    "golden": {"config"},
}


def open_device(name: str, *, config=None, bitstream=None, clock_hz=None, lock_file=None, simulator=None, port=None):
    """Open the device called ``name``; `LifArray` explains the options.

    Raises
    ------
    BoardError
        There is none, or it cannot be used.
    """
    if name not in DEVICES:
        raise BoardError(f"no device {name!r}: choose {', '.join(DEVICES)}")
    if name in ("pynq", "serial") and config is not None:
        raise BoardError("config: a board's core is what its bitstream holds; leave config out")
    options = {"config": config, "bitstream": bitstream, "clock_hz": clock_hz, "lock_file": lock_file, "simulator": simulator, "port": port}
    for option, value in options.items():
        if value is not None and option not in OPTIONS[name]:
            raise BoardError(f"{option} = {value!r}: device {name!r} has none")
    if clock_hz is not None and not clock_hz > 0:
        raise BoardError(f"clock_hz = {clock_hz}, must be above 0")
    if name == "golden":
        from .model import ModelDevice

        return ModelDevice(config)
    if name == "serial":
        from .serial_device import open_serial

        return open_serial(port, clock_hz)
    from . import overlay

    if name == "sim":
        return overlay.open_simulation(config, simulator, clock_hz, lock_file)
    return overlay.open_board(bitstream, clock_hz, lock_file)
