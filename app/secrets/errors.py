"""What may be wrong with an encrypted file. No message repeats a value of it."""

from app.errors import Invalid


class SecretError(Invalid):
    """The file of secrets cannot be used."""

    code = "SECRET"


class NotEncrypted(SecretError):
    """The file is not encrypted: it has no `sops` block; see `headwater secret edit`."""

    code = "SECRET_PLAINTEXT"


class Malformed(SecretError):
    """The file is not a SOPS document."""

    code = "SECRET_MALFORMED"


class WrongKey(SecretError):
    """None of the age identities at hand opens the file."""

    code = "SECRET_UNDECRYPTABLE"


class Tampered(SecretError):
    """The file was changed without its key: the message authentication code does not match."""

    code = "SECRET_TAMPERED"


class UnsupportedKeySource(SecretError):
    """The file is encrypted to something else than age recipients."""

    code = "SECRET_KEY_SOURCE"

    def __init__(self, source: str) -> None:
        """Make the error; `source` is the key source in SOPS's words (`pgp`, `kms`, …)."""
        super().__init__(
            f"The file is encrypted by {source}, which is not supported; "
            "add an age recipient to it with `sops`"
        )
        self.source = source


class MisplacedSecrets(SecretError):
    """The file was encrypted for another place."""

    code = "SECRET_SCOPE"
