"""The core on a serial line: the driver's calls, bit by bit, and what noise and a cut line do to them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lifarray.golden import serial_frame
from lifarray.golden.registers import CORE_ID, LOCAL_MEMORY_BASE
from lifarray.golden.serial_frame import END, ESCAPE, Op
from lifarray.host.board_errors import BoardError, LinkError, NoBoardError, OutOfMemoryError
from lifarray.host.devices import open_device
from lifarray.host.devices.serial_device import BOARD, SerialDevice, open_serial
from lifarray.host.devices.serial_link import ATTEMPTS, RECONNECTS, SerialLink
from lifarray.host.driver import LifArray

from .driver_cases import SMALL, check_run, make_network

CONFIG = SMALL.with_(local_pages=8)


@pytest.fixture(scope="module")
def port():
    pytest.importorskip("amaranth")
    pytest.importorskip("cocotb")
    from lifarray.sim.serial_port import SimulatedPort

    port = SimulatedPort(CONFIG)
    yield port
    port.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("lifarray.host.devices.serial_link.RECONNECT_SECONDS", 0)


def open_on(port):
    """A device on a simulated port, which outlives it."""
    shared = SimpleNamespace(write=port.write, read=port.read, reset_input_buffer=port.reset_input_buffer, close=lambda: None)
    return SerialDevice(SerialLink(lambda: shared, "simulated"), "test", port.clock_hz, port.sleep, port.now)


@pytest.fixture
def device(port):
    return open_on(port)


def test_a_network_runs_bit_by_bit(port, monkeypatch):
    """The same driver, selftest and checks as on every other device."""
    monkeypatch.setattr("lifarray.host.devices.serial_device.open_serial", lambda name, clock_hz: open_on(port))
    network = make_network((12, 20, 16, 9), n_steps=12)
    with LifArray("serial", network, port="simulated") as array:
        assert array.config == CONFIG
        result = check_run(array, network, n_samples=6)
        assert result.counters["cycles"] > 0
        assert [check for check, _ in array.selftest()][0] == "Registers keep what is written"
        check_run(array, network, n_samples=1)


def test_memory_and_registers_are_apart(device):
    data = np.random.default_rng(1).integers(0, 256, 2048, dtype=np.uint8).tobytes()
    device.link.write(LOCAL_MEMORY_BASE, data)
    assert device.link.read(LOCAL_MEMORY_BASE, len(data)) == data
    assert device.link.read(LOCAL_MEMORY_BASE + 1020, 8) == data[1020:1028]
    assert device.read("ID") == CORE_ID
    device.write("LIST_ADDRESS", 0xC0DB_C0DB & ~63)
    assert device.read("LIST_ADDRESS") == 0xC0DB_C0DB & ~63
    assert device.link.read(LOCAL_MEMORY_BASE + (CONFIG.local_pages << 12), 8) == bytes(8), "beyond the memory"


def test_reset_forgets_registers_and_keeps_memory(device):
    device.link.write(LOCAL_MEMORY_BASE, b"12345678")
    device.write("LIST_ADDRESS", 0x1240)
    device.download()
    assert device.read("LIST_ADDRESS") == 0
    assert device.link.read(LOCAL_MEMORY_BASE, 8) == b"12345678"


def test_a_reset_in_the_middle_of_a_run(port, monkeypatch):
    """Whatever the core was reading or writing in its memory, the next run is right."""
    monkeypatch.setattr("lifarray.host.devices.serial_device.open_serial", lambda name, clock_hz: open_on(port))
    network = make_network((12, 20, 16, 9), n_steps=64)
    interrupted = 0
    for pause in (0, 100):
        with LifArray("serial", network, port="simulated") as array:
            check_run(array, network, n_samples=4)
            array.device.write("CONTROL", 1)
            port.sleep(pause / port.clock_hz)
            interrupted += array.device.read("STATUS") & 1
            array.device.download()
            assert array.device.read("STATUS") == 0
    assert interrupted, "the runs are over before they are reset"
    with LifArray("serial", network, port="simulated") as array:
        check_run(array, network, n_samples=4)


def test_noise_is_survived(port, device):
    """Each byte has one bit in 400 wrong, so that about every third request of 64 words is lost."""
    data = np.random.default_rng(2).integers(0, 256, 1024, dtype=np.uint8).tobytes()
    port.set_noise(0.0025)
    try:
        for i in range(6):
            device.link.write(LOCAL_MEMORY_BASE, data[i:] + data[:i])
            assert device.link.read(LOCAL_MEMORY_BASE, 256) == (data[i:] + data[:i])[:256]
    finally:
        port.set_noise(0)
    assert device.link.repeats > 0, "this seed disturbed nothing"
    for ns in (1, 10, 30, 79, 81, 500, 5000):
        port.glitch(ns)
        assert device.read("ID") == CORE_ID
    port.write(bytes([END, ESCAPE, END, 0, ESCAPE]) * 20)
    assert device.read("ID") == CORE_ID


def test_half_a_request_and_a_new_program(port):
    """What a killed program left does not hurt the next one."""
    frame = serial_frame.request(7, Op.WRITE, LOCAL_MEMORY_BASE, 4, bytes(16))
    open_on(port).link.write(LOCAL_MEMORY_BASE, b"untouched.......")
    port.write(frame[: len(frame) // 2])
    device = open_on(port)
    assert device.read("ID") == CORE_ID
    assert device.link.read(LOCAL_MEMORY_BASE, 16) == b"untouched......."


def test_a_cut_line(port, device):
    port.cut(True)
    try:
        with pytest.raises(LinkError, match=f"no answer from simulated to {ATTEMPTS} requests.*openFPGALoader"):
            device.read("ID")
    finally:
        port.cut(False)
    assert device.read("ID") == CORE_ID


def test_a_port_that_goes_and_comes_back(port):
    """As when the cable is pulled: pyserial raises, and for a while the port cannot be opened."""
    log = []

    class Port:
        def __init__(self):
            log.append("open")
            if len(log) in (2, 3):
                raise OSError("no such port")

        def write(self, data):
            if log == ["open"]:
                raise OSError("device disconnected")
            port.write(data)

        read, reset_input_buffer = staticmethod(port.read), staticmethod(port.reset_input_buffer)

        def close(self):
            if len(log) == 1:
                raise OSError("already gone")

    link = SerialLink(Port, "simulated")
    assert link.read(0, 4) == CORE_ID.to_bytes(4, "little")
    assert (link.reconnects, len(log)) == (1, 4)


def test_a_port_that_is_gone_for_good():
    opened = []

    def open_port():
        if opened:
            raise OSError("gone")
        opened.append(1)

        def fail(*arguments):
            raise OSError("device disconnected")

        return SimpleNamespace(write=fail, read=fail, reset_input_buffer=lambda: None, close=lambda: None)

    with pytest.raises(LinkError, match="plug the board in again"):
        SerialLink(open_port, "simulated").read(0, 4)
    assert RECONNECTS > 1


def test_memory_is_handed_out_by_pages(device):
    first, second = device.allocate(4097), device.allocate(8)
    assert (first.address, second.address) == (LOCAL_MEMORY_BASE, LOCAL_MEMORY_BASE + 2 * 4096)
    first.free()
    third = device.allocate(4096)
    assert third.address == LOCAL_MEMORY_BASE
    with pytest.raises(OutOfMemoryError, match="4-bit weights"):
        device.allocate(6 * 4096)
    second.free()
    third.free()
    device.allocate(8 * 4096).free()


def test_a_network_that_does_not_fit(port, monkeypatch):
    monkeypatch.setattr("lifarray.host.devices.serial_device.open_serial", lambda name, clock_hz: open_on(port))
    with LifArray("serial") as array:
        with pytest.raises(OutOfMemoryError, match="the core has 32768 bytes of block RAM"):
            array.load(make_network((500, 200, 9)))
        # Weights that leave room for one pass only.
        network = make_network((80, 128, 100), n_steps=12)
        array.load(network)
        array._make_rasters(12, vmem=False)
        assert 1 <= array._rasters.n_passes < array._n_passes


def test_ports_that_cannot_be_opened(monkeypatch):
    serial = pytest.importorskip("serial")
    with pytest.raises(NoBoardError, match="cannot open the serial port '/dev/nowhere'"):
        open_serial("/dev/nowhere")
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    with pytest.raises(NoBoardError, match="name its port"):
        open_serial()
    ports = [SimpleNamespace(device=f"/dev/ttyUSB{i}", vid=0x0403) for i in (1, 0)]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports)
    with pytest.raises(NoBoardError, match="there are /dev/ttyUSB0, /dev/ttyUSB1"):
        open_serial()
    opened = {}
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports[:1] + [SimpleNamespace(device="/dev/ttyS0", vid=None)])
    monkeypatch.setattr(serial, "Serial", lambda name, baud, **options: opened.update(name=name, baud=baud, **options))
    assert open_serial().runner == "core at /dev/ttyUSB1"
    assert opened["name"] == "/dev/ttyUSB1" and opened["baud"] == serial_frame.BAUD and opened["exclusive"]
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(NoBoardError, match=r"lifarray\[serial\]"):
        open_serial("/dev/nowhere")


def test_options_of_other_devices_are_refused():
    with pytest.raises(BoardError, match="port = 'x': device 'golden' has none"):
        open_device("golden", port="x")
    with pytest.raises(BoardError, match="leave config out"):
        open_device("serial", config=CONFIG)
    assert BOARD == "ulx3s-85f"


@pytest.mark.parametrize("body", [b"x", bytes([END, ESCAPE, 0xDC, 0xDD]) * 5, bytes(range(256))])
def test_frames_come_back(body):
    frame = serial_frame.enclose(body)
    assert frame[0] == frame[-1] == END and END not in frame[1:-1]
    assert serial_frame.disclose(frame[1:-1]) == body
    for i in range(1, len(frame) - 1):
        damaged = bytearray(frame[1:-1])
        damaged[i - 1] ^= 0x10
        assert serial_frame.disclose(bytes(damaged)) != body
    assert serial_frame.disclose(frame[1:-2]) is None


def test_answers_to_other_requests_are_ignored():
    answer = bytes([5, Op.READ, 1, 2, 3, 4, 0])
    assert serial_frame.parse_answer(answer, 5, Op.READ, 1) == (b"\x01\x02\x03\x04", 0)
    for sequence, op, count in ((6, Op.READ, 1), (5, Op.WRITE, 1), (5, Op.READ, 2)):
        assert serial_frame.parse_answer(answer, sequence, op, count) is None


def test_the_shipped_network_fits_into_the_block_ram_of_a_pynq():
    from lifarray.golden.boards import BOARDS
    from lifarray.golden.config import CONFIGS
    from lifarray.host.devices.local_memory import LocalMemory
    from lifarray.host.networks import load_network
    from lifarray.host.rasters import Rasters
    from lifarray.host.weights import Weights

    board = BOARDS["pynq-z2"]
    memory = LocalMemory(board.local_pages, lambda offset, data: None, None)
    network = load_network("demo")
    weights = Weights(network, CONFIGS[board.config].with_(local_pages=board.local_pages), memory)
    assert len(weights.buffers) == 1
    assert Rasters(weights, network.n_steps, 1, memory)
