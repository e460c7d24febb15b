"""`lifarray demo`, on the integer model and on a stand-in for the simulation."""

import json
import time

import numpy as np
import pytest

from lifarray.golden.evaluate import class_scores, front_end
from lifarray.golden.voices import DIGIT_WORDS, TRAINING_VOICES
from lifarray.host.commands import demo


@pytest.fixture
def recordings(wav, word):
    """Two recordings, the first named as in the Free Spoken Digit Dataset."""
    return [wav("7_me_0.wav", word()), wav("mine.wav", word()[::-1])]


def report(lifarray, *arguments):
    status, out, err = lifarray("demo", "--json", *arguments)
    assert err == ""
    return status, json.loads(out)


def test_speaks_ten_digits_in_voices_that_training_never_heard(lifarray, network_file, fake_sim, tmp_path):
    pytest.importorskip("espeakng_loader")
    status, found = report(lifarray, "--network", network_file)
    assert status == 0
    assert found["mismatches"] == 0
    assert [u["digit"] for u in found["utterances"]] == [*range(10)] * 3
    assert [u["name"] for u in found["utterances"]] == [*DIGIT_WORDS] * 3
    voices = {u["source"] for u in found["utterances"]}
    assert len(voices) == 3 and not voices & set(TRAINING_VOICES)
    # Four samples of 15 steps share a pass of 1000 cycles; the last pass has two.
    assert [u["cycles"] for u in found["utterances"]] == [250] * 28 + [500] * 2
    right = [u["digit"] == u["nearest"] for u in found["utterances"]]
    assert found["accuracy"] == pytest.approx(np.mean(right))
    assert (tmp_path / "demo-out" / "contact-sheet.png").read_bytes()[:4] == b"\x89PNG"


def test_the_same_command_speaks_and_spikes_alike(lifarray, network_file):
    pytest.importorskip("espeakng_loader")
    first = report(lifarray, "--network", network_file, "--backend", "golden")
    # espeak-ng seeds its breath noise with the second of the day unless it is told otherwise.
    time.sleep(1.1)
    assert report(lifarray, "--network", network_file, "--backend", "golden") == first


def test_recordings(lifarray, network, network_file, fake_sim, recordings, tmp_path):
    status, found = report(lifarray, "--network", network_file, "--out", "a/b", "--wav", *recordings)
    assert (status, found["mismatches"], found["runner"]) == (0, 0, "RTL in Stand-in 1.0")
    assert found["contact_sheet"] == "a/b/contact-sheet.png" and (tmp_path / "a/b/contact-sheet.png").is_file()
    assert [u["digit"] for u in found["utterances"]] == [7, None]
    assert [u["name"] for u in found["utterances"]] == [str(path) for path in recordings]
    assert [u["cycles"] for u in found["utterances"]] == [500, 500]
    assert found["accuracy"] in (0, 1)


def test_a_mismatch_fails(lifarray, network_file, fake_sim, recordings):
    fake_sim.flips = 3
    status, found = report(lifarray, "--network", network_file, "--wav", *recordings)
    assert (status, found["mismatches"]) == (1, 3)
    status, out, err = lifarray("demo", "--network", network_file, "--wav", *recordings)
    assert status == 1
    assert out.splitlines()[-1].startswith("3 mismatches with the integer model, ")
    rows = [line.split() for line in out.splitlines()[1:3]]
    assert [row[-1] for row in rows] == ["3", "0"]


def test_the_integer_model_claims_no_cycles_and_no_comparison(lifarray, network_file, recordings):
    status, found = report(lifarray, "--network", network_file, "--backend", "golden", "--wav", *recordings)
    assert (status, found["mismatches"], found["runner"]) == (0, None, "integer model")
    assert [u["cycles"] for u in found["utterances"]] == [None, None]
    status, out, err = lifarray("demo", "--network", network_file, "--backend", "golden", "--wav", *recordings)
    lines = out.splitlines()
    assert lines[0].split() == ["spoken", "by", "digit", "nearest", "MSE", "cycles", "mismatches"]
    assert [line.split()[-2:] for line in lines[1:3]] == [["-", "-"], ["-", "-"]]
    assert [line.split()[0] for line in lines[1:3]] == [path.name for path in recordings]
    assert lines[2].split()[1] == "-"  # nobody knows its digit
    assert lines[-1].startswith("mismatches not checked, ")


def test_mse_is_to_the_digit_said_or_else_to_the_nearest(lifarray, network, network_file, recordings):
    _, found = report(lifarray, "--network", network_file, "--backend", "golden", "--wav", *recordings)
    results, _ = demo.synthesize_images(network, demo.recorded(recordings), "golden", seed=0)
    scores = class_scores(np.array([r.image for r in results]), network.arrays["class_images"])
    assert [u["nearest"] for u in found["utterances"]] == scores.argmin(axis=1).tolist()
    assert [u["mse"] for u in found["utterances"]] == pytest.approx([scores[0, 7], scores[1].min()])


def test_the_seed_decides_the_spikes(lifarray, network_file, recordings):
    def mse(seed):
        _, found = report(lifarray, "--network", network_file, "--backend", "golden", "--seed", seed, "--wav", recordings[0])
        return found["utterances"][0]["mse"]

    assert mse(1) == mse(1) != mse(2)


def test_contact_sheet_has_a_band_of_ten_a_source(network, recordings, tmp_path):
    from matplotlib.image import imread

    results, _ = demo.synthesize_images(network, demo.recorded(recordings * 6), "golden", seed=0)
    heights = []
    for count in (1, 10, 11):
        demo.draw_contact_sheet(tmp_path / "sheet.png", results[:count], front_end(network), "title", "subtitle")
        heights.append(imread(tmp_path / "sheet.png").shape[0])
    assert heights[0] == heights[1] < heights[2]
    assert list(tmp_path.glob("*.part*")) == list(tmp_path.glob(".*")) == []
