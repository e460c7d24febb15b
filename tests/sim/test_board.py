"""The simulated board's process: that it lives, and what happens when it does not."""

import os
import signal
import time
from pathlib import Path

import pytest

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import ToolError
from lifarray.golden.registers import BY_NAME, CORE_ID
from lifarray.host.board_errors import SelfTestError
from lifarray.host.netlist_check import check_interrupt
from lifarray.sim import board, simulator_process


@pytest.fixture
def simulated():
    """A board of its own for each test: some are not to survive."""
    simulated = board.SimulatedBoard(CoreConfig(lanes=8, fire_units=2))
    yield simulated
    simulated.close()


def child_of(pid) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def runs(pid) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_long_sleep_is_no_hang(simulated):
    cycles = 25_001
    before = simulated.cycles_slept
    simulated.sleep(cycles)
    assert simulated.cycles_slept - before == cycles
    assert simulated.read(BY_NAME["ID"].address) == CORE_ID


def test_the_interrupt_line(simulated):
    with pytest.raises(SelfTestError, match="line is 0 after 1 was written to IRQ_ENABLE, must be 1"):
        check_interrupt(simulated)
    simulated.write(BY_NAME["IRQ_ENABLE"].address, 0)
    simulated.write(BY_NAME["CONTROL"].address, 1)      # a list of no layers, which ends with an error
    simulated.sleep(20)
    check_interrupt(simulated)


def test_a_simulator_that_hangs_is_ended_and_told(simulated, monkeypatch):
    simulator = child_of(simulated._simulator.process.pid)
    os.kill(simulator, signal.SIGSTOP)
    monkeypatch.setattr(simulator_process, "ANSWER_SECONDS", 0.2)
    with pytest.raises(ToolError, match="the simulator hung in read: no sign of life for 0.2 s; its log ends with"):
        simulated.read(BY_NAME["ID"].address)
    while runs(simulator):      # pytest's timeout ends it
        time.sleep(0.05)
    with pytest.raises(ToolError, match="the simulator ended during read"):
        simulated.read(BY_NAME["ID"].address)


def test_a_board_that_is_closed_leaves_no_process(simulated):
    process = simulated._simulator.process.pid
    simulator = child_of(process)
    os.kill(simulator, signal.SIGSTOP)
    simulated.close()
    while runs(simulator) or runs(process):
        time.sleep(0.05)
