"""Bitstreams: ``NAME.bit``, ``NAME.hwh`` and ``NAME.json`` lie here once they are built."""
