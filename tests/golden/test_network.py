import json
import zipfile
from contextlib import nullcontext

import numpy as np
import pytest

from lifarray.golden.config import CoreConfig
from lifarray.golden.errors import UserError
from lifarray.golden.network import FORMAT_VERSION, Layer, Network
from lifarray.sim.random_networks import random_network


@pytest.fixture
def network():
    network, _ = random_network(np.random.default_rng(3))
    return Network(
        network.layers,
        network.n_steps,
        meta={"recipe": "none", "seed": 3},
        arrays={"class_images": np.arange(12, dtype=np.uint8).reshape(3, 2, 2)},
        vmem_bits=network.vmem_bits,
    )


def test_a_file_holds_everything(network, tmp_path):
    network.save(tmp_path / "n.lif")
    loaded = Network.load(tmp_path / "n.lif")
    assert (loaded.n_steps, loaded.vmem_bits, loaded.meta) == (network.n_steps, network.vmem_bits, network.meta)
    np.testing.assert_array_equal(loaded.arrays["class_images"], network.arrays["class_images"])
    for before, after in zip(network.layers, loaded.layers):
        np.testing.assert_array_equal(before.weight, after.weight)
        for key in ("name", "weight_bits", "v_threshold", "v_subtract", "decay", "frac_bits", "reset_mode", "v_init", "bias_rows", "weight_scale"):
            assert getattr(before, key) == getattr(after, key)


