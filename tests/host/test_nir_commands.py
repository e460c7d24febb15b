"""``lifarray import`` and ``lifarray export``."""

import json

import numpy as np
import pytest

from lifarray.golden.network import Layer, Network

nir = pytest.importorskip("nir", reason="nir is not installed: pip install 'lifarray[nir]'")


def classifier(**changes):
    """30-20-10 with random weights, as snnTorch would write it."""
    rng = np.random.default_rng(1)
    nodes = {"input": nir.Input(np.array([30]))}
    for i, (fan_in, n) in enumerate([(30, 20), (20, 10)]):
        each = np.ones(n, dtype=np.float32)
        values = {"tau": 1e-3 * each, "r": 10 * each, "v_leak": 0 * each, "v_threshold": each, "v_reset": 0 * each, **changes}
        nodes[f"fc{i}"] = nir.Affine(rng.normal(0.05, 0.3, (n, fan_in)).astype(np.float32), rng.normal(0, 0.1, n).astype(np.float32))
        nodes[f"lif{i}"] = nir.LIF(**values)
    nodes["output"] = nir.Output(np.array([10]))
    return nir.NIRGraph(nodes, list(zip(nodes, list(nodes)[1:])), type_check=False)


@pytest.fixture
def files(tmp_path):
    """a.nir, spikes.npz and rates.npz in the folder that commands are called in."""
    rng = np.random.default_rng(2)
    nir.write(tmp_path / "a.nir", classifier())
    np.savez(tmp_path / "spikes.npz", spikes=rng.random((20, 25, 30)) < 0.3)
    np.savez(tmp_path / "rates.npz", rates=rng.random((20, 30)) * 0.6)
    return tmp_path


def test_import_writes_a_network_and_reports(files, lifarray):
    arguments = ["import", "a.nir", "--dt", "1e-4", "--reset", "subtract", "--limit", "0.2"]
    status, out, err = lifarray(*arguments, "--sample", "spikes.npz", "-o", "a.lif")
    assert (status, err) == (0, "")
    assert "30 → 20 → 10, 25 steps" in out and "subtract_delayed" in out and "mismatch on 20 samples: " in out
    network = Network.load(files / "a.lif")
    assert network.sizes == (30, 20, 10) and network.n_steps == 25 and network.meta["source"] == "a.nir"
    status, out, _ = lifarray("info", "a.lif")
    assert status == 0 and "lif1" in out and "dt: 0.0001" in out


def test_import_as_json(files, lifarray):
    arguments = ["import", "a.nir", "--dt", "1e-4", "--sample", "rates.npz", "--steps", "30", "--limit", "0.2", "-o", "a.lif"]
    status, out, err = lifarray(*arguments, "--json")
    report = json.loads(out)
    assert (status, err) == (0, "")
    assert report["n_samples"] == 20 and 0 <= report["mismatch"] < 0.2
    assert [layer["name"] for layer in report["layers"]] == ["lif0", "lif1"]
    assert any("--reset subtract" in warning for warning in report["warnings"])
    assert lifarray(*arguments, "--json") == (0, out, "")       # the seed decides the spikes
    other = json.loads(lifarray(*arguments, "--json", "--seed", "1")[1])
    assert other["layers"][0]["float_spikes"] != report["layers"][0]["float_spikes"]


def test_warnings_go_to_standard_error(files, lifarray):
    status, _, err = lifarray("import", "a.nir", "--dt", "1e-4", "-o", "a.lif")
    assert status == 0
    lines = err.splitlines()
    assert all(line.startswith("lifarray: warning: ") for line in lines)
    assert ["--reset subtract" in lines[0], "--steps" in lines[1], "--sample" in lines[2]] == [True] * 3


def test_the_mismatch_decides_unless_allowed(files, lifarray):
    arguments = ["import", "a.nir", "--dt", "1e-4", "--reset", "zero", "--bits", "4", "--sample", "spikes.npz", "-o", "a.lif"]
    status, out, err = lifarray(*arguments)
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert "limit 5.0%" in err and "--allow-mismatch" in err
    assert not (files / "a.lif").exists()
    assert lifarray(*arguments, "--allow-mismatch")[0] == 0
    assert Network.load(files / "a.lif").layers[0].weight_bits == 4


def test_export_and_import_again(files, lifarray):
    lifarray("import", "a.nir", "--dt", "1e-4", "--reset", "zero", "--steps", "25", "-o", "a.lif")
    status, out, err = lifarray("export", "a.lif", "-o", "b.nir")
    assert (status, err) == (0, "") and out == "b.nir: Input → Affine → LIF → Affine → LIF → Output, for steps of 0.0001 s\n"
    assert json.loads(lifarray("export", "a.lif", "-o", "c.nir", "--json")[1])["nodes"]["lif1"] == "LIF"
    assert lifarray("import", "b.nir", "--dt", "1e-4", "--steps", "25", "-o", "b.lif")[0] == 0
    first, second = (Network.load(files / name) for name in ("a.lif", "b.lif"))
    for a, b in zip(first.layers, second.layers):
        assert np.array_equal(a.weight, b.weight) and a.v_threshold == b.v_threshold


def spiking_readout():
    graph = classifier()
    graph.nodes["lif0"] = nir.CubaLIF(*(np.ones(20) for _ in range(5)))
    return graph


def write_unknown(path):
    import h5py

    nir.write(path, classifier())
    with h5py.File(path, "a") as file:
        del file["node/nodes/lif1/type"]
        file["node/nodes/lif1/type"] = "Izhikevich"


