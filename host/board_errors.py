"""What can go wrong with a board, one exception each: the value, the limit, the remedy."""

from ..golden.errors import UserError


class BoardError(UserError):
    """Anything that goes wrong between the driver and the core."""


class NoBoardError(BoardError):
    """This machine has no board, or not the packages that reach it."""


class NotRootError(BoardError):
    """The user may not load bitstreams or map registers."""


class BitstreamError(BoardError):
    """The bitstream or its ``.hwh`` is missing, damaged, or of another design."""


class LinkError(BoardError):
    """The serial line to the core brings no answers."""


class MapMismatchError(BoardError):
    """The core is a lifarray core of another version or register map."""


class CoreHeldError(BoardError):
    """Another process holds the core."""


class OutOfMemoryError(BoardError):
    """The buffers do not fit into the memory that the core can reach."""


class AxiError(BoardError):
    """Memory answered the core with an error."""


class WindowError(BoardError):
    """The core was about to touch an address outside the windows that the driver opened."""


class DescriptorError(BoardError):
    """The core refused a layer descriptor."""


class AbortedError(BoardError):
    """A run was stopped before its end."""


class CoreTimeoutError(BoardError):
    """A run did not end in time."""


class SelfTestError(BoardError):
    """The core works, but not right."""
