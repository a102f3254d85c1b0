"""A SOPS document: opened with an identity, changed, and closed again.

The file says what it holds in the clear: keys, and whatever its rules leave readable. None of this
is bound to the key, and empty values and nulls are covered by nothing, so that only encrypted
values count as secrets.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Literal

from app.secrets.cipher import Cipher
from app.secrets.errors import Malformed, NotEncrypted, SecretError, UnsupportedKeySource
from app.secrets.json_format import floats, read_json, write_json
from app.secrets.keys import DATA_KEY_BYTES, unwrap, wrap
from app.secrets.metadata import OWN, VERSION, Metadata, metadata_branch, moment, read_metadata
from app.secrets.rules import Rules
from app.secrets.sealing import Opening, Sealing, check_mac, secrets_of
from app.secrets.tree import Branch, plain
from app.secrets.walking import walk
from app.secrets.yaml_reading import read_yaml
from app.secrets.yaml_writing import write_yaml

MAX_BYTES: Final = 1024 * 1024
_REMEMBERED_BYTES: Final = 64 * 1024
"""Larger files are read each time."""
SCOPE: Final = "_scope"
"""The key whose value says for which tenant and namespace a file was encrypted."""

Format = Literal["yaml", "json"]


@dataclass(frozen=True, slots=True)
class SecretDocument:
    """What an encrypted file holds."""

    values: Mapping[str, Any] = field(repr=False)
    """The values that are encrypted and not empty, as maps, lists and scalars."""
    scope: str | None
    """For which `tenant` or `tenant/namespace` it was encrypted; None if it does not say."""
    recipients: tuple[str, ...]
    plain: frozenset[str] = field(default=frozenset())
    """Top-level keys that hold values which the rules leave readable."""


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A decrypted file that can be written again."""

    branches: tuple[Branch, ...] = field(repr=False)
    metadata: Metadata
    layout: Format
    key: bytes = field(repr=False)
    cipher: Cipher = field(repr=False, compare=False)
    encrypted: Branch = field(default=Branch(), repr=False)
    """Of all documents the values only that were encrypted and are not empty."""

    def with_branches(self, branches: Iterable[Branch]) -> "OpenDocument":
        """Return the file with other content."""
        return replace(self, branches=tuple(branches))

    def with_key(self, recipients: Iterable[str]) -> "OpenDocument":
        """Return the file with a new data key for the recipients.

        Raises:
            UnsupportedKeySource: the file has other recipients than age's, who would be shut out.
        """
        if self.metadata.others:
            raise UnsupportedKeySource(self.metadata.sources[0])
        key = os.urandom(DATA_KEY_BYTES)
        metadata = replace(self.metadata, stanzas=wrap(key, recipients))
        return replace(self, key=key, cipher=Cipher(key), metadata=metadata)

    def with_recipients(self, recipients: Sequence[str]) -> "OpenDocument":
        """Return the file for other recipients, with the same data key."""
        kept = {each.recipient: each for each in self.metadata.stanzas}
        missing = [each for each in recipients if each not in kept]
        made = {each.recipient: each for each in wrap(self.key, missing)} | kept
        stanzas = tuple(made[each] for each in dict.fromkeys(recipients))
        return replace(self, metadata=replace(self.metadata, stanzas=stanzas))


def read_document(
    source: bytes, identities: Sequence[str], *, layout: Format | None = None
) -> SecretDocument:
    """Return what an encrypted file holds.

    `identities` are age or SSH keys, or the contents of key files.

    Raises:
        NotEncrypted, Malformed, WrongKey, Tampered, UnsupportedKeySource: see there.
    """
    return summary(open_document(source, identities, layout=layout))


def summary(document: OpenDocument) -> SecretDocument:
    """Return what an open document holds for the engine."""
    values = {key: plain(value) for key, value in document.encrypted.items()}
    scope = values.pop(SCOPE, None)
    everything = {key for branch in document.branches for key, value in branch.items()}
    return SecretDocument(
        values,
        scope if isinstance(scope, str) else None,
        document.metadata.recipients,
        frozenset(everything - values.keys() - {SCOPE}),
    )


def open_document(
    source: bytes, identities: Sequence[str], *, layout: Format | None = None
) -> OpenDocument:
    """Return an encrypted file with its values decrypted and its authentication code checked.

    Raises:
        NotEncrypted, Malformed, WrongKey, Tampered, UnsupportedKeySource: see there.
    """
    read = _remembered if len(source) <= _REMEMBERED_BYTES else _parsed
    branches, metadata, found = read(source, layout)
    key = unwrap(metadata.stanzas, identities)
    opening, decrypted = _opened(branches, metadata, key)
    secrets = secrets_of(decrypted, opening.flags)
    return OpenDocument(decrypted, metadata, found, key, opening.cipher, secrets)


