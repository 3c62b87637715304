"""The one place that says which release this is. Imports nothing, so that the build can read it."""

__version__ = "0.1.0"
