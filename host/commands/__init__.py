"""The commands of ``lifarray``, one module each; `lifarray.host.cli` says what a module has."""
