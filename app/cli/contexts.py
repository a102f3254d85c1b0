"""Services that somebody works with: `~/.config/headwater/contexts.yaml`, which only they can read.

A context names a service, a tenant and a token. A token goes to the service of its own context and
nowhere else.
"""

import os
import re
import secrets
import stat
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from app.cli.outcome import NOT_FOUND, USAGE, CommandError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


@dataclass(frozen=True, slots=True)
class Context:
    """A service, as somebody works with it."""

    server: str
    tenant: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Contexts:
    """All of them by name, and the one in use."""

    current: str = ""
    contexts: dict[str, Context] = field(default_factory=dict)

    def get(self, name: str) -> Context:
        """Return a context.

        Raises:
            CommandError: when there is none of this name.
        """
        if name not in self.contexts:
            known = ", ".join(sorted(self.contexts)) or "none yet"
            message = f"there is no context {name!r}; there are: {known} (headwater context add)"
            raise CommandError(message, NOT_FOUND)
        return self.contexts[name]

    def having(self, name: str, context: Context | None) -> "Contexts":
        """Return them with another one of this name; None: without it."""
        rest = {key: each for key, each in self.contexts.items() if key != name}
        if context is not None:
            return Contexts(self.current or name, {**rest, name: context})
        return Contexts("" if self.current == name else self.current, rest)

    def using(self, name: str) -> "Contexts":
        """Return them with another one in use."""
        self.get(name)
        return replace(self, current=name)


def contexts_file() -> Path:
    """Return where they are kept (the XDG base directory specification)."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "headwater" / "contexts.yaml"


def read_contexts() -> Contexts:
    """Return what is kept.

    Raises:
        CommandError: when others can read the file, or it is not valid.
    """
    return _read(contexts_file())


def _read(file: Path) -> Contexts:
    try:
        text, mode = file.read_text("utf-8"), file.stat().st_mode
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {file}: {error}", USAGE) from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077 and "token" in text:
        raise CommandError(f"others can read the tokens in {file}: chmod 600 {file}", USAGE)
    return _parsed(text, file)


def _parsed(text: str, file: Path) -> Contexts:
    import yaml

    try:
        content: Any = yaml.safe_load(text) or {}
        found = {str(name): Context(**each) for name, each in content.get("contexts", {}).items()}
        return Contexts(str(content.get("current") or ""), found)
    except (yaml.YAMLError, AttributeError, TypeError):
        message = f"{file} is not valid: a map of `current` and `contexts` is expected"
        raise CommandError(message, USAGE) from None


def write_contexts(contexts: Contexts) -> None:
    """Keep them; nobody else can read the file at any moment."""
    import yaml

    file = contexts_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    listed = {
        name: {key: value for key, value in asdict(each).items() if value}
        for name, each in sorted(contexts.contexts.items())
    }
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        yaml.safe_dump({"current": contexts.current, "contexts": listed}, stream, sort_keys=False)
    fresh.replace(file)
    _kept.cache_clear()


_kept = cache(_read)


def chosen(name: str | None) -> Context | None:
    """Return the context of this name, or the one in use; None when there is none."""
    contexts = _kept(contexts_file())
    if name:
        return contexts.get(name)
    return contexts.contexts.get(contexts.current)


def same_service(one: str, other: str) -> bool:
    """Whether two addresses are of one service."""
    return one.strip().rstrip("/").lower() == other.strip().rstrip("/").lower()
