"""What of the settings is unsafe: looked at as they are, nothing is opened."""

import ipaddress
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from app.cli.doctor_findings import Finding
from app.config import Settings, SourceSettings
from app.config.sections import LOOPBACK

_SHORT_SECRET = 16
_INSECURE_MODES = ("sslmode=disable", "ssl=disable", "sslmode=allow", "sslmode=prefer")


def is_public(settings: Settings) -> bool:
    """Whether others than programs of this machine reach the port."""
    return settings.server.host not in LOOPBACK


def login(settings: Settings) -> Iterator[Finding]:
    """Look at who may call."""
    if settings.asks_for_login:
        yield Finding("ok", "access.login", "callers have to log in")
    elif is_public(settings):
        host = settings.server.host
        message = f"whoever reaches {host} may do everything: no login is asked for"
        yield Finding("unsafe", "access.login", message, "set access.login to required")
    else:
        message = "no login is asked for; every program of this machine may do everything"
        yield Finding("note", "access.login", message, "set access.login to required")
    if settings.access.open_metrics and is_public(settings):
        message = "metrics are answered to everybody; they name tenants and flows"
        yield Finding("note", "access.open_metrics", message, "switch it off, and give a token")
    if settings.access.plain_cookies and is_public(settings):
        message = "sessions are sent without TLS: whoever hears the network takes them over"
        yield Finding("unsafe", "access.plain_cookies", message, "switch it off")


def transport(settings: Settings) -> Iterator[Finding]:
    """Look at the way from the browser to the service."""
    server = settings.server
    for text in server.trusted_proxies:
        if not ipaddress.ip_network(text).prefixlen:
            message = f"{text} trusts everybody: any caller may say where he comes from"
            fix = "name the addresses of your proxies"
            yield Finding("unsafe", "server.trusted_proxies", message, fix)
    if not is_public(settings):
        return
    if urlsplit(server.url or "").scheme != "https":
        message = f"the service listens on {server.host}, and nothing says that TLS is before it"
        fix = "put a proxy with TLS before it; set server.url to its https address"
        yield Finding("warning", "server.url", message, fix)
    elif not server.trusted_proxies:
        message = "behind a proxy that is not trusted, all callers have the proxy's address"
        fix = "set server.trusted_proxies, so that limits count each caller"
        yield Finding("warning", "server.trusted_proxies", message, fix)


def programs(settings: Settings) -> Iterator[Finding]:
    """Look at what scripts may do."""
    runners = settings.runners
    if not runners.process:
        yield Finding("ok", "runners.process", "no programs run beside the service")
        return
    if runners.process_for_tenants:
        message = "programs of all tenants run beside each other, as one user"
        fix = "switch it off unless the tenants trust each other"
        yield Finding("warning", "runners.process_for_tenants", message, fix)
    if runners.user is None:
        message = "scripts run as the service's own user: who may push flows can read its data"
        fix = "set runners.user, or runners.default to none, or run no scripts: runners.process"
        yield Finding("warning", "runners.user", message, fix)
    if runners.docker_as_process:
        message = "tasks that ask for a container run without one"
        yield Finding("note", "runners.docker_as_process", message, "switch it off")


def calls(settings: Settings) -> Iterator[Finding]:
    """Look at where flows may connect to."""
    name = settings.egress.policy or ("open" if settings.http.allow_loopback else "private")
    if name == "open" and settings.server.mode != "dev":
        message = "flows may call services of this machine itself"
        fix = "set egress.policy to private or allow-list"
        yield Finding("warning", "egress.policy", message, fix)
    elif name == "allow-list" and not settings.egress.allow:
        message = "the allow-list is empty: no flow can call anything"
        yield Finding("warning", "egress.allow", message, "name what may be called")
    else:
        yield Finding("ok", "egress.policy", f"the policy is {name}")


def database(settings: Settings) -> Iterator[Finding]:
    """Look at the way to the database."""
    url = settings.database.url
    if url is None or not url.get_secret_value().startswith("postgres"):
        return
    parts = urlsplit(url.get_secret_value())
    if not parts.password and parts.hostname:
        message = f"the database at {parts.hostname} is reached without a password"
        yield Finding("warning", "database.url", message, "set one, or use certificates")
    secure = "ssl" in parts.query and not any(each in parts.query for each in _INSECURE_MODES)
    if not secure and parts.hostname not in LOOPBACK:
        message = f"the connection to {parts.hostname} is not bound to TLS"
        fix = "add ?sslmode=verify-full, unless the network between is yours alone"
        yield Finding("note", "database.url", message, fix)


def repositories(settings: Settings) -> Iterator[Finding]:
    """Look at who decides what runs."""
    for name, source in {"git": settings.git, **_named(settings)}.items():
        yield from _repository(name, source, is_dev=settings.server.mode == "dev")


def _named(settings: Settings) -> dict[str, SourceSettings]:
    return {f"sources.{name}": each for name, each in settings.sources.items()}


def _repository(name: str, source: SourceSettings, *, is_dev: bool) -> Iterator[Finding]:
    for secret in source.accepted_secrets:
        if len(secret) < _SHORT_SECRET:
            message = "the secret of the webhook is short enough to be guessed"
            yield Finding("unsafe", f"{name}.hook_secret", message, "openssl rand -hex 32")
    if source.repo is None or is_dev:
        return
    if source.allow_file_protocol:
        message = "paths of this machine may be repositories"
        yield Finding("note", f"{name}.allow_file_protocol", message, "switch it off")
    if source.rewrites == "follow":
        message = "rewritten history is followed: a force push runs what nobody reviewed"
        fix = f"set {name}.production, or {name}.on_force_push to hold"
        yield Finding("warning", f"{name}.on_force_push", message, fix)
    if source.signatures == "off" and source.forge is None:
        message = "who can push decides what runs: no signature and no pull request is asked for"
        fix = f"set {name}.signatures, or {name}.forge with a protected branch"
        yield Finding("warning", f"{name}.signatures", message, fix)
    if "@" in source.repo and "://" not in source.repo and source.known_hosts_file is None:
        message = "an ssh host is only asked when its key is known"
        yield Finding("broken", f"{name}.known_hosts_file", message, "ssh-keyscan HOST > FILE")


def identities(settings: Settings) -> Iterator[Finding]:
    """Look at what secrets of repositories are decrypted with."""
    own = settings.secrets
    if own.age_key is None and not own.identities:
        message = "there is no age identity: secrets.sops.yaml cannot be decrypted"
        fix = "set secrets.identities, or SOPS_AGE_KEY_FILE"
        yield Finding("note", "secrets.identities", message, fix)
    if own.age_key is not None and own.scope == "optional" and settings.git.tenants:
        message = (
            "one identity decrypts all tenants' secrets, and files need not say whose they are"
        )
        yield Finding("warning", "secrets.scope", message, "set secrets.scope to required")


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    login,
    transport,
    programs,
    calls,
    database,
    repositories,
    identities,
)
