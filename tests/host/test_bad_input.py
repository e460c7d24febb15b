"""Bad input: one clear line, exit 2, and no file left behind."""

import json
import zipfile

import numpy as np
import pytest

from lifarray.golden.audio import MAX_FILE_SECONDS
from lifarray.golden.network import _digest


@pytest.fixture
def refused(lifarray, tmp_path):
    """Call a command that must refuse: exit 2, one line that holds ``part``, no file made or changed."""

    def call(part, *arguments):
        before = contents(tmp_path)
        status, out, err = lifarray(*arguments)
        assert (status, out) == (2, ""), err
        assert err.startswith("lifarray: ") and err.count("\n") == 1, err
        assert part in err
        assert contents(tmp_path) == before

    return call


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def noise(seconds, sample_rate_hz=8000):
    return 0.1 * np.random.default_rng(1).standard_normal(int(seconds * sample_rate_hz))


WAVS = {
    "no samples": (lambda wav: wav("bad.wav", np.zeros(0)), "no samples in it"),
    "silent": (lambda wav: wav("bad.wav", np.zeros(8000)), "silent"),
    "constant": (lambda wav: wav("bad.wav", np.full(8000, 0.5)), "silent"),
    "too short": (lambda wav: wav("bad.wav", noise(0.02)), "20 ms long"),
    "too long a file": (lambda wav: wav("bad.wav", noise(MAX_FILE_SECONDS + 1)), "61 s long, at most 60 s"),
    "too long a word": (lambda wav: wav("bad.wav", noise(5)), "at most 3 s"),
    "not numbers": (lambda wav: wav("bad.wav", np.full(8000, np.nan), subtype="FLOAT"), "not numbers"),
    "empty file": (lambda wav: overwrite(wav, b""), "an empty file"),
    "not audio": (lambda wav: overwrite(wav, b"no sound\n" * 500), "not a readable audio file"),
    "header only": (lambda wav: overwrite(wav, wav("bad.wav", noise(1)).read_bytes()[:20]), "truncated"),
    "half a file": (lambda wav: overwrite(wav, wav("bad.wav", noise(1)).read_bytes()[:8000]), "truncated"),
}


def overwrite(wav, data):
    path = wav("bad.wav", noise(1))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", WAVS)
@pytest.mark.parametrize("command", [["synthesize"], ["demo", "--backend", "golden", "--wav"]], ids=["synthesize", "demo"])
def test_recordings(kind, command, refused, wav, network_file, word):
    make, part = WAVS[kind]
    good = wav("good.wav", word())
    bad = make(wav)
    refused(part, command[0], "--network", network_file, *command[1:], good, bad)
    refused("bad.wav", command[0], "--network", network_file, *command[1:], bad)


@pytest.mark.parametrize(
    "sample_rate_hz, channels, options",
    [(44100, 1, {}), (16000, 2, {}), (8000, 1, {"subtype": "PCM_24"}), (8000, 1, {"subtype": "PCM_U8"}), (48000, 6, {"subtype": "FLOAT"})],
    ids=["44.1 kHz", "stereo", "24 bits", "8 bits", "float"],
)
def test_other_rates_depths_and_channels_are_converted(sample_rate_hz, channels, options, lifarray, wav, word, network_file):
    plain = wav("plain.wav", word(8000))
    other = wav("other.wav", np.stack([word(sample_rate_hz)] * channels, axis=1), sample_rate_hz, **options)
    scores = []
    for path in (plain, other):
        status, out, err = lifarray("synthesize", path, "--network", network_file, "--json")
        assert (status, err) == (0, "")
        scores.append(json.loads(out)["utterances"][0]["scores"])
    # The same sound, so nearly the same image.
    assert np.allclose(*scores, atol=0.1)


@pytest.mark.parametrize("command", [["synthesize"], ["demo", "--wav"]], ids=["synthesize", "demo"])
def test_missing_recording(command, refused, network_file):
    refused("nowhere.wav: no such audio file", command[0], "--network", network_file, *command[1:], "nowhere.wav")


