"""Tasks that run programs; `TYPES` is what the registry takes up."""

from app.plugins.scripts.languages import TYPES as LANGUAGES
from app.plugins.scripts.node import TYPES as NODE
from app.plugins.scripts.python import TYPES as PYTHON
from app.plugins.scripts.script import Script
from app.plugins.scripts.shell import TYPES as SHELL

TYPES: tuple[type[Script], ...] = (*SHELL, *PYTHON, *NODE, *LANGUAGES)

__all__ = ["TYPES"]
