"""Tasks that run programs; `TYPES` is what the registry takes up."""

from app.plugins.scripts.node import TYPES as NODE
from app.plugins.scripts.python import TYPES as PYTHON
from app.plugins.scripts.shell import TYPES as SHELL

TYPES = (*SHELL, *PYTHON, *NODE)

__all__ = ["TYPES"]
