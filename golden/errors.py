"""The one exception for what a user can put right."""


class UserError(ValueError):
    """A bad file, value or setting, told in one line: the value, the limit, the remedy.

    The command line prints it without a traceback and exits 2.
    """


def need(module: str, extra: str, purpose: str) -> UserError:
    """The error for an optional package that is not installed."""
    return UserError(
        f"{purpose} needs the Python package {module!r}: pip install 'lifarray[{extra}]'")