def _parsed(source: bytes, layout: Format | None) -> tuple[tuple[Branch, ...], Metadata, Format]:
    return parse(source, layout=layout)


# Reading the text takes longer than decrypting it, and a file is opened anew by every
# execution that asks for a secret. What is remembered is what stands in Git: cipher texts.
_remembered = lru_cache(maxsize=64)(_parsed)


def _opened(
    branches: Iterable[Branch], metadata: Metadata, key: bytes
) -> tuple[Opening, tuple[Branch, ...]]:
    """Decrypt the documents and check the authentication code."""
    opening = Opening(Cipher(key), metadata.rules)
    decrypted = tuple(walk(branch, opening.visit) for branch in branches)
    check_mac(opening.mac(), metadata, opening.cipher)
    return opening, decrypted


def new_document(
    recipients: Iterable[str], *, rules: Rules | None = None, layout: Format = "yaml"
) -> OpenDocument:
    """Return an empty file for recipients; raises as `keys.check_recipient`."""
    key = os.urandom(DATA_KEY_BYTES)
    metadata = Metadata(wrap(key, recipients), moment(0), "", rules or Rules(), VERSION)
    if not metadata.stanzas:
        raise Malformed("A file of secrets needs at least one age recipient")
    return OpenDocument((Branch(),), metadata, layout, key, Cipher(key))


def close_document(document: OpenDocument, now: int) -> bytes:
    """Return the encrypted file; `now` in µs since the epoch.

    Values that did not change keep their cipher text.

    Raises:
        Malformed: SOPS itself could not read the file again.
    """
    sealing = Sealing(document.cipher.again(), document.metadata.rules)
    branches = [walk(branch, sealing.visit) for branch in document.branches]
    modified = moment(now)
    mac = document.cipher.encrypt(sealing.mac(), modified)
    block = metadata_branch(document.metadata.at(now, mac))
    source = _written([branch.with_value(OWN, block) for branch in branches], document.layout)
    _check_written(source, document)
    return source


def _check_written(source: bytes, document: OpenDocument) -> None:
    """Open a file as soon as it is written: a file that nobody can open is a loss.

    Comments in lists become encrypted items, which a rule on comments does not see again.
    """
    try:
        branches, metadata, _ = parse(source, layout=document.layout)
        _opened(branches, metadata, document.key)
    except SecretError:
        raise Malformed(
            "With these comments SOPS could not read the file again; "
            "take the comments out of lists, or use another rule than one on comments"
        ) from None


def read_plain(source: bytes, *, layout: Format | None = None) -> tuple[Branch, ...]:
    """Return the documents of a file that is not encrypted.

    Raises:
        Malformed: it cannot be read, or has a key `sops`, which is SOPS's own.
    """
    branches, _ = _read(source, layout)
    if any(branch.get(OWN) is not None for branch in branches):
        raise Malformed(f"The key `{OWN}` at the top belongs to SOPS; give yours another name")
    return branches


def write_plain(document: OpenDocument) -> bytes:
    """Return what a file holds in the clear, for an editor."""
    return _written(document.branches, document.layout)


def _written(branches: Sequence[Branch], layout: Format) -> bytes:
    text = write_yaml(branches) if layout == "yaml" else write_json(branches[0])
    return text.encode()


def parse(
    source: bytes, *, layout: Format | None = None
) -> tuple[tuple[Branch, ...], Metadata, Format]:
    """Return the encrypted documents of a file, its `sops` block and its format.

    Raises:
        NotEncrypted: it has no such block.
        Malformed, UnsupportedKeySource: see there.
    """
    branches, found = _read(source, layout)
    if not branches or branches[0].get(OWN) is None:
        raise NotEncrypted
    metadata = read_metadata(branches[0].get(OWN))
    own = tuple(branch.without(OWN) for branch in branches)
    if found == "json" and not metadata.keeps_integers:
        own = tuple(_old_numbers(branch) for branch in own)
    return own, metadata, found


def _old_numbers(branch: Branch) -> Branch:
    made = floats(branch)
    assert isinstance(made, Branch)  # noqa: S101 - a map stays a map
    return made


def _read(source: bytes, layout: Format | None) -> tuple[tuple[Branch, ...], Format]:
    text = _text(source)
    if layout == "json" or (layout is None and text.lstrip().startswith("{")):
        try:
            return (read_json(text),), "json"
        except Malformed:
            if layout == "json":
                raise
    return tuple(read_yaml(text)), "yaml"


def _text(source: bytes) -> str:
    if len(source) > MAX_BYTES:
        raise Malformed(f"The file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The file is not UTF-8") from None
    if text.startswith("\ufeff") or "\0" in text:
        raise Malformed("The file holds a byte order mark or a NUL character")
    return text
