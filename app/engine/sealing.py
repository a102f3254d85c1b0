"""What executions keep: values that hold secrets are sealed, texts that tell of them are masked.

The one place where an event passes on its way to the journal (`Live.record`). A value with a secret
in it is encrypted under the server's key with what is to be shown of it, so that later tasks have
it, and nobody else has.
"""

from collections.abc import Iterable
from typing import Any

from app.engine.json import as_json
from app.engine.secrecy import Secrets, masked
from app.flows.encryption import MASK, Cipher, is_sealed

_LEAST = 4
"""A shorter secret is found anywhere: it is masked in logs, and seals nothing."""
_TEXTS = ("error", "reason")
_VALUES = ("outputs", "variables", "inputs", "trigger", "decision")


def protect(data: dict[str, Any], secrets: Secrets, cipher: Cipher | None) -> None:
    """Change the data of an event into what may be kept of it."""
    for name in _TEXTS:
        if isinstance(text := data.get(name), str):
            data[name] = masked(text, secrets)
    for name in _VALUES:
        if data.get(name):
            data[name] = protected(data[name], secrets, cipher)


def protected(value: Any, secrets: Secrets, cipher: Cipher | None) -> Any:
    """Return a structure with everything sealed in it that holds a secret.

    The top stays the map that it is. Without a key nothing can be sealed: it is masked for good.
    """
    seal = _Seal(secrets, cipher)
    if isinstance(value, dict):
        return {key: seal.value(item) for key, item in value.items()}
    return seal.value(value)


def hidden(value: Any, secrets: Iterable[str]) -> Any:
    """Return a structure with all secrets masked, keys too."""
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, dict):
        return {
            masked(key, secrets) if isinstance(key, str) else key: hidden(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [hidden(item, secrets) for item in value]
    return MASK if _is_number(value, secrets) else value


def _is_number(value: Any, secrets: Iterable[str]) -> bool:
    """Whether a number is a secret that became one on its way."""
    return type(value) in (int, float) and len(text := str(value)) >= _LEAST and text in secrets


def holds_secret(value: Any, secrets: Secrets) -> bool:
    """Whether a secret is anywhere in a structure."""
    return _Seal(secrets, None).holds(value)


class _Seal:
    """Seals the smallest parts of structures that hold secrets."""

    def __init__(self, secrets: Secrets, cipher: Cipher | None) -> None:
        self._secrets = secrets
        self._forms = tuple(each for each in secrets.ordered if len(each) >= _LEAST)
        self._cipher = cipher

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._sealed(value) if self._is_found(value) else value
        if isinstance(value, dict):
            return self._map(value)
        if isinstance(value, (list, tuple)):
            return self._sealed(value) if self.holds(value) else value
        return self._sealed(value) if _is_number(value, self._secrets) else value

    def _map(self, value: dict[Any, Any]) -> Any:
        if is_sealed(value):
            return value
        if any(isinstance(key, str) and self._is_found(key) for key in value):
            return self._sealed(value)
        changed = {key: self.value(item) for key, item in value.items()}
        return changed if any(changed[key] is not value[key] for key in value) else value

    def _sealed(self, value: Any) -> Any:
        shown = hidden(as_json(value), self._secrets)
        if self._cipher is None:
            return shown
        return self._cipher.traced(as_json(value), self._secrets.whole, shown)

    def _is_found(self, text: str) -> bool:
        return any(form in text for form in self._forms)

    def holds(self, value: Any) -> bool:
        """Whether a secret is anywhere in a structure; what is sealed already has none."""
        if isinstance(value, str):
            return self._is_found(value)
        if isinstance(value, dict):
            return not is_sealed(value) and any(
                self.holds(key) or self.holds(item) for key, item in value.items()
            )
        if isinstance(value, (list, tuple)):
            return any(map(self.holds, value))
        return _is_number(value, self._secrets)
