"""The core against the golden model: random networks, errors and recovery, in cocotb."""

import pytest

from lifarray.golden.config import CoreConfig
from lifarray.sim import runner
from lifarray.sim.bench import run_core_bench

CONFIGS = {
    "plain": CoreConfig(lanes=8, fire_units=2),
    # A 32-bit bus, the shallowest buffers, groups that do not fill the pipeline.
    "narrow-bus": CoreConfig(
        lanes=24, fire_units=8, bus_bits=32, current_bits=15, vmem_bits=13, weight_fifo_words=32, stream_fifo_words=32
    ),
    # 4-bit weights in rows that end within a word; one lane a unit.
    "four-bit": CoreConfig(lanes=10, fire_units=10, weight_bits=4, current_bits=12, vmem_bits=9),
    "one-lane": CoreConfig(lanes=1, fire_units=1, current_bits=14, vmem_bits=20),
    # Rows longer than a burst, several blocks a unit, the widest vmem.
    "wide": CoreConfig(lanes=144, fire_units=12, current_bits=20, vmem_bits=32),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_core_on_verilator(name):
    run_core_bench(CONFIGS[name], seed=1, simulator="verilator", count=10)


@pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", ["plain", "narrow-bus"])
def test_core_on_icarus(name):
    run_core_bench(CONFIGS[name], seed=2, simulator="icarus", count=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
@pytest.mark.parametrize("name", CONFIGS)
def test_core_on_more_seeds(name, seed):
    run_core_bench(CONFIGS[name], seed=seed, simulator="verilator", count=30)
