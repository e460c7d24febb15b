"""Ctrl-C at any line of the driver: nothing is lost, and the next run is right."""

import gc
import linecache
import sys
from pathlib import Path

import pytest

from lifarray import host
from lifarray.host.driver import LifArray

from .driver_cases import SMALL, check_run, make_network, make_rates

DRIVER = str(Path(host.__file__).parent)

FIRST = make_network((9, 20, 16))
OTHER = make_network((9, 17, 12), seed=4)


class PressAt:
    """Raises KeyboardInterrupt at the n-th line that runs in the driver.

    Not in a ``__del__``, where Python swallows it, nor at a line where it looks for no signal, of which a tracer is told
    nevertheless: that at which a lock is left, before it is released; and the bare word try.
    """

    def __init__(self, n):
        self.left = n
        self.where = None

    def __call__(self, frame, event, argument):
        name = frame.f_code.co_filename
        mine = name.startswith(DRIVER) and not name.endswith("model.py")
        return self.line if mine and "__del__" not in (frame.f_code.co_name, frame.f_back.f_code.co_name) else None

    def line(self, frame, event, argument):
        blind = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() in ("with self._alone():", "try:")
        if event == "line" and self.where is None and not blind:
            self.left -= 1
            if self.left == 0:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self.line


def work(array):
    array.load(FIRST)
    array.run_rates(make_rates(FIRST, 7))
    array.run_rates(make_rates(FIRST, 2), n_steps=70, vmem=True)
    array.selftest()
    array.load(OTHER, resident=False)
    array.run_rates(make_rates(OTHER, 7))


@pytest.mark.parametrize("stride", [97, pytest.param(3, marks=pytest.mark.long)])
def test_ctrl_c_anywhere(stride):
    n = 0
    with LifArray("golden", FIRST, config=SMALL, n_passes=1) as array:
        buffers = array.device.buffers
        while True:
            n += stride
            press = PressAt(n)
            before = sys.gettrace()
            sys.settrace(press)
            try:
                work(array)
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(before)
            if press.where is None:
                break
            known = ([array._rasters.buffer] if array._rasters else []) + (array._weights.buffers if array._weights else [])
            assert sorted(buffers) == sorted(buffer.address for buffer in known), f"leak at {press.where}"
            if array.network is not None:
                check_run(array, array.network, n_samples=1)
            array.load(FIRST)
            check_run(array, FIRST, n_samples=2)
    gc.collect()
    assert n > 1000 and not buffers
