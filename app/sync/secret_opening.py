"""Opening files of secrets: with the identities of their place, and only in their place."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.config import SecretSettings
from app.errors import HeadwaterError
from app.sync.secret_identities import Identities, Ring

FILE = "secrets.sops.yaml"


class SecretOpener:
    """Decrypts files of secrets, where they belong."""

    def __init__(self, settings: SecretSettings, tenants: Callable[[], int]) -> None:
        """Decrypt as `settings` say; `tenants` tells how many tenants there are."""
        self.identities = Identities(settings)
        self._scope = settings.scope
        self._environment = settings.environment
        self._tenants = tenants

    def decrypted(self, source: bytes, place: tuple[str, str], path: str) -> Mapping[str, Any]:
        """Return the secrets in a file of a place (tenant, namespace) (blocking).

        Raises:
            SecretError: when it cannot be decrypted, was changed, or belongs elsewhere.
            Unavailable: when an identity cannot be read.
        """
        ring = self.identities.of(*place)
        return decrypted(source, ring, place, path, is_strict=self._is_strict)

    def reads_environment(self, tenant: str) -> bool:
        """Whether a tenant's flows may read the secrets of the service's environment."""
        return tenant in self._environment if self._environment else self._tenants() < 2

    @property
    def _is_strict(self) -> bool | None:
        """Whether files must say where they belong; None: those that a common identity opens."""
        if self._scope == "auto":
            return None if self._tenants() > 1 else False
        return self._scope == "required"


def decrypted(
    source: bytes,
    ring: Ring,
    place: tuple[str, str],
    path: str,
    *,
    is_strict: bool | None,
) -> Mapping[str, Any]:
    """Return what a file of secrets holds in plain text, once it is known to be in its place.

    `is_strict`: whether the file must say where it belongs; None: when a common identity opens it.

    Raises:
        SecretError: as `read_document`; MisplacedSecrets: when it belongs elsewhere.
    """
    # The age library is loaded with the first secret only.
    from app.secrets.documents import read_document  # noqa: PLC0415 - see above
    from app.secrets.errors import MisplacedSecrets, WrongKey  # noqa: PLC0415 - see above

    if not ring:
        message = (
            f"{path}: there is no age identity for it: set secrets.identities or SOPS_AGE_KEY_FILE"
        )
        raise WrongKey(message)
    is_own = bool(ring.own)
    with _telling_of(path):
        try:
            document = read_document(source, ring.own or ring.common)
        except WrongKey:
            if not (ring.own and ring.common):
                raise
            is_own, document = False, read_document(source, ring.common)
    scope = document.scope
    wanted = "/".join(filter(None, place))
    if scope is None and (is_strict or (is_strict is None and not is_own)):
        message = f"{path} does not say where it belongs: `_scope: {wanted}` is missing in it"
        raise MisplacedSecrets(message)
    if scope is not None and scope.rstrip("/") != wanted:
        message = f"{path} was encrypted for another place than {wanted}: `_scope` says so"
        raise MisplacedSecrets(message)
    return document.values


@contextmanager
def _telling_of(path: str) -> Iterator[None]:
    """Let errors name the file."""
    try:
        yield
    except HeadwaterError as error:
        error.message = f"{path}: {error.message}"
        raise
