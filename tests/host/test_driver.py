"""The driver on the model device: everything that needs no pynq and no simulator."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from lifarray.golden.config import CONFIGS
from lifarray.golden.encode import pack, poisson, poisson_words, sample_rng, samples_per_pass
from lifarray.golden.errors import UserError
from lifarray.host.board_errors import (
    AxiError,
    BitstreamError,
    BoardError,
    CoreTimeoutError,
    DescriptorError,
    MapMismatchError,
    NoBoardError,
    OutOfMemoryError,
    SelfTestError,
    WindowError,
)
from lifarray.host.devices.buffer import Buffer
from lifarray.host.driver import LifArray

from .driver_cases import SMALL, check_run, expected_spikes, make_network, make_rates


@pytest.fixture
def array():
    with LifArray("golden", make_network(), config=SMALL) as array:
        yield array


@pytest.mark.parametrize("n_steps", [1, 15, 20, 60, 64, 65, 140])
def test_words_are_the_poisson_encoders_spikes(n_steps):
    rng = np.random.default_rng(n_steps)
    for n_samples in {1, samples_per_pass(n_steps)}:
        rates = rng.random((n_samples, 50)) * (rng.random((n_samples, 50)) < 0.5)
        rates[0, :2] = 1, 0
        words = poisson_words(rates, n_steps, [sample_rng(3, i) for i in range(n_samples)], 0.9)
        spikes = np.concatenate([poisson(row[None], n_steps, sample_rng(3, i), 0.9) for i, row in enumerate(rates)])
        assert (words == pack(spikes)).all()


def test_words_refuse_what_the_encoder_does():
    for rates, n_steps in ((np.full((1, 3), 1.5), 10), (np.full(3, 0.5), 10), (np.zeros((4, 3)), 20)):
        with pytest.raises(UserError):
            poisson_words(rates, n_steps, [sample_rng(0, i) for i in range(len(rates))])


@pytest.mark.parametrize("n_steps", [7, 20, 64, 100])
@pytest.mark.parametrize("weight_bits", [8, 4])
@pytest.mark.parametrize("resident", [True, False])
def test_runs_are_bit_exact(n_steps, weight_bits, resident):
    network = make_network(n_steps=n_steps, weight_bits=weight_bits)
    with LifArray("golden", config=SMALL, n_passes=2) as array:
        array.load(network, resident)
        check_run(array, network, n_samples=23, seed=1, vmem=True)
        result = check_run(array, network, n_samples=23)
        batches = ceil(ceil(23 / samples_per_pass(n_steps)) / 2)
        assert (result.counters["batches"], result.counters["samples"]) == (batches, 23)
        assert result.counters["resident"] is resident
        results = network.run(expected_spikes(network, make_rates(network, 23))[0])
        assert result.counters["saturations"] == sum(layer.saturations for layer in results)


def test_what_runs_is_said(array):
    assert array.runner == array.run_rates(make_rates(array.network, 1)).runner == "the integer model"
    assert "the integer model" in repr(array)
    assert array.info()["lanes"] == SMALL.lanes


def test_spikes_do_not_depend_on_batches_or_on_how_rates_come(array):
    rates = make_rates(array.network, 11)
    expected = array.run_rates(rates, seed=4).counts
    assert (expected != array.run_rates(rates, seed=5).counts).any()
    assert (array.run_rates((row for row in rates), seed=4).counts == expected).all()
    with LifArray("golden", array.network, config=SMALL, n_passes=1) as other:
        assert (other.run_rates(rates, seed=4).counts == expected).all()


def test_a_run_of_given_spikes(array):
    spikes, *layers = expected_spikes(array.network, make_rates(array.network, 5))
    assert (array.run(spikes).counts == layers[-1].sum(axis=1)).all()
    assert array.run(spikes).spikes == {}


def test_the_next_batch_is_encoded_while_the_core_runs(array, monkeypatch):
    log = []
    start, finish = array._control.start, array._control.finish
    monkeypatch.setattr(array._control, "start", lambda *a: (log.append("start"), start(*a)))
    monkeypatch.setattr(array._control, "finish", lambda: (log.append("finish"), finish())[1])

    def rates():
        for i, row in enumerate(make_rates(array.network, 24)):
            if i % 12 == 0:
                log.append("encode")
            yield row

    array.run_rates(rates())
    assert log == ["encode", "start", "encode", "finish", "start", "finish"]


def test_threads_share_an_array(array):
    """Each gets its own spikes, counts and an array that is not pulled away."""
    rates = make_rates(array.network, 9)
    expected = [array.run_rates(rates, seed=i, n_steps=20 + i % 3).counts for i in range(12)]
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(array.run_rates, rates, seed=i, n_steps=20 + i % 3) for i in range(12)]
        checks = [pool.submit(array.selftest) for _ in range(2)]
        loads = [pool.submit(array.load, array.network) for _ in range(2)]
        for job, counts in zip(jobs, expected, strict=True):
            assert (job.result().counts == counts).all()
        assert all(len(check.result()) == 5 for check in checks) and loads[0].result() is None


def test_a_run_that_calls_itself_is_refused(array):
    rates = make_rates(array.network, 3)
    for call in (lambda: array.run_rates(rates), array.selftest, lambda: array.load(array.network), array.close):

        def nested(call=call):
            yield rates[0]
            call()

        with pytest.raises(UserError, match="called the LifArray that runs them"):
            array.run_rates(nested())
        check_run(array, array.network)


def test_two_arrays_at_once():
    networks = [make_network(seed=1), make_network((12, 33, 5), seed=2)]
    with LifArray("golden", networks[0], config=SMALL) as first, LifArray("golden", networks[1], config=SMALL) as second:
        for seed in range(2):
            check_run(first, networks[0], seed=seed)
            check_run(second, networks[1], seed=seed)
        rates = make_rates(networks[0], 3)
        inputs = [first.run_rates(rates).counts[:, :12] / 20, second.run_rates(make_rates(networks[1], 3)).counts]
        # One may feed the other.
        result = second.run_rates(first.run_rates(row[None]).counts[0, :12] / 20 for row in rates)
        assert (result.counts == second.run_rates(inputs[0]).counts).all()


def test_buffers_are_given_back_and_runs_leak_nothing():
    network = make_network(sizes=(5, 6, 4), n_steps=5)
    array = LifArray("golden", network, config=SMALL)
    rates = make_rates(network, 2)
    buffers = array.device.buffers
    array.run_rates(rates)
    addresses = sorted(buffers)
    for i in range(1000):
        array.run_rates(rates, seed=i)
    assert sorted(buffers) == addresses
    for n_steps in (5, 6, 5):
        array.run_rates(rates, n_steps=n_steps)
        array.load(network)
        array.selftest()
    assert len(buffers) == 1
    array.close()
    assert not buffers
    array.close()
    with pytest.raises(BoardError, match="closed"):
        array.run_rates(rates)


def test_weights_are_split_where_one_buffer_is_not_to_be_had(array, monkeypatch):
    network = make_network(sizes=(30, 90, 40))
    allocate = array.device.allocate

    def in_small_lots(n_bytes):
        if n_bytes > 3000:
            raise OutOfMemoryError("no lot of that size")
        return allocate(n_bytes)

    monkeypatch.setattr(array.device, "allocate", in_small_lots)
    array.load(network, resident=False)
    assert len(array._weights.buffers) == 3
    assert array._weights.cut
    monkeypatch.undo()
    check_run(array, network, n_samples=7)


@pytest.mark.parametrize(
    "sizes, lots, cuts, lanes",
    # With 15 lanes, pieces begin at odd neurons.
    [((40, 100, 60, 9), 4500, {0, 1}, 16), ((20, 100), 1000, {0}, 16), ((16, 17, 100), 1100, {1}, 16), ((20, 100), 1000, {0}, 15)],
)
@pytest.mark.parametrize("n_steps", [7, 64, 65, 200])
def test_layers_in_pieces_run_any_number_of_steps(monkeypatch, sizes, lots, cuts, lanes, n_steps):
    network = make_network(sizes=sizes)
    array = LifArray("golden", config=SMALL.with_(lanes=lanes, fire_units=1), n_passes=3)
    allocate = array.device.allocate

    def in_small_lots(n_bytes):
        if n_bytes > lots:
            raise OutOfMemoryError("no lot of that size")
        return allocate(n_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(array.device, "allocate", in_small_lots)
        array.load(network, resident=False)
    assert array._weights.cut == cuts
    check_run(array, network, n_samples=9, n_steps=n_steps)
    check_run(array, network, n_samples=3, n_steps=n_steps, vmem=True)


def test_resident_weights_may_be_split_too(array, monkeypatch):
    """Loaded from several buffers, a layer is in one piece again, and may run any number of steps."""
    allocate = array.device.allocate

    def in_small_lots(n_bytes):
        if n_bytes > 1700:
            raise OutOfMemoryError("no lot of that size")
        return allocate(n_bytes)

    monkeypatch.setattr(array.device, "allocate", in_small_lots)
    array.load(make_network(sizes=(30, 90)))
    assert len(array._weights.loads) == len(array._weights.buffers) == 2
    monkeypatch.undo()
    for n_steps in (20, 65):
        check_run(array, array.network, n_samples=5, n_steps=n_steps)


def test_what_stays_in_the_core(array):
    assert array.info()["weights"] == "resident" and array.info()["resident_rows"] == SMALL.resident_rows
    memory = dict(array.device.buffers)
    check_run(array, array.network)
    # Nothing of the weights is read again: they may be gone from memory.
    for address, words in memory.items():
        words[:] = 0xFFFF_FFFF_FFFF_FFFF
        assert address in array.device.buffers
    check_run(array, array.network, seed=1)
    # 448 rows, filled to the last one, and one more.
    array.load(make_network(sizes=(224, 32)))
    check_run(array, array.network)
    assert array.info()["weights"] == "resident"
    array.load(make_network(sizes=(225, 32)))
    check_run(array, array.network)
    assert array.info()["weights"] == "streamed"
    with pytest.raises(UserError, match="take 450 rows and the core keeps 448"):
        array.load(make_network(sizes=(225, 32)), resident=True)
    check_run(array, array.network)


def test_weights_come_back_after_whatever_happened(array):
    network = array.network

    def reset():
        array._control.reset()
        assert not array.device._store.any(), "a download clears block RAM, as on a board"

    def somebody_else_resets():
        """Or the power is cut: registers, block RAM and a local memory are as after a download."""
        array.device.download()
        for memory in array.device.buffers.values():
            memory[:] = 0
        with pytest.raises(WindowError, match="somebody else reset it"):
            check_run(array, network)

    def download_clears_local_memory():
        for memory in array.device.buffers.values():
            memory[:] = 0
        array._control.reset()

    def fail():
        array.device.failing = True
        with pytest.raises(AxiError):
            array.run_rates(make_rates(network, 1))
        array.device.failing = False

    def hang():
        array.device.dead = True
        with pytest.raises(CoreTimeoutError):
            array.run_rates(make_rates(network, 1))
        array.device.dead = False

    def another_network():
        array.load(make_network(seed=8))
        check_run(array, array.network)
        array.load(network)

    def refused_network():
        with pytest.raises(UserError):
            array.load(make_network(vmem_bits=12))

    def fail_while_loading():
        array.device.failing = True
        with pytest.raises(AxiError):
            array.load(make_network(seed=8))
        array.device.failing = False
        assert array.network is None and not array.device.buffers
        array.load(network)

    events = (reset, array.selftest, somebody_else_resets, download_clears_local_memory, fail, hang)
    for resident in (True, False):
        array.load(network, resident)
        for seed, event in enumerate(events):
            event()
            check_run(array, network, seed=seed)
    for event in (another_network, refused_network, fail_while_loading):
        event()
        check_run(array, network)


def test_weights_that_do_not_fit_name_the_remedy(array):
    array.device.memory_bytes = 100_000
    with pytest.raises(OutOfMemoryError, match=r"quantise the network to 4 bits, which takes \d+ bytes"):
        array.load(make_network(sizes=(400, 400)))
    with pytest.raises(OutOfMemoryError, match="use a smaller network"):
        array.load(make_network(sizes=(700, 700), weight_bits=4))
    assert not array.device.buffers
    with pytest.raises(UserError, match="call load first"):
        array.run_rates([])
    network = make_network()
    array.load(network)
    check_run(array, network)


def test_a_network_that_the_core_cannot_run_leaves_the_one_before(array):
    before = array.network
    for network, text in (
        (make_network(vmem_bits=12), "saturates vmem at 12 bits"),
        (make_network(sizes=(2000, 3)), "its current can reach"),
    ):
        with pytest.raises(UserError, match=text):
            array.load(network)
    check_run(array, before)
    with LifArray("golden", config=replace(SMALL, weight_bits=4)) as narrow:
        with pytest.raises(UserError, match="8-bit weights"):
            narrow.load(before)


@pytest.mark.parametrize(
    "spikes, text",
    [
        (np.zeros((3, 20), bool), "the network takes"),
        (np.zeros((3, 20, 31), bool), "the network takes"),
        ([], "the network takes"),
        (np.zeros((0, 20, 30), bool), "nothing to run"),
        (np.zeros((3, 0, 30), bool), "nothing to run"),
        (np.full((1, 20, 30), 0.3), "other values than 0 and 1.*run_rates"),
        (np.full((1, 20, 30), np.nan), "other values than 0 and 1"),
        (np.full((1, 20, 30), 2), "other values than 0 and 1"),
        ([[["a"] * 30]], "must be numbers"),
        ([[1], [2, 3]], "differ in length"),
        (np.zeros((1, 65536, 30), bool), "n_steps = 65536, must be 1 to 65535"),
    ],
)
def test_bad_spikes(array, spikes, text):
    with pytest.raises(UserError, match=text):
        array.run(spikes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, list])
def test_spikes_of_other_types(array, dtype):
    spikes, *layers = expected_spikes(array.network, make_rates(array.network, 2))
    other = spikes.tolist() if dtype is list else spikes.astype(dtype)
    assert (array.run(other).counts == layers[-1].sum(axis=1)).all()


@pytest.mark.parametrize(
    "options, text",
    [
        ({"seed": -1}, "seed = -1, must be at least 0"),
        ({"seed": None}, "seed = None, must be a whole number"),
        ({"n_steps": 0}, "n_steps = 0, must be 1 to 65535"),
        ({"n_steps": 20.0}, "n_steps = 20.0, must be a whole number"),
        ({"layers": 1}, "layers = 1, must be a list"),
        ({"layers": [3]}, "layers 0 to 2"),
        ({"layers": ["0"]}, "must be a list of whole numbers"),
        ({"rates": [[0.5] * 30, [0.5] * 29]}, "differ in length"),
        ({"rates": [["x"] * 30]}, "must be numbers"),
        ({"rates": [[np.nan] * 30]}, "must lie in 0 to 1"),
        ({"rates": [0.5] * 30}, "the network takes"),
    ],
)
def test_bad_arguments_of_rates(array, options, text):
    options = {"rates": make_rates(array.network, 2), **options}
    with pytest.raises(UserError, match=text):
        array.run_rates(**options)


def test_layers_may_come_from_a_generator(array):
    result = array.run_rates(make_rates(array.network, 1), layers=(i for i in (0, 1, 1)))
    assert sorted(result.spikes) == [0, 1]


def test_networks_and_configurations_by_name(tmp_path):
    with LifArray("golden", "mnist-ae-int4", config="fast") as array:
        assert array.network.sizes == (784, 196, 784) and array.config == CONFIGS["fast"]
        path = tmp_path / "net.lif"
        array.network.save(path)
        array.load(path)
        for network in (None, 3, make_rates):
            with pytest.raises(UserError, match="give a Network"):
                array.load(network)
        with pytest.raises(UserError, match="nowhere"):
            array.load("nowhere")
        assert array.network.sizes == (784, 196, 784)


def test_a_list_takes_at_most_what_its_register_holds():
    network = make_network((1, 1, 1), n_steps=65)
    with LifArray("golden", network, config=SMALL, n_passes=1 << 16) as array:
        array._make_rasters(65, vmem=False)
        assert array._rasters.n_passes == 65535 // 2


@pytest.mark.parametrize("sizes", [(1, 1), (1, 1, 1), (1, 17), (17, 1), (16, 16), (2, 33, 1)])
@pytest.mark.parametrize("n_steps", [1, 2, 63, 64, 65, 129])
def test_small_networks_and_few_steps(sizes, n_steps):
    network = make_network(sizes, n_steps=n_steps)
    with LifArray("golden", config=SMALL, n_passes=2) as array:
        for resident in (True, False):
            array.load(network, resident)
            for n_samples in (1, samples_per_pass(n_steps), 2 * samples_per_pass(n_steps) + 1):
                check_run(array, network, n_samples, vmem=True)


def test_bad_rates_stop_the_core(array):
    def rates():
        yield from make_rates(array.network, 30)
        yield np.full(array.network.fan_in, 2.0)

    for bad in (rates(), np.zeros((2, 31)), np.zeros((0, 30))):
        with pytest.raises(UserError):
            array.run_rates(bad)
        assert not array._control.running
    check_run(array, array.network)


def test_registers_a_batch(array):
    for n_samples in (1, 12, 120):
        array.run_rates(make_rates(array.network, n_samples))  # makes room, and opens the windows
        before = array.device.accesses
        batches = array.run_rates(make_rates(array.network, n_samples)).counters["batches"]
        assert (array.device.accesses - before) / batches <= 20


def test_a_timeout_is_told_and_mended(array):
    array.device.dead = True
    downloads = array.device.downloads
    with pytest.raises(CoreTimeoutError, match="does not answer a read.*local"):
        array.run_rates(make_rates(array.network, 1))
    assert array.device.downloads == downloads + 1
    with pytest.raises(SelfTestError, match="dead memory port.*local"):
        array.selftest()
    array.device.dead = False
    check_run(array, array.network)


def test_a_core_that_hangs_is_not_looked_at_for_ever(array):
    array.device.dead = True
    before = array.device.accesses
    with pytest.raises(CoreTimeoutError):
        array.run_rates(make_rates(array.network, 1))
    # Ever less often: 2 s of waiting from 20 µs on, doubled, are 17 looks.
    assert array.device.accesses - before < 60
    array.device.dead = False


def test_whatever_ends_a_run_leaves_an_idle_core(array):
    check_run(array, array.network)
    control = array._control
    array.device.dead = True
    control.start(array._rasters.list_address(0), 1)
    with pytest.raises(CoreTimeoutError):
        control.finish()
    assert not control.running
    array.device.dead = False
    check_run(array, array.network)


def test_an_axi_error(array):
    check_run(array, array.network)
    array.device.failing = True
    with pytest.raises(AxiError, match="no memory at this address"):
        array.run_rates(make_rates(array.network, 1))
    with pytest.raises(SelfTestError, match="wrong address.*local"):
        array.selftest()
    array.device.failing = False
    check_run(array, array.network)


def test_a_window_and_a_descriptor_error(array):
    check_run(array, array.network)
    array.device.write("WINDOW0_LAST", 0)
    with pytest.raises(WindowError, match="outside its windows"):
        array.run_rates(make_rates(array.network, 1))
    check_run(array, array.network)
    array._rasters._descriptors.update({key: bytes(len(raw)) for key, raw in array._rasters._descriptors.items()})
    with pytest.raises(DescriptorError):
        check_run(array, array.network)
    array._rasters._descriptors.clear()
    check_run(array, array.network)


@pytest.mark.parametrize("forgotten", ["flush", "invalidate"])
def test_a_forgotten_flush_or_invalidate_shows(array, monkeypatch, forgotten):
    monkeypatch.setattr(Buffer, forgotten, lambda *arguments: None)
    with pytest.raises((AssertionError, BoardError)):
        array.load(array.network)
        check_run(array, array.network)


def test_ctrl_c_in_a_run(array, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(array.device, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        array.run_rates(make_rates(array.network, 1))
    monkeypatch.undo()
    assert not array._control.running
    check_run(array, array.network)


@pytest.mark.parametrize("name, error", [("ID", BitstreamError), ("VERSION", MapMismatchError), ("MAP_HASH", MapMismatchError)])
def test_another_core_is_refused(name, error, monkeypatch):
    from lifarray.host.devices import model

    class Other(model.ModelDevice):
        def __init__(self, config):
            super().__init__(config)
            self.lies[name] = 0x1234_5678

    monkeypatch.setattr(model, "ModelDevice", Other)
    with pytest.raises(error, match="0x12345678" if name != "VERSION" else "4660"):
        LifArray("golden")


def test_selftest_passes_and_leaves_the_network(array):
    check_run(array, array.network)
    for _ in range(2):
        assert len(array.selftest()) == 5
    check_run(array, array.network)


def test_selftest_finds_wrong_arithmetic_and_stuck_registers(array, monkeypatch):
    from lifarray.golden.network import Layer

    right = Layer.run
    monkeypatch.setattr(array.device, "_run_layer", _with_a_flip(array.device))
    with pytest.raises(SelfTestError, match="1 of 4 neurons of layer 0"):
        array.selftest()
    assert Layer.run is right
    monkeypatch.undo()
    array.device.lies["LIST_ADDRESS"] = 0
    with pytest.raises(SelfTestError, match="LIST_ADDRESS reads 0x00000000"):
        array.selftest()


def _with_a_flip(device):
    """The device's layers, the first output bit of each wrong."""
    run_layer = device._run_layer

    def wrong(address):
        run_layer(address)
        layer = device._descriptor(address)
        if not layer["load"]:
            device._memory(layer["output_address"], 1, None)[0] ^= np.uint64(1)

    return wrong


