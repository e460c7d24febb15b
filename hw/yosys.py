"""``python -m lifarray.hw.yosys [-q] [-l LOG] SCRIPT``: yosys as build systems call it, out of the package pyosys."""

import argparse


def main(argv=None):
    parser = argparse.ArgumentParser(prog="yosys")
    parser.add_argument("-q", action="store_true", help="only the log has what yosys says")
    parser.add_argument("-l", metavar="LOG", default="/dev/null")
    parser.add_argument("script")
    args = parser.parse_args(argv)
    from pyosys import libyosys as ys

    # At an error yosys says it on standard error and ends the process with status 1.
    ys.run_pass(f"tee {'-q ' if args.q else ''}-o {args.l} script {args.script}", ys.Design())


if __name__ == "__main__":
    main()
