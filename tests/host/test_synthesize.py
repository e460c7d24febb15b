"""`lifarray synthesize`."""

import json

import numpy as np
import pytest

from lifarray.golden.evaluate import class_scores
from lifarray.host.commands import synthesize


def test_an_image_and_ten_scores_a_file(lifarray, network, network_file, wav, word, tmp_path):
    from matplotlib.image import imread

    files = [wav("a.wav", word()), wav("b.wav", word()[::-1])]
    status, out, err = lifarray("synthesize", *files, "--network", network_file, "--out", "images", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["mismatches"] is None
    assert [u["file"] for u in found["utterances"]] == [str(file) for file in files]
    assert [u["image"] for u in found["utterances"]] == ["images/a.png", "images/b.png"]
    results, _ = synthesize.synthesize_images(network, synthesize.recorded(files), "golden", seed=0)
    for utterance, result in zip(found["utterances"], results, strict=True):
        assert utterance["scores"] == pytest.approx(class_scores([result.image], network.arrays["class_images"])[0])
        assert utterance["nearest"] == int(np.argmin(utterance["scores"]))
        pixels = imread(tmp_path / utterance["image"])[5::10, 5::10, 0]
        assert np.allclose(pixels, result.image / result.image.max(), atol=1 / 128)


def test_table(lifarray, network_file, wav, word):
    file = wav("a.wav", word())
    status, out, err = lifarray("synthesize", file, "--network", network_file)
    assert (status, err) == (0, "")
    heading, row, _, runner = out.splitlines()
    assert heading.split() == ["file", "nearest", "MSE", "image"]
    assert row.split()[0] == str(file) and row.split()[-1] == "synthesize-out/a.png"
    assert runner == "ran on: integer model"


def test_rtl_says_what_ran_and_fails_on_a_mismatch(lifarray, network_file, wav, word, fake_sim):
    arguments = ["synthesize", wav("a.wav", word()), "--network", network_file, "--backend", "rtl"]
    status, out, _ = lifarray(*arguments)
    assert status == 0
    assert out.endswith("ran on: RTL in Stand-in 1.0, 0 mismatches with the integer model\n")
    fake_sim.flips = 1
    status, out, _ = lifarray(*arguments, "--json")
    assert (status, json.loads(out)["mismatches"]) == (1, 1)


def test_files_of_one_name_get_images_of_their_own():
    assert synthesize.image_names(["a/7.wav", "b/7.wav", "c/8.wav", "7.flac"]) == ["7.png", "7-2.png", "8.png", "7-3.png"]


def test_the_driver_draws_the_same_spikes(network, wav, word):
    from lifarray.host.driver import LifArray
    from lifarray.host.synthesis import synthesize_images
    from lifarray.host.utterances import recorded

    files = [wav("a.wav", word()), wav("b.wav", word()[::-1]), wav("c.wav", word() ** 2)]
    results, outcome = synthesize_images(network, recorded(files), "golden", 7)
    with LifArray("golden", network) as array:
        others = array.synthesize([str(file) for file in files], seed=7)
    for one, other in zip(results, others, strict=True):
        np.testing.assert_array_equal(one.hidden, other.hidden)
        np.testing.assert_array_equal(one.image, other.image)
    assert any(result.image.any() for result in results)
