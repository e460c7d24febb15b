"""The driver through pynq on a core whose memory is block RAM behind the registers."""

import warnings

import pytest

from lifarray.golden.registers import LOCAL_MEMORY_BASE
from lifarray.host.board_errors import OutOfMemoryError
from lifarray.host.driver import LifArray
from lifarray.host.hwh import CORE_NAME, address_range

from .driver_cases import SMALL, check_run, make_network

CONFIG = SMALL.with_(local_pages=16)


@pytest.fixture(scope="module")
def array():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pynq", reason="pynq is not installed: nothing drives a local memory through it")
    with LifArray("sim", config=CONFIG) as array:
        yield array


def test_the_same_calls(array):
    assert array.config == CONFIG
    network = make_network()
    array.load(network)
    check_run(array, network, n_samples=7)
    assert array.selftest()
    check_run(array, network, n_samples=2, seed=3)


def test_the_hwh_spans_the_memory(array):
    assert array.device.overlay.ip_dict[CORE_NAME]["addr_range"] == address_range(CONFIG.local_pages) == LOCAL_MEMORY_BASE + 16 * 4096


def test_what_does_not_fit_is_refused_and_freed(array):
    array.load(make_network())
    with pytest.raises(OutOfMemoryError, match="the core has 65536 bytes of block RAM.*4 bits"):
        array.load(make_network((500, 400, 20)))
    assert array.device._local.taken == {}
    array.load(make_network())
    check_run(array, array.network)


def test_buffers_are_freed(array):
    network = make_network()
    for seed in range(5):
        array.load(network)
        check_run(array, network, n_samples=1, seed=seed)
    array._unload()
    assert array.device._local.taken == {}


@pytest.mark.parametrize("resident", [True, False])
def test_weights_come_back_after_a_download(array, resident):
    """On a board it clears block RAM, so also this memory."""
    network = make_network(seed=2)
    array.load(network, resident)
    check_run(array, network)
    array.device._core.write_bytes(LOCAL_MEMORY_BASE, bytes(CONFIG.local_pages << 12))
    array._control.reset()
    check_run(array, network, seed=1)
