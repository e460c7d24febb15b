"""cocotb test that runs the job that `lifarray.sim.simulate` left in a folder."""

import json
import os
from pathlib import Path

import cocotb
import numpy as np

from lifarray.golden.registers import CORE_ID, MAP_HASH

from .job import Job
from .memory import read_words
from .testbench import Testbench


@cocotb.test()
async def run_job(dut):
    folder = Path(os.environ["LIFARRAY_JOB"])
    job = Job.load(folder)
    program = job.program
    tb = Testbench(dut)
    await tb.reset()
    assert await tb.read("ID") == CORE_ID
    assert await tb.read("MAP_HASH") == MAP_HASH
    await tb.open_window(0, program.base, program.end)

    if program.resident:
        await tb.run(program.setup_address, program.setup_count)
    n_layers = len(program.network.layers)
    counters = []
    with open(folder / "progress", "w", buffering=1) as progress:
        for g in range(len(program.groups)):
            counters.append(await tb.run(program.list_address_of(g), n_layers))
            progress.write(f"{g + 1}\n")

    storage = dut.ddr.memory.storage
    words = {
        "/".join(map(str, key)): read_words(storage, address, n_words, program.config.bus_bits)
        for key, (address, n_words) in program.output_regions().items()
    }
    np.savez(folder / "outputs.npz", **words)
    (folder / "counters.json").write_text(json.dumps(counters))
