"""The command line itself: help, one-line errors, exit statuses."""

import json
import signal
import subprocess
import sys
import warnings

import pytest

from lifarray.host import cli

COMMAND_LINE = [sys.executable, "-c", "import sys; from lifarray.host.cli import main; sys.exit(main())"]


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_with_an_example(command, lifarray, capsys):
    with pytest.raises(SystemExit) as stopped:
        lifarray(command, "--help")
    out = capsys.readouterr().out
    assert stopped.value.code == 0
    assert f"usage: lifarray {command} " in out
    assert f"examples:\n  lifarray {command}" in out
    assert max(map(len, out.splitlines())) <= 100


def test_help_lists_the_commands_and_loads_nothing_heavy():
    code = "import sys\nfrom lifarray.host.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    for name, summary in cli.COMMANDS.items():
        assert name in result.stdout and summary in result.stdout
    assert "'argparse'" in result.stdout
    assert "'numpy'" not in result.stdout


@pytest.mark.parametrize(
    "arguments, part",
    [
        ([], "required: COMMAND (see lifarray --help)"),
        (["sing"], "invalid choice: 'sing'"),
        (["demo", "--colour"], "unrecognized arguments: --colour"),
        (["demo", "--seed", "x"], "'x' is not a whole number (see lifarray demo --help)"),
        (["demo", "--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["simulate", "--samples", "0"], "'0' is not a whole number of at least 1"),
        (["simulate", "--random", "--network", "demo"], "not allowed with argument"),
        (["demo", "--wav"], "expected at least one argument"),
        (["info"], "required: NETWORK"),
    ],
)
def test_a_bad_command_line_is_told_in_one_line(arguments, part, lifarray):
    status, out, err = lifarray(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("lifarray: ") and err.count("\n") == 1
    assert part in err


def test_an_interrupted_command_ends_in_one_line(lifarray, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("lifarray.host.commands.info.load_network", interrupt)
    assert lifarray("info", "demo") == (130, "", "lifarray: interrupted\n")


@pytest.mark.parametrize(
    "error, told", [(KeyboardInterrupt, (130, "", "lifarray: interrupted\n")), (cli.UserError, (2, "", "lifarray: no such clock\n"))]
)
def test_a_command_that_ends_early_does_not_warn_of_what_it_left(error, told, lifarray, monkeypatch):
    """As Amaranth does of parts of a design that are not used in the end."""

    class Part:
        def __del__(self):
            warnings.warn("never used", stacklevel=1)

    def interrupt(*arguments):
        part = Part()  # noqa: F841
        raise error("no such clock")

    monkeypatch.setattr("lifarray.host.commands.info.load_network", interrupt)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert lifarray("info", "demo") == told


def test_a_bug_is_not_hidden(lifarray, monkeypatch):
    monkeypatch.setattr("lifarray.host.commands.info.load_network", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lifarray("info", "demo")


def test_a_tool_that_fails_is_told_without_a_traceback(lifarray, monkeypatch):
    def fail(name):
        raise cli.ToolError("the simulator ended; its log ends with\nlast words")

    monkeypatch.setattr("lifarray.host.commands.info.load_network", fail)
    assert lifarray("info", "demo") == (1, "", "lifarray: the simulator ended; its log ends with\nlast words\n")


def test_the_handler_of_sigterm_is_given_back(lifarray, network_file):
    before = signal.getsignal(signal.SIGTERM)
    lifarray("info", network_file)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_leaves_early_is_no_error(network_file):
    process = subprocess.Popen([*COMMAND_LINE, "info", network_file, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(), err) == (141, "")


def test_a_warning_takes_one_line(network_file):
    # -W default: pytest turns warnings into errors, and the command line's own way is to be seen.
    code = "import sys, warnings; from lifarray.host import cli; from lifarray.host.commands import info\n"
    code += "info.load_network = lambda name: (warnings.warn('odd data'), sys.exit(0))\n"
    code += "cli.main(['info', 'demo'])"
    result = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True)
    assert result.stderr == "lifarray: warning: odd data\n"


def test_errors_of_several_lines_are_joined(lifarray, monkeypatch):
    def refuse(name):
        raise cli.UserError("one\n  two")

    monkeypatch.setattr("lifarray.host.commands.info.load_network", refuse)
    assert lifarray("info", "demo") == (2, "", "lifarray: one two\n")


def test_version_is_the_package_s(lifarray, capsys):
    with pytest.raises(SystemExit):
        lifarray("--version")
    assert capsys.readouterr().out == f"lifarray {cli.metadata.version('lifarray')}\n"


def test_json_is_all_there_is_on_standard_output(network_file):
    result = subprocess.run([*COMMAND_LINE, "info", network_file, "--json"], capture_output=True, text=True)
    assert json.loads(result.stdout)["n_steps"] == 15
