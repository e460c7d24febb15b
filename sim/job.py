"""What is handed to the simulator's process, and back: files in a folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lifarray.golden.config import CoreConfig
from lifarray.golden.network import Network
from lifarray.golden.program import Program


@dataclass(frozen=True)
class Job:
    """One network and the spikes it runs on.

    Parameters
    ----------
    program : Program
    spikes : bool [n_samples, n_steps, fan_in]
    """

    program: Program
    spikes: np.ndarray

    def save(self, folder: Path):
        program = self.program
        program.network.save(folder / "network.lif")
        np.save(folder / "spikes.npy", self.spikes)
        settings = {
            "config": asdict(program.config),
            "base": program.base,
            "read_vmem": program.read_vmem,
            "resident": program.resident,
        }
        (folder / "job.json").write_text(json.dumps(settings))

    @classmethod
    def load(cls, folder: Path) -> "Job":
        settings = json.loads((folder / "job.json").read_text())
        spikes = np.load(folder / "spikes.npy")
        network = Network.load(folder / "network.lif")
        n_samples, n_steps, _ = spikes.shape
        config = CoreConfig(**settings["config"])
        program = Program(network, config, n_samples, n_steps, settings["base"], settings["read_vmem"], settings["resident"])
        return cls(program, spikes)

    def image(self) -> dict:
        """Everything that memory holds before the run: address to words."""
        program = self.program
        return {**program.weight_image(), **program.list_image(), **program.input_image(self.spikes)}
