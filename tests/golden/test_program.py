import numpy as np
import pytest

from lifarray.golden import encode
from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.network import Layer, Network
from lifarray.golden.program import Program, pack_weights, weight_bytes
from lifarray.golden.registers import PAGE_BITS

CONFIG = CoreConfig(lanes=6, fire_units=3)


def layer(rng, fan_in, n_neurons, bits=8):
    reach = 2 ** (bits - 1)
    return Layer("x", rng.integers(-reach, reach, (fan_in, n_neurons)), bits, v_threshold=9, v_subtract=9, decay=230)


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_lie_by_tile_row_and_lane(bits):
    """Each weight is found where the design says, read back bit by bit."""
    one = layer(np.random.default_rng(0), 5, 8, bits)
    raw = pack_weights(one, CONFIG).tobytes()
    row_bytes = 8 * CONFIG.row_words(bits)
    assert len(raw) == 2 * 5 * row_bytes
    for i in range(5):
        for j in range(12):
            tile, lane = divmod(j, 6)
            row = raw[(tile * 5 + i) * row_bytes :][:row_bytes]
            if bits == 8:
                value = row[lane]
            else:
                value = row[lane // 2] >> (4 * (lane % 2)) & 0xF
            value -= (value >> (bits - 1)) << bits
            assert value == (one.weight[i, j] if j < 8 else 0)


def test_weight_bytes_is_what_the_image_takes():
    rng = np.random.default_rng(1)
    network = Network([layer(rng, 5, 8), layer(rng, 8, 7, bits=4)], 20)
    image = Program(network, CONFIG, 3, 20).weight_image()
    assert weight_bytes(network, CONFIG) == sum(words.nbytes for words in image.values())


def test_samples_share_passes_and_regions_do_not_overlap():
    rng = np.random.default_rng(2)
    network = Network([layer(rng, 5, 8), layer(rng, 8, 7)], 20)
    program = Program(network, CONFIG, 7, 20, base=1 << 20, read_vmem=True)
    assert program.groups == [range(0, 3), range(3, 6), range(6, 7)]
    assert program.list_count == 6
    spikes = rng.random((7, 20, 5)) < 0.5
    image = program.weight_image() | program.list_image() | program.input_image(spikes)
    taken = {address: words.nbytes for address, words in image.items()}
    for (kind, _, _), (address, n_words) in program.output_regions().items():
        assert address not in taken, kind
        taken[address] = n_words * 8
    end = program.base
    for address in sorted(taken):
        assert address >= end and address % (1 << PAGE_BITS) == 0
        end = address + taken[address]
    assert end <= program.end


def test_decode_inverts_what_the_core_writes():
    rng = np.random.default_rng(3)
    network = Network([layer(rng, 5, 7)], 20)
    program = Program(network, CONFIG, 4, 20, read_vmem=True)
    result = network.run(rng.random((4, 20, 5)) < 0.5)[0]
    words = {}
    for g, group in enumerate(program.groups):
        words["spikes", g, 0] = encode.pack(result.spikes[group.start : group.stop])
        vmem = result.vmem[group.start : group.stop].reshape(-1)
        words["vmem", g, 0] = np.append(vmem, np.zeros(vmem.size % 2, dtype=np.int32)).view("<u8")
    [(spikes, vmem)] = program.decode(words)
    np.testing.assert_array_equal(spikes, result.spikes)
    np.testing.assert_array_equal(vmem, result.vmem)


def test_bad_programs_are_refused():
    network = Network([layer(np.random.default_rng(4), 5, 8)], 20)
    with pytest.raises(UserError, match="nothing to run"):
        Program(network, CONFIG, 0, 20)
    with pytest.raises(UserError, match="multiple of 4096"):
        Program(network, CONFIG, 1, 20, base=100)
    with pytest.raises(UserError, match="32-bit"):
        Program(network, CONFIG, 1, 20, base=0xFFFF_F000)
    with pytest.raises(UserError, match=r"\[2, 20, 5\]"):
        Program(network, CONFIG, 2, 20).input_image(np.zeros((1, 20, 5), dtype=bool))


def test_more_descriptors_than_the_register_counts_are_refused():
    layer = Layer("x", np.ones((1, 1), int), 8, v_threshold=1, v_subtract=0, decay=0)
    network = Network([layer] * 3, 64)
    assert Program(network, CoreConfig(), 21845, 64).list_count == 65535
    with pytest.raises(UserError, match="65538 descriptors, a list has at most 65535"):
        Program(network, CoreConfig(), 21846, 64)
