"""Creation rules: for whom new files are encrypted, by the `.sops.yaml` of a repository."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.regexes import PatternError, linear
from app.secrets.errors import Malformed, UnsupportedKeySource
from app.secrets.keys import check_recipient
from app.secrets.rules import Rules, read_rules
from app.secrets.tree import plain
from app.secrets.yaml_reading import read_yaml

FILE: Final = ".sops.yaml"
_LARGEST: Final = 1 << 18
_OTHERS: Final = ("pgp", "kms", "gcp_kms", "hckms", "azure_keyvault", "hc_vault_transit_uri")


@dataclass(frozen=True, slots=True)
class CreationRule:
    """For whom a file is encrypted, and what of it."""

    recipients: tuple[str, ...]
    rules: Rules = field(default_factory=Rules)


def creation_rule(source: bytes, path: str) -> CreationRule | None:
    """Return the first rule for a path (relative to the folder of the `.sops.yaml`), if any.

    Raises:
        Malformed: the file cannot be read, or the rule is none.
        UnsupportedKeySource: the rule asks for recipients that are not age's.
        BadRecipient: for what is none.
    """
    for rule in _listed(source):
        if _is_for(rule.get("path_regex"), path):
            return _read(rule)
    return None


def _listed(source: bytes) -> list[Mapping[str, Any]]:
    if len(source) > _LARGEST:
        raise Malformed(f"{FILE} is larger than {_LARGEST // 1024} KiB")
    try:
        documents = read_yaml(source.decode())
    except UnicodeDecodeError:
        raise Malformed(f"{FILE} is not UTF-8") from None
    found = plain(documents[0]) if documents else {}
    rules = found.get("creation_rules") or []
    if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
        raise Malformed(f"`creation_rules` of {FILE} is not a list of maps")
    return rules


def _is_for(pattern: Any, path: str) -> bool:
    if pattern in (None, ""):
        return True
    if not isinstance(pattern, str):
        raise Malformed(f"A `path_regex` of {FILE} is not a text")
    try:
        return linear(pattern).search(path) is not None
    except PatternError as error:
        raise Malformed(f"A `path_regex` of {FILE} cannot be read: {error}") from None


def _read(rule: Mapping[str, Any]) -> CreationRule:
    group = rule
    groups = rule.get("key_groups")
    if groups:
        if not isinstance(groups, list) or len(groups) > 1 or not isinstance(groups[0], dict):
            raise UnsupportedKeySource("key groups (Shamir)")
        group = groups[0]
    for source in (*_OTHERS, "hc_vault", "merge"):
        if group.get(source):
            raise UnsupportedKeySource(source)
    recipients = tuple(check_recipient(each) for each in _texts(group.get("age")))
    return CreationRule(tuple(dict.fromkeys(recipients)), read_rules(rule))


def _texts(given: Any) -> list[str]:
    """Return recipients, which stand in a list or in a text with commas between them."""
    parts = given.split(",") if isinstance(given, str) else given or []
    if not isinstance(parts, list) or not all(isinstance(each, str) for each in parts):
        raise Malformed(f"`age` of {FILE} is neither a text nor a list of texts")
    return [each.strip() for part in parts for each in part.split(",") if each.strip()]