def rewritten(network_file, path, change):
    """A copy of a network file whose members ``change`` has altered; the checksum stays."""
    with zipfile.ZipFile(network_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        comment = archive.comment
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment


def another_version(members):
    header = json.loads(members["network.json"])
    header["version"] = 99
    members["network.json"] = json.dumps(header).encode()


def another_weight(members):
    data = bytearray(members["weight0.npy"])
    data[-1] ^= 1
    members["weight0.npy"] = bytes(data)


def another_threshold(members):
    members["network.json"] = members["network.json"].replace(b'"v_threshold": 60', b'"v_threshold": 61')


COMMANDS_ON_A_NETWORK = {
    "info": lambda path: ["info", path],
    "evaluate": lambda path: ["evaluate", path],
    "simulate": lambda path: ["simulate", "--network", path],
    "synthesize": lambda path: ["synthesize", "--network", path, "word.wav"],
    "demo": lambda path: ["demo", "--network", path],
}


@pytest.mark.parametrize("command", COMMANDS_ON_A_NETWORK)
@pytest.mark.parametrize(
    "change, part",
    [(another_version, "version 99"), (another_weight, "checksum"), (another_threshold, "checksum")],
    ids=["other version", "altered weight", "altered threshold"],
)
def test_altered_networks(command, change, part, refused, network_file, tmp_path):
    rewritten(network_file, tmp_path / "bad.lif", change)
    refused(part, *COMMANDS_ON_A_NETWORK[command]("bad.lif"))


def test_devices_are_not_replaced(refused, wav, word, network_file):
    refused("not a regular file", "train", "tiny", "--out", "/dev/null")
    refused("not a regular file", "verilog", "--out", "/dev/null")
    refused("not a regular file", "export", network_file, "--out", "/dev/stdout")
    refused("without a name", "train", "tiny", "--out", "")
    refused("without a name", "export", network_file, "--out", "")
    refused("without a name", "synthesize", wav("word.wav", word()), "--network", network_file, "--out", "")


def reheaded(network_file, path, change):
    """A copy of a network file with another header or other members, and the checksum that goes with them."""
    with zipfile.ZipFile(network_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["network.json"])
    change(header, members)
    members["network.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = _digest(members).encode()


def without(key):
    return lambda header, members: header.pop(key)


def with_(key, value, layer=False):
    return lambda header, members: (header["layers"][0] if layer else header).__setitem__(key, value)


WRONG_HEADERS = {
    "no layers": (without("layers"), "lacks 'layers'"),
    "no n_steps": (without("n_steps"), "lacks 'n_steps'"),
    "no meta": (without("meta"), "lacks 'meta'"),
    "layers that are text": (with_("layers", "three"), "layers = 'three', must be list"),
    "layers of text": (with_("layers", ["one"]), "'one' where name should be named"),
    "no layer": (with_("layers", []), "at least one layer"),
    "steps that are text": (with_("n_steps", "15"), "n_steps = '15', must be int"),
    "steps that are true": (with_("n_steps", True), "n_steps = True, must be int"),
    "vmem_bits that are nothing": (with_("vmem_bits", None), "vmem_bits = None, must be int"),
    "meta that is a list": (with_("meta", []), "meta = [], must be dict"),
    "half a threshold": (with_("v_threshold", 60.5, layer=True), "v_threshold = 60.5, must be int"),
    "a reset that is a number": (with_("reset_mode", 1, layer=True), "reset_mode = 1, must be str"),
    "no scale": (with_("weight_scale", 0, layer=True), "weight_scale = 0, must be above 0"),
    "a layer without a key": (lambda header, members: header["layers"][1].pop("decay"), "lacks 'decay'"),
    "no weight": (lambda header, members: members.pop("weight1.npy"), "lacks 'weight1.npy'"),
    "half a weight": (lambda header, members: members.update({"weight1.npy": members["weight1.npy"][:200]}), "not a network that can run"),
    "an empty weight": (lambda header, members: members.update({"weight1.npy": b""}), "not a network that can run"),
    "a rate that is text": (lambda header, members: header["meta"].update(max_rate="1"), "max_rate = '1', must be float"),
    "a rate above 1": (lambda header, members: header["meta"].update(max_rate=2), "max_rate = 2, must be 0 to 1"),
}


@pytest.mark.parametrize("kind", WRONG_HEADERS)
def test_networks_that_are_whole_but_wrong(kind, refused, network_file, tmp_path):
    change, part = WRONG_HEADERS[kind]
    reheaded(network_file, tmp_path / "bad.lif", change)
    refused(part, "info", "bad.lif")


@pytest.mark.parametrize(
    "change, part",
    [
        (lambda header, members: header["meta"]["front_end"].update(n_frames="4"), "n_frames = '4'"),
        (lambda header, members: header["meta"].update(front_end=[4]), "front end is of another version"),
        (lambda header, members: members.update({"arrays/class_images.npy": members["weight2.npy"]}), "class images of shape"),
    ],
    ids=["text in the front end", "a list as front end", "class images of another shape"],
)
def test_audio_networks_that_are_whole_but_wrong(change, part, refused, network_file, tmp_path, wav, word):
    reheaded(network_file, tmp_path / "bad.lif", change)
    refused(part, "synthesize", "--network", "bad.lif", wav("word.wav", word()))


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_truncated_networks(share, refused, network_file, tmp_path):
    data = network_file.read_bytes()
    (tmp_path / "bad.lif").write_bytes(data[: int(share * len(data))])
    refused("'bad.lif'", "info", "bad.lif")


def test_damaged_networks(refused, network_file, tmp_path):
    data = bytearray(network_file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "bad.lif").write_bytes(data)
    refused("'bad.lif'", "info", "bad.lif")


@pytest.mark.parametrize("command", COMMANDS_ON_A_NETWORK)
def test_missing_networks(command, refused):
    refused("'nowhere.lif'", *COMMANDS_ON_A_NETWORK[command]("nowhere.lif"))
    refused("neither a file nor one that ships", *COMMANDS_ON_A_NETWORK[command]("nowhere"))
    refused("'.'", *COMMANDS_ON_A_NETWORK[command]("."))


def test_a_network_that_takes_no_audio(refused, network, wav, word, tmp_path):
    type(network)(network.layers, network.n_steps, {"recipe": "mnist-ae-int8"}).save(tmp_path / "images.lif")
    refused("takes no audio", "synthesize", "--network", "images.lif", wav("word.wav", word()))


def test_a_network_whose_images_have_another_size(refused, network, wav, word, tmp_path):
    small = {"class_images": np.ones((10, 8, 8), np.uint8)}
    type(network)(network.layers, network.n_steps, network.meta, small).save(tmp_path / "small.lif")
    refused("images of 784 pixels cannot be compared", "synthesize", "--network", "small.lif", wav("word.wav", word()))


def test_missing_data_folder(refused, network_file):
    refused("data folder 'nowhere' does not exist", "evaluate", network_file, "--data-dir", "nowhere")
    refused("data folder 'nowhere' does not exist", "train", "tiny", "--data-dir", "nowhere")


def test_incomplete_data_folder(refused, network_file, tmp_path):
    (tmp_path / "data").mkdir()
    refused("FSDD: folder 'data/fsdd/recordings' is missing", "evaluate", network_file, "--data-dir", "data")
    refused("'data/mnist/train-images-idx3-ubyte.gz' is missing", "train", "tiny", "--data-dir", "data")


def test_unknown_recipe(refused):
    refused("no recipe 'cake': choose from", "train", "cake")


@pytest.fixture
def a_file(tmp_path):
    """A regular file: nothing can be made below it, not even by root."""
    (tmp_path / "a-file").write_text("in the way")
    return tmp_path / "a-file"


@pytest.mark.parametrize("below", ["", "out", "a/b"])
def test_unwritable_output_folder(below, a_file, refused, wav, word, network_file):
    recording = wav("word.wav", word())
    for command in (["synthesize", recording], ["demo", "--backend", "golden", "--wav", recording]):
        refused(f"cannot write {str(a_file / below)!r}", *command, "--network", network_file, "--out", a_file / below)


def test_unwritable_output_file(a_file, refused):
    refused("choose another", "train", "tiny", "--out", a_file / "network.lif")
    refused("cannot write", "verilog", "--out", a_file / "core.v")


@pytest.mark.parametrize("lanes", [0, 2000])
def test_impossible_cores(lanes, refused, network_file):
    refused("lanes", "simulate", "--network", network_file, "--lanes", lanes)


def test_a_core_that_cannot_run_the_network(refused, network_file):
    refused("8-bit weights and the core takes 4-bit ones", "simulate", "--network", network_file, "--config", "fast")


@pytest.mark.parametrize(
    "bench, options, part",
    [
        ("network", ["--seeds", 2], "--seeds is of the bench 'core' and of those of parts and does nothing in 'network'"),
        ("network", ["--random", "--core", "plain"], "--core is of the bench 'core'"),
        ("network", ["--test", "windows"], "--test is of the bench 'core'"),
        ("network", ["--count", 10], "--count is of the bench 'core'"),
        ("core", ["--network", "demo"], "--network is of the bench 'network' and does nothing in 'core'"),
        ("core", ["--random"], "--random is of the bench 'network'"),
        ("core", ["--samples", 1], "--samples is of the bench 'network'"),
        ("core", ["--config", "small"], "--config is of the bench 'network'"),
        ("core", ["--lanes", 8], "--lanes is of the bench 'network'"),
        ("core", ["--test", "nope"], "unknown test 'nope': choose one of random_networks, "),
        ("core", ["--core", "nope"], "unknown core 'nope'"),
        ("core", ["--waves", "missing/x.vcd"], "there is no folder 'missing': choose another place with --waves"),
        ("core", ["--waves", "/dev/null"], "not a regular file: choose another place with --waves"),
        ("core", ["--waves", "."], "it is a folder"),
    ],
)
def test_simulate_ignores_nothing(bench, options, part, refused, monkeypatch):
    pytest.importorskip("cocotb")
    monkeypatch.setattr("lifarray.sim.runner.build", lambda *a, **k: pytest.fail("built before the options were checked"))
    refused(part, "simulate", bench, *options)


@pytest.mark.parametrize("command", [["simulate", "--random"], ["simulate", "core"], ["verilog"], ["demo"]])
def test_a_cache_that_cannot_be_written(command, refused, monkeypatch, a_file, request, network_file, wav, word):
    pytest.importorskip("amaranth")
    monkeypatch.setenv("XDG_CACHE_HOME", str(a_file / "cache"))
    if command == ["demo"]:
        command = [*command, "--network", network_file, "--wav", wav("word.wav", word())]
    refused(f"cannot write to the cache {str(a_file / 'cache')!r}", *command)


@pytest.mark.parametrize("command", [["import", "x.nir", "--dt", "1"], ["export", "demo"], ["verilog"]])
def test_a_place_is_checked_before_the_work(command, refused, a_file, monkeypatch):
    for work in ("import.import_nir", "export.load_network", "verilog.load_hw"):
        monkeypatch.setattr(f"lifarray.host.commands.{work}", lambda *a, **k: pytest.fail("worked before the place was checked"))
    refused("cannot write", *command, "--out", a_file / "x")
