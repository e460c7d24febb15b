"""``lifarray verilog``: the core as Verilog."""

import sys

from ...golden.config import CONFIGS
from ..lazy import load_hw
from ..options import add_config
from ..output import require_writable, write_text

EXAMPLES = """\
  lifarray verilog --out lifarray.v
  lifarray verilog --config small | less
"""


def add_arguments(parser):
    add_config(parser)
    parser.add_argument("--out", metavar="FILE", help="write to FILE (default: standard output)")


def run(args):
    if args.out is not None:
        require_writable(args.out)
    text = load_hw().verilog(CONFIGS[args.config])
    if args.out is None:
        sys.stdout.write(text)
        return
    write_text(args.out, text)
    print(f"wrote {args.out}: the core {args.config!r}", file=sys.stderr)
