"""Headwater: flows start at HEAD."""

__version__ = "0.1.0"
