"""``lifarray export``: a network as a NIR file, which snnTorch, Norse and others load."""

from ...golden.nir import export_nir, graph_bytes
from ...golden.nir.exporter import DEFAULT_DT
from ..networks import load_network
from ..options import add_dt, add_json
from ..output import print_json, require_writable, whole_file

EXAMPLES = """\
  lifarray export demo -o demo.nir
  lifarray export my-network.lif -o my-network.nir --dt 0.001

NIR stores no time step: tell the reader the same, as in norse.torch.from_nir(graph, dt=1e-4).
snnTorch 1.0.0 takes every file for 1e-4, and cannot read layers that never leak.
"""


def add_arguments(parser):
    parser.add_argument("network", metavar="NETWORK", help="a network file, or the name of one that ships")
    add_dt(parser, default=DEFAULT_DT, help="length of a time step (default: %(default)s)")
    parser.add_argument("-o", "--out", required=True, metavar="FILE.nir", help="the NIR file to write")
    add_json(parser)


def run(args):
    require_writable(args.out)
    graph = export_nir(load_network(args.network), args.dt)
    with whole_file(args.out) as part:
        part.write_bytes(graph_bytes(graph))
    nodes = {name: type(node).__name__ for name, node in graph.nodes.items()}
    if args.json:
        print_json({"dt": args.dt, "nodes": nodes})
    else:
        print(f"{args.out}: {' → '.join(nodes.values())}, for steps of {args.dt:g} s")
