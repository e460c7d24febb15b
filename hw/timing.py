"""What nextpnr found out about timing and resources, read from its log."""

import re
from dataclasses import dataclass, field
from pathlib import Path

_FREQUENCY = re.compile(r"Max frequency for clock\s+'([^']+)': ([\d.]+) MHz \((PASS|FAIL) at ([\d.]+) MHz\)")
_USED = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", re.M)
_STEP = re.compile(r"^Info:\s+(?:clk-to-q|source|routing|logic|setup)?\s*([\d.]+)\s+[\d.]+\s+(Source|Net|Setup) (\S+)")

# What yosys appends to the name of the signal that a cell drives.
_SUFFIX = re.compile(r"[_.$](?:TRELLIS_|LUT\d|CCU2C|PFUMX|L6MUX|DPR16|DPRAM|RAMW|MULT18|DP16|RAMB|RAM\d|CARRY4|FD[RSCP]E|DO[AB]\d).*")


@dataclass(frozen=True)
class Timing:
    """The result of a place and route.

    Members
    -------
    fmax_hz : float, of the slowest clock
    wanted_hz : float, what that clock was asked to reach
    used : dict of nextpnr's resource name to how many are used
    path : list of (module, nanoseconds), the critical path in order, neighbours of one module put together
    """

    fmax_hz: float
    wanted_hz: float
    used: dict = field(default_factory=dict)
    path: list = field(default_factory=list)


def read_timing(log, modules) -> "Timing | None":
    """Read a log of nextpnr; None if it has no frequency.

    Parameters
    ----------
    log : path
    modules : iterable of str
        Paths of all modules of the design, as "core.path.reader", to name the critical path by.
    """
    text = Path(log).read_text(errors="replace")
    found = _FREQUENCY.findall(text)
    if not found:
        return None
    # The first ones are estimates from before routing.
    last = {clock: (float(mhz), float(wanted)) for clock, mhz, _, wanted in found}
    fmax, wanted = min(last.values(), key=lambda pair: pair[0] / pair[1])
    return Timing(fmax * 1e6, wanted * 1e6, {name: int(used) for name, used, _ in _USED.findall(text)}, _critical_path(text, set(modules)))


def _critical_path(text, modules):
    _, _, report = text.rpartition("Critical path report for clock")
    path, place = [], None
    for line in report.split("\n"):
        if line.startswith("Info: Critical path report") or (path and not line.strip()):
            break
        step = _STEP.match(line)
        if step:
            delay, kind, name = float(step[1]), step[2], step[3]
            if kind == "Source" or place is None:
                place = module_of(name, modules)
            if path and path[-1][0] == place:
                path[-1][1] += delay
            else:
                path.append([place, delay])
    return [(module, round(delay, 2)) for module, delay in path]


def module_of(cell: str, modules) -> str:
    """The innermost module that a cell's name lies in; "" for the top level."""
    words = _SUFFIX.sub("", cell).split(".")
    for n in range(len(words), 0, -1):
        if ".".join(words[:n]) in modules:
            return ".".join(words[:n])
    return ""


def modules_of(rtlil: str, top: str) -> list:
    """Paths of the modules in Amaranth's RTLIL, below the top one."""
    return [name.removeprefix(f"{top}.") for name in re.findall(r"^module \\(\S+)$", rtlil, re.M) if name != top]
