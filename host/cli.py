"""The command line: one entry point, one module per command in ``commands/``.

A command's module is imported only when that command is called, so that ``lifarray --help`` needs
nothing but the standard library. It has:

- ``EXAMPLES``: text for the end of its ``--help``
- ``add_arguments(parser)``
- ``run(args)``: the exit status, None for 0; raises UserError for what the user can put right
"""

import argparse
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from importlib import import_module, metadata

from ..golden.errors import ToolError, UserError

COMMANDS = {
    "demo": "speak the ten digits, run them on the simulated core, draw what comes out",
    "synthesize": "turn recordings of spoken digits into images",
    "train": "train a network by a recipe",
    "reproduce": "train what a table or figure of the paper takes, and draw it",
    "evaluate": "score a network on the test set that its recipe names",
    "simulate": "run a network on the simulated core and check every spike",
    "bench": "measure speed: the simulated core's, and that of training",
    "estimate": "tell cycles and size of a core for a network, without simulating it",
    "prove": "prove the core's parts right, for all inputs",
    "mutate": "plant bugs in the project and see that its tests notice",
    "status": "show what is verified, and how",
    "board": "use a core on a PYNQ board, or what stands in for one",
    "verilog": "write the core as Verilog",
    "bitstream": "build a bitstream for a board, with open tools",
    "report": "what a design takes of a board, and how fast it is",
    "info": "show what a network file holds",
    "import": "make a network of a NIR file, as snnTorch and Norse write them",
    "export": "write a network as a NIR file, which snnTorch and Norse load",
}

EXIT_TOOL_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 128 + 2      # as a shell reports SIGINT
EXIT_BROKEN_PIPE = 128 + 13     # as a shell reports SIGPIPE
EXIT_TERMINATED = 128 + 15      # as a shell reports SIGTERM

EPILOG = """\
commands:
{commands}

exit status:
  0 done, 1 a check or a tool failed, 2 bad input (told in one line),
  3 a tool that no Python package brings is missing, 130 interrupted

examples:
  lifarray demo
  lifarray COMMAND --help
""".format(commands="\n".join(f"  {name:<12}{summary}" for name, summary in COMMANDS.items()))


class _Parser(argparse.ArgumentParser):
    """Reports a bad command line like any other bad input: in one line."""

    def error(self, message):
        raise UserError(f"{message} (see {self.prog} --help)")


def main(argv=None) -> int:
    """Run the command line and return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    warnings.showwarning = _show_warning
    try:
        args = _parser(argv).parse_args(argv)
        with _terminable():
            status = args.run(args) or 0
        sys.stdout.flush()
        return status
    except UserError as error:
        warnings.showwarning = _show_nothing
        print(f"lifarray: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_USER_ERROR
    except ToolError as error:
        print(f"lifarray: {error}", file=sys.stderr)
        return EXIT_TOOL_FAILED
    except _Terminated:
        warnings.showwarning = _show_nothing
        print("lifarray: terminated", file=sys.stderr)
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        warnings.showwarning = _show_nothing
        print("lifarray: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has left. Python would flush into the closed pipe once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


class _Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def _terminable():
    """SIGTERM ends the block as Ctrl-C does: whatever it started is stopped, and its files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield       # only the main thread can have handlers
        return

    def terminate(number, frame):
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser(argv):
    formatter = argparse.RawDescriptionHelpFormatter    # keeps the line breaks of the examples
    parser = _Parser(
        prog="lifarray",
        usage="%(prog)s [-h] [--version] COMMAND ...",
        description=metadata.metadata("lifarray")["Summary"],
        epilog=EPILOG,
        formatter_class=formatter,
    )
    parser.add_argument("--version", action="version", version=f"lifarray {metadata.version('lifarray')}")
    # The epilog lists the commands, one a line, which argparse does not manage.
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", prog="lifarray", required=True, help=argparse.SUPPRESS)
    # Options before the command take no values, so the first word without a dash is the command.
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        subparser = subparsers.add_parser(name, description=description, formatter_class=formatter)
        if name == chosen:
            command = import_module(f".commands.{name}", __package__)
            command.add_arguments(subparser)
            subparser.epilog = f"examples:\n{command.EXAMPLES}"
            subparser.set_defaults(run=command.run)
    return parser


def _show_nothing(*arguments, **options):
    """What an interruption or bad input left half done warns of that as it goes: parts of a design that nobody used, for one."""


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"lifarray: warning: {message}", file=sys.stderr)