def test_unknown_devices_and_options():
    with pytest.raises(BoardError, match="choose pynq, sim, serial, golden"):
        LifArray("fpga")
    for option, value in {"simulator": "icarus", "bitstream": "x.bit", "clock_hz": 1e8, "port": "x", "lock_file": "x"}.items():
        with pytest.raises(BoardError, match=f"{option} = .*: device 'golden' has none"):
            LifArray("golden", **{option: value})
    with pytest.raises(BoardError, match="clock_hz = 0"):
        LifArray("sim", clock_hz=0)
    for options in ({"timeout_seconds": 0}, {"timeout_seconds": "1"}, {"timeout_seconds": float("nan")}, {"n_passes": 0}, {"n_passes": 1.5}):
        with pytest.raises(UserError, match=next(iter(options))):
            LifArray("golden", **options)
    with pytest.raises(UserError, match="config = 'huge'.*demo"):
        LifArray("golden", config="huge")


@pytest.mark.parametrize("device", ["pynq", "sim"])
def test_without_pynq_the_remedy_is_named(device, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynq", None)
    with pytest.raises(NoBoardError, match=r"pip install 'lifarray\[board\]'"):
        LifArray(device)


def test_a_bad_recording_stops_the_run(network, word):
    silence = np.zeros(8000)
    with LifArray("golden", network, n_passes=1) as array:
        with pytest.raises(UserError, match="samples 9: silent"):
            array.synthesize([*[word()] * 9, silence], 8000)
        assert not array._control.running
        assert len(array.synthesize([word()] * 9, 8000)) == 9
        assert array.seconds["encode"] > 0 and array.seconds["front_end"] > 0
        with pytest.raises(UserError, match="no samples"):
            array.synthesize([])


def test_speech_becomes_images(network, wav, word):
    path = wav("7_me.wav", word())
    with LifArray("golden", network) as array:
        (result,) = array.synthesize(path, seed=3)
        assert (result.utterance.digit, result.image.shape, result.scores.shape) == (7, (28, 28), (10,))
        assert result.cycles is None
        (same,) = array.synthesize(word().astype(np.float32), sample_rate_hz=8000, seed=3)
        two = array.synthesize([path, path], seed=3)
    assert (two[0].image == result.image).all()
    assert (two[1].image != result.image).any(), "each utterance draws its own spikes"
    assert np.abs(same.image.astype(int) - result.image).max() <= result.image.max() // 2 + 1
    with LifArray("golden", network) as array, pytest.raises(UserError, match="give sample_rate_hz"):
        array.synthesize(word())
