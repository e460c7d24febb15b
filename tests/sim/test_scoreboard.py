"""What the lock-step scoreboard says of a planted bug, and that the command it names replays it."""

import re
import shlex
import subprocess
import sys

import pytest

from lifarray.sim import mutate, runner


@pytest.mark.skipif(runner.icarus_of_system() is None, reason="Icarus Verilog is not installed")
def test_a_mismatch_is_told_and_replayed(tmp_path):
    [bug] = mutate.select(["lif-rounding"])
    with mutate.planted(bug) as (_, environment):

        def lifarray(arguments):
            command = [sys.executable, "-c", "import sys; from lifarray.host.cli import main; sys.exit(main())", *arguments]
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

        found = lifarray(["simulate", "core", "--seed", "4", "--count", "3", "--simulator", "icarus", "--test", "random_networks"])
        assert found.returncode == 1
        pattern = (
            r"layer layer\d, neuron \d+, sample \d+, step \d+: vmem is (-?\d+), must be (-?\d+), spike is [01], must be [01], "
            r"saturated is [01], must be [01]; at \d+ ns; seed 4; replay with waves: (lifarray simulate .*); "
            r"open them: surfer run.fst, or gtkwave run.fst"
        )
        first = re.search(pattern, found.stderr)
        assert first, found.stderr[-2000:]
        assert abs(int(first[1]) - int(first[2])) == 1, "the bug rounds down"
        program, *arguments = shlex.split(first[3])
        assert program == "lifarray" and not (tmp_path / "run.fst").exists()
        again = lifarray(arguments)
    assert again.returncode == 1
    assert re.search(pattern, again.stderr)[0] == first[0]
    assert (tmp_path / "run.fst").stat().st_size > 10_000
