"""The voices of flite: what is said, and what is told where the program is missing."""

import numpy as np
import pytest

from lifarray.golden import flite
from lifarray.golden.errors import UserError

needs_flite = pytest.mark.skipif(not flite.available(), reason="the program flite is not installed")


@needs_flite
def test_every_voice_says_every_digit():
    utterances, digits, names = flite.digits()
    n = len(flite.MEAN_F0_HZ) * len(flite.STRETCHES) * len(flite.PITCHES) * 10
    assert len(utterances) == len(digits) == len(set(names)) == n
    assert np.bincount(digits).tolist() == [n // 10] * 10
    for samples, rate_hz in utterances:
        assert 0.1 < len(samples) / rate_hz < 2 and np.abs(samples).max() > 0.05
    by_name = {name: samples for name, (samples, _) in zip(names, utterances, strict=True)}
    short, long = (by_name[f"seven, flite's slt, stretched {s}, pitch 1"] for s in ("0.8", "1.25"))
    assert len(long) > 1.3 * len(short)


def test_without_the_program_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not flite.available()
    with pytest.raises(UserError, match="apt install flite"):
        flite.digits()


def test_what_the_program_says_of_its_failure_is_told(monkeypatch, tmp_path):
    program = tmp_path / "flite"
    program.write_text("#!/bin/sh\necho no such voice >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no such voice"):
        flite.digits()
