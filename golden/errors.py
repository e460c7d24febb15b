"""The exceptions that the command line tells without a traceback."""


class UserError(ValueError):
    """A bad file, value or setting, told in one line: the value, the limit, the remedy.

    The command line prints it without a traceback and exits 2.
    """


class ToolError(RuntimeError):
    """A program that lifarray runs (simulator, compiler, solver) failed, told with the end of its log.

    The command line prints it without a traceback and exits 1.
    """


def need(module: str, extra: str, purpose: str) -> UserError:
    """The error for an optional package that is not installed."""
    return UserError(
        f"{purpose} needs the Python package {module!r}: pip install 'lifarray[{extra}]', in a clone '.[{extra}]'")
