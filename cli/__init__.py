"""The command line: one module per group of commands, assembled in `cli.main`."""

__version__ = "0.2.0"
