"""``lifarray verilog``: the core as Verilog, or the top level of a board."""

import sys
from pathlib import Path

from ...golden.boards import BOARDS, MEMORIES
from ...golden.config import CONFIGS
from ...golden.errors import UserError
from ..hwh import hwh
from ..lazy import load_build, load_hw
from ..options import DEFAULT_CONFIG, add_config
from ..output import require_writable, write_text

EXAMPLES = """\
  lifarray verilog --out lifarray.v
  lifarray verilog --config small | less
  lifarray verilog --board pynq-z2 --memory local --out lifarray-pynq-z2-local.v
"""

PYNQ = [name for name, board in BOARDS.items() if board.part.startswith("xc7")]


def add_arguments(parser):
    add_config(parser, default=None, default_name=f"{DEFAULT_CONFIG}, or the board's")
    what = "this board's top level, module lifarray, for the vendor's tools, and its .hwh beside FILE (default: the core alone)"
    parser.add_argument("--board", choices=PYNQ, help=what)
    parser.add_argument(
        "--memory", choices=MEMORIES, help="of that board: ddr, behind HP ports; local: block RAM, behind the registers (default: ddr)"
    )
    parser.add_argument("--out", metavar="FILE", help="write to FILE (default: standard output)")


def run(args):
    if args.out is not None:
        require_writable(args.out)
    if args.memory and not args.board:
        raise UserError("--memory is of a board: add --board")
    name = args.config or (BOARDS[args.board].config if args.board else DEFAULT_CONFIG)
    config = CONFIGS[name]
    if args.memory == "local":
        config = config.with_(local_pages=BOARDS[args.board].local_pages, ports=1)
    text = load_build().board_verilog(args.board, config) if args.board else load_hw().verilog(config)
    if args.out is None:
        sys.stdout.write(text)
        return
    write_text(args.out, text)
    wrote, what = args.out, "the core"
    if args.board:
        board, handoff = BOARDS[args.board], Path(args.out).with_suffix(".hwh")
        write_text(handoff, hwh(handoff.stem, board.clock_hz, config.local_pages))
        wrote, what = f"{args.out} and {handoff}", f"{board.title} with the core"
    print(f"wrote {wrote}: {what} {name!r}", file=sys.stderr)
