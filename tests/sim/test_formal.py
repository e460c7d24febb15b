"""The proofs hold, and notice planted bugs."""

import inspect
import json
import types
from importlib import import_module
from importlib.util import find_spec

import pytest

from lifarray.golden.errors import ToolError, UserError
from lifarray.host import cli

if find_spec("pyosys") is None or find_spec("amaranth") is None:
    pytest.skip("pyosys or amaranth is not installed", allow_module_level=True)

from lifarray.sim import formal
from lifarray.sim.formal.bench import Bench
from lifarray.sim.formal.engine import Engine

BY_NAME = {proof.name: proof for proof in formal.PROOFS}


@pytest.mark.parametrize("name", [pytest.param(p.name, marks=[] if p.quick else pytest.mark.long) for p in formal.PROOFS])
def test_proof_holds(name, tmp_path):
    outcome = BY_NAME[name].run(tmp_path)
    assert outcome.ok, outcome


BUGS = {
    # proof: (source, replaced by, check that fails)
    "registers-protocol": ("have_address & have_data & ~write & ~bus.bvalid)", "have_address & have_data & ~write)", None),
    "registers-contents": ("byte_mask[bits], 0)", "~0, 0)", None),
    "reader-bus64": ("allowed & (room >= 0)", "allowed & (room >= -1)", None),
    "reader-addresses": ("advance(Cat(Const(0, low), address[low:]), longest << 3)", "advance(address, longest << 3)", None),
    "reader-data": ("buffer.source.valid.eq(self.beat_valid)]", "buffer.source.valid.eq(self.beat_valid & ~self.beat_error)]", None),
    "writer-bus32": ("enough.eq(unannounced >= here)", "enough.eq(unannounced + 1 >= here)", None),
    "fifo-sync": ("self.w_rdy.eq(self.level != self.depth),", "self.w_rdy.eq(1),", None),
    "fifo-buffered": ("consume.eq(_incr(consume, inner_depth))", "consume.eq(_incr(consume, inner_depth - 1))", None),
    "ram-fifo": ("ram.r_en.eq(register.source.ready)", "ram.r_en.eq(1)", None),
    "stream-register": ("source.ready.eq(~full)", "source.ready.eq(1)", None),
    "lif-narrow": ("spike.eq(total >= p.v_threshold)", "spike.eq(total > p.v_threshold)", None),
    "lif-step": ("half = product[DECAY_ONE.bit_length() - 2]", "half = 0", "vmem"),
    "window-one-way": ("~(emission | slot_closed)", "~slot_closed", None),
    "window-two-ways": ("bit_select(next_tail, 1)", "bit_select(tail, 1)", "replaces_what_was_added"),
    "window-captures": ("closed.eq(closed & ~to_emit)", "closed.eq(closed & ~slot)", None),
    "window-release": ("emit.eq(any_closed & credit)", "emit.eq(any_closed)", "waits_for_its_release"),
    "array-two-ways": ("PICK_TO_ADD = 2", "PICK_TO_ADD = 1", None),
    "array-three-ways": ("terms.append(Mux(valid[way], weight, 0))", "terms.append(weight)", "captures_the_sum"),
    "fire-release": ("RELEASE_AHEAD = 7", "RELEASE_AHEAD = 8", None),
    "fire-state": ("Cat(issue, *(stage.valid for stage in pipe)).any()", "issue", "steps_one_by_one"),
    "sequencer-errors": ("self.layer_start.eq(~failed)", "self.layer_start.eq(1)", "starts_nothing_more"),
    "sequencer-progress": ("self.lists_done + 1 == self.list_count", "self.lists_done == self.list_count", None),
    "sequencer-descriptors": ("layer.decay > DECAY_ONE", "layer.decay > DECAY_ONE + 1", "decay"),
}
SLOW = {"lif-step"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name in SLOW else []) for name in BUGS])
def test_planted_bug_is_found(name, tmp_path, monkeypatch):
    old, new, check = BUGS[name]
    proofs = import_module(f"lifarray.sim.formal.{BY_NAME[name].group}")
    monkeypatch.setattr(proofs, "hw", with_bug(proofs.hw, old, new))
    outcome = BY_NAME[name].run(tmp_path)
    assert outcome.result == "failed" and outcome.trace.stat().st_size > 0, outcome
    assert check in (None, outcome.failed)


def with_bug(module, old, new):
    """A copy of a module whose source has ``new`` in place of ``old``."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
    copy = types.ModuleType(module.__name__)
    copy.__package__ = module.__package__
    exec(compile(source.replace(old, new), module.__file__, "exec"), copy.__dict__)
    return copy


@pytest.mark.parametrize("method", ["induction", "pdr", "bounded"])
@pytest.mark.parametrize("limit, result, cycles", [(6, "proved", None), (4, "failed", 6)])
def test_methods_agree_about_a_counter(method, limit, result, cycles, tmp_path):
    from amaranth.hdl import Signal

    def build(bench: Bench):
        count, step = Signal(4), bench.free(1, "step")
        bench.m.d.sync += count.eq(count + (step & (count < 5)))
        bench.check("below", count <= limit)
        bench.cover("three", count == 3)

    outcome = Engine(tmp_path).prove("counter", build, method, 8 if method == "bounded" else 1)
    assert (outcome.result, outcome.cycles) == (result, cycles)
    assert outcome.reached == ({"three": 4} if result == "proved" else {})


def test_assumptions_bind_and_an_unreached_cover_is_told(tmp_path):
    def build(bench):
        chosen = bench.free(4, "chosen")
        bench.assume(chosen < 9)
        bench.check("below", chosen < 9)
        bench.cover("above", chosen > 9)

    outcome = Engine(tmp_path).prove("assume", build, "bounded", 3)
    assert outcome.result == "proved" and outcome.reached == {"above": None} and not outcome.ok


def test_yosys_that_does_not_end_is_told(tmp_path):
    """Not what it has written in an earlier run taken for what it was to write now."""

    from amaranth.hdl import Signal

    def build(bench):
        count = Signal(4)
        bench.m.d.sync += count.eq(count + 1)
        bench.check("below", count < 9)
        bench.cover("three", count == 3)

    assert Engine(tmp_path).prove("same", build, "bounded", 8).ok
    with pytest.raises(ToolError, match="yosys did not end same.ys within 0.01 s"):
        Engine(tmp_path, timeout_s=0.01).prove("same", build, "bounded", 8)


def test_command_proves_and_lists(capsys, tmp_path):
    assert cli.main(["prove", "lif-narrow", "--json", "--work", str(tmp_path)]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["result"] == "proved" and all(report["covers"].values())
    assert cli.main(["prove", "--list", "lif"]) == 0
    assert "lif-step" in capsys.readouterr().out


def test_command_names_the_trace(capsys, tmp_path, monkeypatch):
    proofs = import_module("lifarray.sim.formal.lif")
    monkeypatch.setattr(proofs, "hw", with_bug(proofs.hw, *BUGS["lif-narrow"][:2]))
    assert cli.main(["prove", "lif-narrow", "--work", str(tmp_path)]) == 1
    assert str(tmp_path / "lif-narrow.vcd") in capsys.readouterr().out


def test_a_place_that_cannot_be_written_to_names_the_option(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert cli.main(["prove", "lif-narrow", "--work", str(tmp_path / "file")]) == 2
    assert "choose another place with --work" in capsys.readouterr().err


def test_unknown_proof_is_refused():
    with pytest.raises(UserError, match="no proof is called 'nonsense'"):
        formal.select(["nonsense"])