def test_equal_networks_give_equal_files(network, tmp_path):
    network.save(tmp_path / "a")
    Network.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_truncated_files_are_refused_at_any_length(network, tmp_path):
    network.save(tmp_path / "n.lif")
    whole = (tmp_path / "n.lif").read_bytes()
    for length in [0, 1, 10, len(whole) // 2, len(whole) - 70, len(whole) - 1]:
        (tmp_path / "cut.lif").write_bytes(whole[:length])
        with pytest.raises(UserError):
            Network.load(tmp_path / "cut.lif")


def test_no_flipped_byte_goes_unnoticed(network, tmp_path):
    """A flip may hit a field that zip ignores; then the network must be the same."""
    network.save(tmp_path / "n.lif")
    whole = (tmp_path / "n.lif").read_bytes()
    refused = 0
    for position in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[position] ^= 0x10
        (tmp_path / "flip.lif").write_bytes(flipped)
        try:
            loaded = Network.load(tmp_path / "flip.lif")
        except UserError:
            refused += 1
        else:
            loaded.save(tmp_path / "again.lif")
            assert (tmp_path / "again.lif").read_bytes() == whole
    assert refused > len(whole) // 7 * 0.5


def rewrite(path, change):
    """Change a network file's header, leaving its checksum as it was."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        comment = archive.comment
    header = json.loads(members["network.json"])
    change(header)
    members["network.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment


def test_an_altered_file_is_refused(network, tmp_path):
    network.save(tmp_path / "n.lif")
    rewrite(tmp_path / "n.lif", lambda header: header["layers"][0].update(v_threshold=1))
    with pytest.raises(UserError, match="checksum"):
        Network.load(tmp_path / "n.lif")


def test_another_version_is_refused_by_its_number(network, tmp_path):
    network.save(tmp_path / "n.lif")
    rewrite(tmp_path / "n.lif", lambda header: header.update(version=FORMAT_VERSION + 1))
    with pytest.raises(UserError, match=f"version {FORMAT_VERSION + 1}"):
        Network.load(tmp_path / "n.lif")


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere.lif"):
        Network.load(tmp_path / "nowhere.lif")
    (tmp_path / "text.lif").write_text("not a network")
    with pytest.raises(UserError, match="not a network file"):
        Network.load(tmp_path / "text.lif")
    with zipfile.ZipFile(tmp_path / "zip.lif", "w") as archive:
        archive.writestr("hello", "world")
    with pytest.raises(UserError, match="not a network file"):
        Network.load(tmp_path / "zip.lif")


def test_a_failed_save_leaves_nothing(network, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        network.save(tmp_path / "file" / "n.lif")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(weight=np.full((2, 2), 8)), "4 bits hold -8 to 7"),
        (dict(weight=np.zeros((2, 2))), "must be integer"),
        (dict(weight=np.zeros((0, 2), dtype=int)), "shape"),
        (dict(weight_bits=5), "must be 4 or 8"),
        (dict(v_threshold=0), "at least 1"),
        (dict(v_subtract=-1), "negative"),
        (dict(decay=257), "0 to 256"),
        (dict(frac_bits=8), "0 to 7"),
        (dict(reset_mode="soft"), "'soft'"),
        (dict(bias_rows=2), "bias_rows"),
    ],
)
def test_layers_refuse_bad_values(change, message):
    values = dict(name="x", weight=np.ones((2, 2), dtype=int), weight_bits=4, v_threshold=1, v_subtract=1, decay=230)
    with pytest.raises(UserError, match=message):
        Layer(**{**values, **change})


def test_overflow_is_refused_by_layer_neuron_and_bits():
    weight = np.zeros((400, 3), dtype=int)
    weight[:, 1] = 127
    layer = Layer("hidden", weight, 8, v_threshold=10, v_subtract=10, decay=230)
    network = Network([layer], 4)
    assert 127 * 400 == 50_800
    with pytest.raises(UserError, match=r"'hidden', neuron 1: .* 50800, which takes 17 bits"):
        network.check_fits(CoreConfig(current_bits=16))
    network.check_fits(CoreConfig(current_bits=17))


@pytest.mark.parametrize("total, fits", [(-32768, True), (-32769, False), (32767, True), (32768, False)])
def test_the_range_check_is_exact_at_the_edge(total, fits):
    """Sixteen bits hold -32768 to 32767."""
    largest = 127 if total > 0 else -128
    weight = np.array([*[largest] * (total // largest), int(np.fmod(total, largest))])[:, None]
    assert weight.sum() == total
    network = Network([Layer("edge", weight, 8, v_threshold=10, v_subtract=10, decay=230)], 4)
    with nullcontext() if fits else pytest.raises(UserError):
        network.check_fits(CoreConfig(current_bits=16))


def test_bias_rows_count_in_the_range():
    weight = np.full((257, 1), -128)
    layer = Layer("bias", weight, 8, v_threshold=10, v_subtract=10, decay=230, bias_rows=1)
    with pytest.raises(UserError, match="-32896"):
        Network([layer], 4).check_fits(CoreConfig(current_bits=16))


def test_layers_must_chain_and_thresholds_fit():
    layer = Layer("x", np.ones((2, 3), dtype=int), 8, v_threshold=200, v_subtract=1, decay=230)
    with pytest.raises(UserError, match="3 neurons"):
        Network([layer, layer], 5)
    with pytest.raises(UserError, match="v_threshold = 200"):
        Network([layer], 5, vmem_bits=8)


def test_networks_refuse_wrong_cores():
    layer = Layer("x", np.ones((2, 3), dtype=int), 8, v_threshold=20, v_subtract=1, decay=230)
    with pytest.raises(UserError, match="4-bit"):
        Network([layer], 5).check_fits(CoreConfig(weight_bits=4))
    with pytest.raises(UserError, match="vmem_bits = 16"):
        Network([layer], 5).check_fits(CoreConfig(vmem_bits=12))


@pytest.mark.parametrize("n_steps, rows, n, bias_rows, field", [
    (65535, 2, 1, 0, None),
    (65536, 2, 1, 0, "n_steps = 65536, .* at most 65535"),
    (1, 257, 1, 255, None),
    (1, 258, 1, 256, "bias_rows = 256, .* at most 255"),
    (1, (1 << 20) - 1, 1, 0, None),
    (1, 1 << 20, 1, 0, "fan_in = 1048576, .* at most 1048575"),
    (1, 1, 1 << 20, 0, "n_neurons = 1048576, .* at most 1048575"),
])  # fmt: skip
def test_what_no_descriptor_can_say_is_refused(n_steps, rows, n, bias_rows, field):
    layer = Layer("x", np.zeros((rows, n), np.int8), 8, v_threshold=1, v_subtract=0, decay=0, bias_rows=bias_rows)
    network = Network([layer], n_steps)
    if field is None:
        network.check_fits(CoreConfig())
    else:
        with pytest.raises(UserError, match=field):
            network.check_fits(CoreConfig())
