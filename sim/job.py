"""What is handed to the simulator's process, and back: files in a folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lifarray.golden.program import Program

from .memory import write_image

PROGRESS_CYCLES = 10_000
"""The run tells each time that so many cycles have passed."""


@dataclass(frozen=True)
class Job:
    """Descriptor lists to run on what lies in memory, and where to find what they leave.

    Parameters
    ----------
    bus_bits : int
    base, end : int
        Addresses that the core may touch.
    weights : (int, int)
        First address of the weights, and just beyond the last.
    setup : (int, int) or None
        Address and number of descriptors of the list that loads the weights, if they are to stay.
    lists : list of (int, int)
        The same of each run.
    regions : dict of str to (int, int)
        Address and 64-bit words of each output.
    """

    bus_bits: int
    base: int
    end: int
    weights: tuple
    setup: "tuple | None"
    lists: list
    regions: dict

    @classmethod
    def load(cls, folder: Path) -> "Job":
        return cls(**json.loads((folder / "job.json").read_text()))


def prepare(folder: Path, program: Program, spikes):
    """Write the job, one run a pass of samples, and ``memory.bin``, what memory holds before.

    ``spikes`` is bool [n_samples, n_steps, fan_in].
    """
    n_layers = len(program.network.layers)
    weights = program.weight_image()
    job = Job(
        program.config.bus_bits,
        program.base,
        program.end,
        (min(weights), max(address + words.nbytes for address, words in weights.items())),
        (program.setup_address, program.setup_count) if program.resident else None,
        [(program.list_address_of(g), n_layers) for g in range(len(program.groups))],
        {"/".join(map(str, key)): region for key, region in program.output_regions().items()},
    )
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    write_image(folder / "memory.bin", {**weights, **program.list_image(), **program.input_image(spikes)}, program.config.bus_bits)


def read_outputs(folder: Path, program: Program) -> dict:
    """The words of `Program.output_regions`, as the run left them in ``outputs.npz``."""
    with np.load(folder / "outputs.npz") as outputs:
        return {key: outputs["/".join(map(str, key))] for key in program.output_regions()}
