"""Notebooks: ``pynq get-notebooks lifarray`` copies them to where a board's Jupyter looks."""
