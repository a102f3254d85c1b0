"""The `sops` block: for whom, when, by which rule, and the authentication code."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from app.secrets.errors import Malformed, NotEncrypted, UnsupportedKeySource
from app.secrets.keys import MAX_STANZAS, Stanza
from app.secrets.rules import Rules, read_rules
from app.secrets.scalars import timestamp
from app.secrets.tree import Branch, Entry, Value, plain

OWN: Final = "sops"
"""The key at the top that the block has."""
VERSION: Final = "3.11.0"
"""The version of SOPS whose format is written."""

_OTHERS: Final = {
    "pgp": "pgp",
    "kms": "kms (AWS)",
    "gcp_kms": "gcp_kms (Google Cloud)",
    "azure_kv": "azure_kv (Azure Key Vault)",
    "hc_vault": "hc_vault (HashiCorp Vault)",
    "hckms": "hckms (Huawei Cloud)",
}
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the block says."""

    stanzas: tuple[Stanza, ...]
    modified: str
    """RFC 3339; the additional data of the authentication code."""
    mac: str
    rules: Rules
    version: str = VERSION
    others: tuple[Entry, ...] = ()
    """Key sources that are kept as they are, but not used."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """For whom the file is encrypted, of those that age knows."""
        return tuple(stanza.recipient for stanza in self.stanzas)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the other key sources."""
        return tuple(str(entry.key) for entry in self.others)

    @property
    def keeps_integers(self) -> bool:
        """Whether whole numbers of JSON were whole numbers to the SOPS that wrote it."""
        match = _VERSION.match(self.version)
        return match is not None and tuple(map(int, match.groups())) >= (3, 13, 2)

    def at(self, micros: int, mac: str) -> "Metadata":
        """Return the block of a document that was changed; time in µs since the epoch."""
        return replace(self, modified=moment(micros), mac=mac)


def moment(micros: int) -> str:
    """Return a time in µs since the epoch as the block has it."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_metadata(block: Value) -> Metadata:
    """Return what a `sops` block says.

    Raises:
        NotEncrypted: there is none.
        UnsupportedKeySource: age is not among the key sources, or the key is split.
        Malformed: it is not what SOPS writes.
    """
    if block is None:
        raise NotEncrypted
    if not isinstance(block, Branch):
        raise Malformed("`sops` is not a map")
    values: Mapping[str, Any] = plain(block)
    if values.get("key_groups") or values.get("shamir_threshold"):
        raise UnsupportedKeySource("key groups (Shamir)")
    others = [entry for entry in block.entries if entry.key in _OTHERS and entry.value]
    stanzas = tuple(_stanzas(values.get("age")))
    if not stanzas and others:
        raise UnsupportedKeySource(_OTHERS[str(others[0].key)])
    return Metadata(
        stanzas,
        _modified(values),
        _text(values, "mac"),
        read_rules(values),
        _text(values, "version") or VERSION,
        tuple(others),
    )


def _modified(values: Mapping[str, Any]) -> str:
    return timestamp(_text(values, "lastmodified")).text


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise Malformed(f"`sops.{name}` is not a text")
    return value


def _stanzas(listed: Any) -> Iterable[Stanza]:
    if listed is None:
        return
    if not isinstance(listed, list) or len(listed) > MAX_STANZAS:
        raise Malformed(f"`sops.age` is not a list of at most {MAX_STANZAS} recipients")
    for item in listed:
        if not isinstance(item, dict):
            raise Malformed("An item of `sops.age` is not a map")
        yield Stanza(_text(item, "recipient"), _text(item, "enc"))


def metadata_branch(metadata: Metadata) -> Branch:
    """Return the block as SOPS writes it."""
    age = tuple(
        Branch((Entry("recipient", stanza.recipient), Entry("enc", stanza.wrapped)))
        for stanza in metadata.stanzas
    )
    rules = metadata.rules
    entries: list[Entry] = [*metadata.others, Entry("age", age)]
    entries.append(Entry("lastmodified", metadata.modified))
    entries.append(Entry("mac", metadata.mac))
    entries.append(Entry(rules.kind, rules.pattern))
    if rules.mac_only_encrypted:
        entries.append(Entry("mac_only_encrypted", value=True))
    entries.append(Entry("version", metadata.version))
    return Branch(tuple(entries))
