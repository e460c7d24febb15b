"""The sequencer: which layers of a list it starts, what it refuses, and how a run ends."""

import cocotb

from lifarray.golden.descriptor import DESCRIPTOR_BYTES, DESCRIPTOR_MAGIC, FIELDS, pack_descriptor, reserved_mask
from lifarray.golden.registers import ErrorCode
from lifarray.hw.descriptor import descriptor_layout
from lifarray.hw.reader import request_layout

from .part import Fields, settings, with_all_variants

BEYOND = 1 << 32
"""The first address that there is not."""

FAULTS = {
    "read_failed": (ErrorCode.AXI_READ, "read_error_address"),
    "write_failed": (ErrorCode.AXI_WRITE, "write_error_address"),
    "read_outside": (ErrorCode.WINDOW, "read_error_address"),
    "write_outside": (ErrorCode.WINDOW, "write_error_address"),
    "abort": (ErrorCode.ABORTED, None),
}
"""Of those in one cycle the first is told: what memory answers before what it was not asked."""


@cocotb.test()
async def lists(dut):
    """Good and bad descriptors, errors of memory and aborts at any time, some in the same cycle."""
    await with_all_variants(dut, "sequencer", run)


def is_good(config, f, raw) -> bool:
    """Whether a descriptor may run, from the descriptions of its fields."""
    highest = (1 << config.vmem_bits - 1) - 1
    one_pass = f["n_steps"] <= 64
    return (
        f["magic"] == DESCRIPTOR_MAGIC
        and not any(word & reserved_mask(i) for i, word in enumerate(raw))
        and f["reset_mode"] <= 4
        and f["decay"] <= 256
        and 1 <= f["n_samples"] <= (64 // f["n_steps"] if one_pass and f["n_steps"] else 1)
        and f["n_steps"] >= 1
        and f["fan_in"] >= 1
        and f["n_neurons"] >= 1
        and (f["four_bit"] or config.weight_bits == 8)
        and 1 <= f["v_threshold"] <= highest
        and 0 <= f["v_subtract"] <= highest
        and -highest - 1 <= f["v_init"] <= highest
        and all(f[f"{name}_address"] % 8 == 0 for name in ("input", "weight", "output"))
        and not (f["write_vmem"] and f["vmem_address"] % 8)
        and not (f["resident"] and (f["load"] or f["store_row"] >= config.resident_rows))
        and not (f["load"] and f["store_row"] + f["fan_in"] > config.resident_rows)
    )


def wrong_fields(config):
    """Fields that a descriptor must not have, one or a few that are wrong together."""
    highest = (1 << config.vmem_bits - 1) - 1
    return [
        dict(magic=0x4D),
        dict(reset_mode=5),
        dict(decay=257),
        dict(n_samples=0),
        dict(n_samples=65, n_steps=1),
        dict(n_samples=2, n_steps=64),
        dict(n_samples=2, n_steps=65),
        # Of the product with the steps, the lower 7 bits are 0.
        dict(n_samples=128, n_steps=1),
        dict(n_steps=0),
        dict(fan_in=0),
        dict(n_neurons=0),
        dict(four_bit=0),       # wrong on a core of 4 bits
        dict(v_threshold=0),
        dict(v_threshold=highest + 1),
        dict(v_subtract=-1),
        dict(v_subtract=highest + 1),
        dict(v_init=highest + 1),
        dict(v_init=-highest - 2),
        dict(input_address=0x1004),
        dict(weight_address=0x1001),
        dict(output_address=0x1002),
        dict(write_vmem=1, vmem_address=0x1004),
        dict(resident=1, load=1, store_row=0, fan_in=1),
        dict(resident=1, load=0, store_row=config.resident_rows),
        dict(resident=0, load=1, store_row=config.resident_rows - 8, fan_in=9),
    ]


def draw_descriptor(rng, config, changes):
    """Fields, good but for ``changes``; the words, some with reserved bits; whether they may run."""
    highest = (1 << config.vmem_bits - 1) - 1
    n_steps = int(rng.choice([1, 16, 64, 65, 1000]))
    most_samples = max(1, 64 // n_steps)
    f = dict(
        magic=DESCRIPTOR_MAGIC,
        reset_mode=int(rng.integers(5)),
        frac_bits=int(rng.integers(8)),
        four_bit=config.weight_bits == 4 or int(rng.integers(2)),
        decay=int(rng.choice([0, 230, 256])),
        write_vmem=int(rng.integers(2)),
        n_samples=int(rng.choice([1, most_samples, rng.integers(1, most_samples + 1)])),
        bias_rows=int(rng.integers(256)),
        n_steps=n_steps,
        fan_in=int(rng.integers(1, config.resident_rows)),
        n_neurons=int(rng.integers(1, 1 << 20)),
        v_threshold=int(rng.choice([1, highest])),
        v_subtract=int(rng.choice([0, highest])),
        v_init=int(rng.choice([0, highest, -highest - 1])),
        **{f"{name}_address": int(rng.integers(1 << 32)) & ~7 for name in ("input", "weight", "output", "vmem")},
    )
    if not f["write_vmem"]:
        f["vmem_address"] |= int(rng.integers(8))     # which then says nothing
    kind = rng.choice(["streamed", "resident", "load"])
    f.update(load=int(kind == "load"), resident=int(kind == "resident"), store_row=0)
    if kind == "resident":
        f["store_row"] = int(rng.choice([0, config.resident_rows - 1]))
    if kind == "load":
        f["store_row"] = config.resident_rows - f["fan_in"]
    f.update(changes)
    packed = pack_descriptor(**f)
    raw = [int.from_bytes(packed[i : i + 8], "little") for i in range(0, DESCRIPTOR_BYTES, 8)]
    if rng.random() < 0.1:
        word = int(rng.integers(8))
        reserved = [bit for bit in range(64) if reserved_mask(word) >> bit & 1]
        if reserved:
            raw[word] ^= 1 << int(rng.choice(reserved))
    return f, raw, is_good(config, f, raw)


async def run(part):
    rng, config = part.rng, part.config
    requests, layers = Fields(request_layout), Fields(descriptor_layout)
    part.idle.value = 1
    kinds = wrong_fields(config)
    # All that can be wrong, each in a list of its own; then lists of all kinds.
    for alone in (*kinds, *(8 * settings["count"] * [None])):
        count = 1 if alone else int(rng.choice([0, 1, 2, 5], p=[0.1, 0.3, 0.3, 0.3]))
        # Some lists begin with the last descriptor that there is an address for.
        address = BEYOND - DESCRIPTOR_BYTES if rng.random() < 0.2 else int(rng.integers(BEYOND)) & -DESCRIPTOR_BYTES
        if not alone and rng.random() < 0.1:
            address += int(rng.choice([1, 2, 4, 8, 16, 32]))
        changes = [alone or (kinds[int(rng.integers(len(kinds)))] if rng.random() < 0.4 else {}) for _ in range(count)]
        descriptors = [draw_descriptor(rng, config, some) for some in changes]
        n_good = next((i for i, (_, _, good) in enumerate(descriptors) if not good), count)
        if count == 0 or address % DESCRIPTOR_BYTES:
            expected, n_good = (ErrorCode.DESCRIPTOR, address), 0
        elif n_good < count:
            expected = (ErrorCode.DESCRIPTOR, (address + DESCRIPTOR_BYTES * n_good) % BEYOND)
        else:
            expected = (ErrorCode.NONE, 0)
        faults = [name for name in FAULTS if rng.random() < 0.4] if not alone and rng.random() < 0.5 else []
        fault_at = int(rng.integers(1, 60))
        fault_addresses = {name: int(rng.integers(1 << 32)) for name in ("read_error_address", "write_error_address")}

        part.list_address.value, part.list_count.value = address, count
        part.start.value = 1
        await part.tick()
        part.start.value = 0
        started, asked, words = 0, 0, []
        left = None         # cycles until the layer is done
        for cycle in range(4000):
            faulty = bool(faults) and cycle == fault_at
            for name in FAULTS:
                getattr(part, name).value = faulty and name in faults
            for name, value in fault_addresses.items():
                getattr(part, name).value = value
            ready, gives = bool(rng.random() < 0.5), bool(words) and rng.random() < 0.7
            part.requests__ready.value = ready
            part.words__valid.value = gives
            if gives:
                part.words__payload.value = words[0]
            # It stands from then on, until the next layer starts.
            part.layer_done.value = left == 0
            await part.tick()
            left = left - 1 if left else left
            if faulty and part.value("busy") and part.value("error") == ErrorCode.NONE:
                # The first error of a run, and of its cycle, is the one that is told, up to the cycle in which it ends.
                code, port = FAULTS[faults[0]]
                expected, n_good = (code, fault_addresses[port] if port else 0), None
            if part.value("ended"):
                break
            if gives and part.words__ready.value:
                words.pop(0)
            if ready and part.requests__valid.value:
                found = requests.unpack(part.value("requests__payload"))
                assert (found.address, found.words) == (address + DESCRIPTOR_BYTES * asked, 8), f"descriptor {vars(found)}"
                words += descriptors[asked][1]
                asked += 1
            if part.layer_start.value:
                fields, _, good = descriptors[started]
                assert good, f"descriptor {started} is started: {fields}"
                found = layers.unpack(part.value("layer"))
                wrong = [f.name for f in FIELDS if getattr(found, f.name) != int(fields.get(f.name, 0))]
                assert not wrong, f"layer {started} runs with other {wrong}"
                if fields["n_steps"] <= 64:
                    assert part.value("used_slots") == fields["n_steps"] * fields["n_samples"]
                started += 1
                left = int(rng.integers(1, 30))
        else:
            raise AssertionError("the run does not end")
        for name in FAULTS:
            getattr(part, name).value = 0
        part.words__valid.value = part.layer_done.value = 0
        await part.tick(2)
        found = ErrorCode(part.value("error")), part.value("error_address")
        assert not part.value("busy")
        assert found == expected, f"ends with {found}, must be {expected}"
        done = part.value("lists_done")
        if n_good is None:
            assert started - 1 <= done <= started, f"{done} of {started} layers are done"
        else:
            assert done == started == n_good, f"{started} layers started, {done} done, must be {n_good}"
