"""Bus signatures: AXI4-Lite for registers, AXI3 for memory (AMBA AXI, ARM IHI 0022).

Members are named as in the specification, in lower case, so that bus models find them by prefix.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

MAX_BURST_BEATS = 16
"""Longest burst of AXI3."""

ID_MEMBERS = ("awid", "wid", "bid", "arid", "rid")

RESPONSE_ERROR = 1
"""Bit of RRESP and BRESP that marks SLVERR and DECERR."""


class Axi4LiteSignature(wiring.Signature):
    """AXI4-Lite with 32-bit data, seen from the manager.

    Parameters
    ----------
    address_bits : int
        Width of AWADDR and ARADDR.
    """

    def __init__(self, address_bits):
        super().__init__(
            {
                "awaddr": Out(address_bits),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(32),
                "wstrb": Out(4),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(2),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_bits),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(32),
                "rresp": In(2),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )


class Axi3Signature(wiring.Signature):
    """AXI3 with 32-bit addresses, seen from the manager.

    Parameters
    ----------
    data_bits : int
        Width of WDATA and RDATA.
    id_bits : int
        Width of the transaction IDs.
    """

    def __init__(self, data_bits, id_bits):
        def address_channel(prefix):
            return {
                f"{prefix}id": Out(id_bits),
                f"{prefix}addr": Out(32),
                f"{prefix}len": Out(4),
                f"{prefix}size": Out(3),
                f"{prefix}burst": Out(2),
                f"{prefix}lock": Out(2),
                f"{prefix}cache": Out(4),
                f"{prefix}prot": Out(3),
                f"{prefix}qos": Out(4),
                f"{prefix}valid": Out(1),
                f"{prefix}ready": In(1),
            }

        super().__init__(
            {
                **address_channel("aw"),
                "wid": Out(id_bits),
                "wdata": Out(data_bits),
                "wstrb": Out(data_bits // 8),
                "wlast": Out(1),
                "wvalid": Out(1),
                "wready": In(1),
                "bid": In(id_bits),
                "bresp": In(2),
                "bvalid": In(1),
                "bready": Out(1),
                **address_channel("ar"),
                "rid": In(id_bits),
                "rdata": In(data_bits),
                "rresp": In(2),
                "rlast": In(1),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )


def constant_attributes(m, bus, prefix, data_bits):
    """Drive what never changes on an address channel: incrementing, full-width, bufferable bursts."""
    m.d.comb += [
        getattr(bus, f"{prefix}size").eq((data_bits // 8).bit_length() - 1),
        getattr(bus, f"{prefix}burst").eq(1),
        getattr(bus, f"{prefix}cache").eq(0b0011),
    ]
