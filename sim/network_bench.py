"""cocotb test that runs the job that `lifarray.sim.simulate` left in a folder."""

import json
import os
from itertools import count
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import Timer

from lifarray.golden.registers import CORE_ID, MAP_HASH

from .job import PROGRESS_CYCLES, Job
from .memory import read_words
from .testbench import CLOCK_NS, Testbench


async def tell_progress(path):
    """Keep in a file how many `PROGRESS_CYCLES` have passed."""
    for n in count(1):
        await Timer(PROGRESS_CYCLES * CLOCK_NS, "ns")
        path.write_text(str(n))


@cocotb.test()
async def run_job(dut):
    folder = Path(os.environ["LIFARRAY_JOB"])
    job = Job.load(folder)
    tb = Testbench(dut)
    dut.watch_first.value, dut.watch_end.value = 0, 0       # until the weights are in the core
    await tb.reset()
    assert await tb.read("ID") == CORE_ID
    assert await tb.read("MAP_HASH") == MAP_HASH
    await tb.open_window(0, job.base, job.end)
    cocotb.start_soon(tell_progress(folder / "progress"))
    setup = await tb.run(*job.setup) if job.setup else None
    dut.watch_first.value, dut.watch_end.value = job.weights
    counters = [await tb.run(address, count) for address, count in job.lists]
    weight_bytes = dut.watched.value.to_unsigned() * job.bus_bits // 8
    storage = dut.ddr.memory.storage
    words = {name: read_words(storage, address, n_words, job.bus_bits) for name, (address, n_words) in job.regions.items()}
    np.savez(folder / "outputs.npz", **words)
    (folder / "counters.json").write_text(json.dumps({"setup": setup, "counters": counters, "weight_bytes": weight_bytes}))