def write_other_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["a"] = 1


BAD_FILES = {
    "missing": (lambda path: None, "cannot read 'bad.nir': no such file"),
    "folder": (lambda path: path.mkdir(), "cannot read 'bad.nir': no such file"),
    "empty": (lambda path: path.write_bytes(b""), "is not NIR: no HDF5 file"),
    "text": (lambda path: path.write_text("no graph\n" * 100), "is not NIR: no HDF5 file"),
    "truncated": (lambda path: truncate(path), "is not NIR: no HDF5 file, or a truncated one"),
    "other HDF5": (write_other_hdf5, "an HDF5 file but holds no NIR graph"),
    "single node": (lambda path: nir.write(path, nir.Linear(np.ones((2, 2)))), "holds no NIR graph"),
    "unknown node": (write_unknown, "'lif1' is a Izhikevich, which nir"),
    "CubaLIF": (lambda path: nir.write(path, spiking_readout()), "'lif0' is a CubaLIF: the core has no synaptic current"),
}


def truncate(path):
    nir.write(path, classifier())
    path.write_bytes(path.read_bytes()[:3000])


@pytest.fixture
def refused(lifarray, files):
    """Call a command that must refuse: exit 2, one line that holds ``part``, no file made or changed."""

    def call(part, *arguments):
        before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
        status, out, err = lifarray(*arguments)
        assert (status, out) == (2, ""), err
        assert err.startswith("lifarray: ") and err.count("\n") == 1, err
        assert part in err
        assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before

    return call


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files(kind, refused, files):
    make, part = BAD_FILES[kind]
    make(files / "bad.nir")
    refused(part, "import", "bad.nir", "--dt", "1e-4", "-o", "bad.lif")


@pytest.mark.parametrize(
    "part, options",
    [
        ("required: --dt", []),
        ("'-1' is not a time in seconds above 0", ["--dt=-1"]),
        ("'fast' is not a time in seconds above 0", ["--dt", "fast"]),
        ("dt = 1 s is longer than tau = 0.001 s", ["--dt", "1"]),
        ("invalid choice: 'half'", ["--dt", "1e-4", "--reset", "half"]),
        ("invalid choice: 5", ["--dt", "1e-4", "--bits", "5"]),
        ("'0' is not a whole number of at least 1", ["--dt", "1e-4", "--steps", "0"]),
        ("'-2' is not a share", ["--dt", "1e-4", "--limit=-2"]),
        ("cannot read the sample 'no.npz'", ["--dt", "1e-4", "--sample", "no.npz"]),
        ("'a.nir' is not an npz file", ["--dt", "1e-4", "--sample", "a.nir"]),
        ("say for how many steps with --steps", ["--dt", "1e-4", "--sample", "rates.npz"]),
        ("spikes have 25 steps, not 30", ["--dt", "1e-4", "--sample", "spikes.npz", "--steps", "30"]),
    ],
)
def test_bad_options(part, options, refused):
    refused(part, "import", "a.nir", *options, "-o", "a.lif")


@pytest.mark.parametrize(
    "arrays, part",
    [
        ({"images": np.ones((2, 30))}, "must hold one of the arrays 'spikes' and 'rates'"),
        ({"spikes": np.ones((2, 5, 31))}, "shape [2, 5, 31] where spikes [n_samples, n_steps, fan_in] with fan_in = 30"),
        ({"spikes": np.full((2, 5, 30), 0.5)}, "spikes must be 0 or 1"),
        ({"spikes": np.ones((0, 5, 30))}, "shape [0, 5, 30]"),
        ({"rates": np.full((2, 30), 1.5)}, "must lie in 0 to 1"),
        ({"rates": np.ones((2, 31))}, "rates [n_samples, fan_in] with fan_in = 30"),
    ],
)
def test_bad_samples(arrays, part, refused, files):
    np.savez(files / "bad.npz", **arrays)
    steps = ["--steps", "5"]
    refused(part, "import", "a.nir", "--dt", "1e-4", "--sample", "bad.npz", *steps, "-o", "a.lif")


def test_places_that_cannot_be_written(refused, files):
    (files / "folder").mkdir()
    (files / "weights").write_text("in the way")
    for out, part in (("folder", "is a folder"), ("weights/a.lif", "cannot write"), ("nowhere/a.lif", "cannot write")):
        refused(part, "import", "a.nir", "--dt", "1e-4", "-o", out)
    layer = Layer("lif", np.ones((3, 2), dtype=int), 8, 10, 10, 230)
    Network([layer], 5).save(files / "net.lif")
    for out in ("folder", "weights/a.nir", "nowhere/a.nir"):
        refused("cannot write", "export", "net.lif", "-o", out)


def test_networks_that_cannot_be_exported(refused, files):
    layer = Layer("lif", np.ones((3, 2), dtype=int), 8, 10, 10, 230, reset_mode="subtract")
    Network([layer], 5).save(files / "net.lif")
    refused("has reset_mode 'subtract', and NIR knows reset to a value only", "export", "net.lif", "-o", "net.nir")
    refused("'no.lif'", "export", "no.lif", "-o", "net.nir")
    refused("'0' is not a time", "export", "net.lif", "--dt", "0", "-o", "net.nir")


def test_without_the_package_nir(files, refused, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == "nir" and not (arguments[3:] and arguments[3]):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    refused("pip install 'lifarray[nir]'", "import", "a.nir", "--dt", "1e-4", "-o", "a.lif")
