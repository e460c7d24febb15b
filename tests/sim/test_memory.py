"""A local memory and the way to it, in cocotb."""

import pytest

from lifarray.sim import runner
from lifarray.sim.memory_top import MemoryOnAxi4
from lifarray.sim.top import verilog

PAGES = 9
"""A whole bank and a part of one."""


@pytest.mark.parametrize("name", ["verilator", "icarus"])
@pytest.mark.parametrize("seed", [1, 2])
def test_memory(name, seed, tmp_path):
    if name == "icarus" and runner.icarus_of_system() is None:
        pytest.skip("no Icarus Verilog")
    simulator = runner.find_simulator(name)
    build_dir = runner.build(verilog(MemoryOnAxi4(PAGES)), simulator)
    env = {"LIFARRAY_SEED": str(seed), "LIFARRAY_PAGES": str(PAGES)}
    runner.run(build_dir, simulator, "lifarray.sim.tb_memory", tmp_path, env=env)
