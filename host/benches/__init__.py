"""Benches of ``lifarray bench``: each has EXAMPLES, add_arguments(parser) and run(args), as a command has."""
