"""OpenID Connect providers: what they tell of themselves, codes and tokens checked.

Every call goes through the service's own client, with its rules about addresses. Tokens are good
only when signed by one of the configured, asymmetric algorithms, with a key that the provider
publishes: what a token says of itself (`alg`, `jku`, `x5u`, `jwk`) opens nothing (security case
85).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from app.access.oidc import Identity, groups_of, identity_of
from app.api.id_tokens import Expected, KeySet, LoggedOut, id_token, logout_token
from app.api.login_calls import Attempt, Calls
from app.config.oidc import LoginProviderSettings
from app.errors import NotFound, Unauthorized, Unavailable
from app.ports import Clock, HttpCall, HttpClient

_KEPT_SECONDS = 3600
_AGAIN_SECONDS = 60
"""How often keys are asked for because of a token whose key is not known."""
_PATIENCE_SECONDS = 5
_LEEWAY = 120
"""How long after its end a token is remembered."""
_MICROSECONDS = 1_000_000
_CODE = re.compile(r"[\x21-\x7e]{1,4096}")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """One provider; keeps what it tells of itself, and its keys, for an hour."""

    def __init__(
        self, name: str, settings: LoginProviderSettings, http: HttpClient, clock: Clock
    ) -> None:
        """Ask the provider that the settings mean through `http`."""
        self.name = name
        self.settings = settings
        self._calls = Calls(settings.issuer, http)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._told: Mapping[str, Any] = {}
        self._keys = KeySet()
        self._read_at = -_KEPT_SECONDS
        self._failure = (-_KEPT_SECONDS, "")
        """When it did not answer last, and why: not everybody waits for that again."""
        self._used: dict[str, int] = {}
        """Logout tokens that counted already -> when they end."""

    async def address(self, attempt: Attempt) -> str:
        """Return where the browser goes to log in.

        Raises:
            Unavailable: when the provider does not answer.
        """
        await self._renew(_KEPT_SECONDS)
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - at login
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - at login

        return str(
            prepare_grant_uri(
                self._told["authorization_endpoint"],
                self.settings.client_id,
                "code",
                redirect_uri=attempt.redirect,
                scope=" ".join(self.settings.scopes),
                state=attempt.state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
            )
        )

    async def identity(self, attempt: Attempt, code: str, issuer: str | None) -> Identity:
        """Return who logged in, for the code that the provider gave the browser.

        Args:
            attempt: The login that the browser began.
            code: What it brings.
            issuer: Who it says has sent it (RFC 9207), against mix-ups.

        Raises:
            Unauthorized: when anything is not as it must be. Unavailable: when the provider does
                not answer.
        """
        await self._renew(_KEPT_SECONDS)
        self._check_sender(issuer)
        if _CODE.fullmatch(code) is None:
            raise Unauthorized("the provider sent no code that can be one")
        tokens = await self._redeem(attempt, code)
        token, access = tokens.get("id_token"), tokens.get("access_token")
        expected = Expected(self.settings, self._now(), attempt.nonce, access)
        claims = await self._verified(id_token, token, expected)
        claims = await self._completed(claims, access)
        named = claims.get(self.settings.groups_claim)
        keep = self.settings.keep_group_names
        groups = groups_of(named, self.settings.groups, keep=keep)
        return identity_of(self.name, claims, groups, str(claims.get("sid") or ""))

    async def logged_out(self, token: str) -> LoggedOut:
        """Return whose sessions a logout token of the provider ends.

        Raises:
            Unauthorized: when the token is not good. Unavailable: when the provider does not
                answer.
        """
        await self._renew(_KEPT_SECONDS)
        expected = Expected(self.settings, self._now())
        found: LoggedOut = await self._verified(logout_token, token, expected)
        self._used = {key: end for key, end in self._used.items() if end > self._now() - _LEEWAY}
        if found.token in self._used:
            raise Unauthorized("the logout token was used before")
        self._used[found.token] = found.until
        return found

    # -- within -------------------------------------------------------------------------------

    def _check_sender(self, issuer: str | None) -> None:
        required = self._told.get("authorization_response_iss_parameter_supported") is True
        if issuer != self.settings.issuer and (issuer is not None or required):
            raise Unauthorized("the answer comes from another provider than the one asked")

    async def _verified(self, read: Any, token: Any, expected: Expected) -> Any:
        """Read a token in a thread; ask for the keys again when its key is not known."""
        if not isinstance(token, str):
            raise Unauthorized(f"{self.settings.issuer} sent no token")
        try:
            return await asyncio.to_thread(read, token, self._keys, expected)
        except KeyError:
            await self._renew(_AGAIN_SECONDS)
        try:
            return await asyncio.to_thread(read, token, self._keys, expected)
        except KeyError:
            message = f"{self.settings.issuer} has no such key as the token was signed with"
            raise Unauthorized(message) from None

    async def _completed(self, claims: dict[str, Any], access: Any) -> dict[str, Any]:
        """Add what the provider tells only of itself when it is asked (OpenID Connect, 5.3)."""
        endpoint = self._told.get("userinfo_endpoint")
        wanted = {"email", self.settings.groups_claim}
        if wanted <= claims.keys() or not endpoint or not isinstance(access, str):
            return claims
        headers = [("Authorization", f"Bearer {access}"), ("Accept", "application/json")]
        more = await self._calls.ask(HttpCall("GET", endpoint, headers))
        if more.get("sub") != claims["sub"]:
            raise Unauthorized("the provider told about somebody else than the token is for")
        if "email" in claims:  # whether it is verified is told where the address is
            more.pop("email_verified", None)
        return {**more, **claims}

    async def _redeem(self, attempt: Attempt, code: str) -> Mapping[str, Any]:
        from authlib.oauth2.auth import ClientAuth  # noqa: PLC0415 - at login
        from authlib.oauth2.rfc6749.parameters import (  # noqa: PLC0415 - at login
            prepare_token_request,
        )

        body = prepare_token_request(
            "authorization_code",
            redirect_uri=attempt.redirect,
            code=code,
            code_verifier=attempt.verifier,
        )
        client, secret = self.settings.client_id, await asyncio.to_thread(self._secret)
        method = self.settings.client_auth if secret else "none"
        if method == "client_secret_basic":  # RFC 6749, 2.3.1: encoded before it is joined
            client, secret = quote_plus(client), quote_plus(secret)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        url = self._told["token_endpoint"]
        url, headers, body = ClientAuth(client, secret, method).prepare("POST", url, headers, body)
        call = HttpCall("POST", url, list(headers.items()), body.encode())
        return await self._calls.ask(call, refused="the provider does not accept the code")

    def _secret(self) -> str:
        if (file := self.settings.client_secret_file) is not None:
            try:
                return file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                message = f"the client secret of provider {self.name} cannot be read: {error}"
                raise Unavailable(message) from None
        secret = self.settings.client_secret
        return secret.get_secret_value() if secret else ""

    async def _renew(self, oldest: int) -> None:
        """Read what the provider tells of itself, if what is known is older than that."""
        async with self._lock:
            if self._now() - self._read_at < oldest:
                return
            failed_at, reason = self._failure
            if self._now() - failed_at < _PATIENCE_SECONDS:
                raise Unavailable(reason, retry_after=_PATIENCE_SECONDS)
            try:
                await self._read()
            except Unavailable as error:
                self._failure = self._now(), error.message
                raise

    async def _read(self) -> None:
        base = self.settings.issuer.removesuffix("/")
        url = f"{base}/.well-known/openid-configuration"
        told = await self._calls.ask(HttpCall("GET", url))
        if told.get("issuer") != self.settings.issuer:
            message = f"what answers at {self.settings.issuer} calls itself something else"
            raise Unavailable(message)
        for name in _ENDPOINTS:
            self._calls.safe(told.get(name))
        listed = await self._calls.ask(HttpCall("GET", told["jwks_uri"]))
        self._keys = await asyncio.to_thread(KeySet.of, listed)
        self._told = told
        self._read_at = self._now()

    def _now(self) -> int:
        return self._clock.now() // _MICROSECONDS


class Providers:
    """The providers of an instance, made when they are first asked for."""

    def __init__(
        self, settings: Mapping[str, LoginProviderSettings], http: HttpClient, clock: Clock
    ) -> None:
        """Offer the providers of the settings, by their id."""
        self._providers = {
            name: Provider(name, each, http, clock) for name, each in settings.items()
        }

    def listed(self) -> list[Provider]:
        """Return all of them."""
        return list(self._providers.values())

    def of(self, name: str) -> Provider:
        """Return one; raises `NotFound`."""
        provider = self._providers.get(name)
        if provider is None:
            raise NotFound(f"there is no login provider {name}")
        return provider
