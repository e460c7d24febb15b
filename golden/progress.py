"""A progress bar where tqdm is installed, silence where it is not."""

import sys
from contextlib import contextmanager


def progress(iterable, description="", total=None, initial=0, quiet=False):
    """Iterate, showing how far it is on standard error (only if that is a terminal)."""
    if quiet:
        return iterable
    try:
        from tqdm import tqdm
    except ImportError:
        return iterable
    return tqdm(
        iterable,
        desc=description,
        total=total,
        initial=initial,
        file=sys.stderr,
        disable=None,       # None: off where standard error is not a terminal
        leave=False,
    )


@contextmanager
def elapsed(description, quiet=False):
    """Show for how long a block has been going on; yields a function to call now and then, with another description or none."""
    try:
        from tqdm import tqdm
    except ImportError:
        quiet = True
    if quiet:
        yield lambda text=None: None
        return
    with tqdm(desc=description, bar_format="{desc}: {elapsed}", file=sys.stderr, disable=None, leave=False) as bar:

        def tick(text=None):
            if text is not None:
                bar.set_description_str(text, refresh=False)
            bar.refresh()

        yield tick
