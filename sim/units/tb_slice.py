"""Register slices: every transfer of every channel passes once, in order, and one a cycle if nobody waits."""

import cocotb
from cocotb.triggers import gather

from lifarray.hw.register_slice import CHANNELS, channel_of

from .part import settings, with_all_variants


@cocotb.test()
async def channels(dut):
    """All five channels at once, with pauses on both ends and without."""
    await with_all_variants(dut, "slice", run)


async def run(part):
    rng = part.rng

    async def channel(name):
        # AW, W and AR go from the manager's end to the subordinate's, B and R back.
        ends = ("manager", "subordinate") if name in ("aw", "w", "ar") else ("subordinate", "manager")
        into, out = (lambda port, end=end: getattr(part, f"{end}__{name}{port}") for end in ends)
        ports = [port.partition("__")[2] for port in part.ports if port.startswith("subordinate__")]
        payload = [port for port in ports if channel_of(port) == name and port not in (f"{name}valid", f"{name}ready")]
        n = 40 * settings["count"]
        for share in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.3)):
            sent = []
            cycles = 0

            async def send(share=share, sent=sent):
                for _ in range(n):
                    await part.pause(share[0])
                    values = {port: int(rng.integers(1 << len(getattr(part, f"{ends[0]}__{port}")))) for port in payload}
                    for port, value in values.items():
                        getattr(part, f"{ends[0]}__{port}").value = value
                    sent.append(values)
                    into("valid").value = 1
                    await part.tick()
                    while not into("ready").value:
                        await part.tick()
                    into("valid").value = 0

            async def receive(share=share, sent=sent):
                nonlocal cycles
                waiting = None
                for i in range(n):
                    paused = rng.random() < share[1]
                    while True:
                        out("ready").value = not paused
                        await part.tick()
                        cycles += 1
                        offered = {port: part.value(f"{ends[1]}__{port}") for port in payload} if out("valid").value else None
                        assert waiting is None or offered == waiting, f"{name}: a transfer changes while it waits"
                        if offered and not paused:
                            waiting = None
                            break
                        waiting, paused = offered, rng.random() < share[1]
                    assert sent and offered == sent[0], f"{name}: transfer {i} is {offered}, must be {sent[:1]}"
                    sent.pop(0)
                out("ready").value = 0

            await gather(send(), receive())
            if share == (0.0, 0.0):
                assert cycles <= n + 3, f"{name}: {cycles} cycles for {n} transfers"
            await part.tick(3)
            assert not out("valid").value, f"{name}: more than was sent"

    await gather(*(channel(name) for name in CHANNELS))
