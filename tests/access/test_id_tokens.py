"""ID tokens and logout tokens: which are good, and that nothing in a token opens a way in."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from app.api.login_attempts import begun
from app.api.login_calls import Attempt
from app.api.login_providers import Providers
from app.config.oidc import LoginProviderSettings
from app.errors import NotFound, Unauthorized, Unavailable
from tests.access.fake_provider import CLIENT, EC, ISSUER, NOW, RSA, World, public

OTHER = RSAKey.generate_key(2048)
LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
def world() -> World:
    return World()


async def test_a_good_token(world: World) -> None:
    found = await world.log_in(world.token(sid="s1", given_name="Ann", family_name="\x00Lee\n"))
    assert (found.issuer, found.subject, found.session) == (ISSUER, "42", "s1")
    assert (found.email, found.first_name, found.last_name) == ("ann@example.org", "Ann", "Lee")
    assert found.groups == (), "no group counts that the settings do not name"
    call = world.http.calls[-1]
    sent = dict(parse_qsl((call.body or b"").decode()))  # type: ignore[union-attr]
    assert sent["code_verifier"] == world.attempt.verifier
    assert sent["redirect_uri"] == world.attempt.redirect
    assert not call.follow_redirects
    assert len(world.http.calls) == 3
    await world.log_in(world.token())
    assert len(world.http.calls) == 4, "what the provider tells of itself is kept"


async def test_where_a_login_begins(world: World) -> None:
    address = await world.provider.address(world.attempt)
    asked = dict(parse_qsl(address.partition("?")[2]))
    digest = hashlib.sha256(world.attempt.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked == {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": world.attempt.redirect,
        "scope": "openid email profile", "state": world.attempt.state,
        "nonce": world.attempt.nonce, "code_challenge": challenge,
        "code_challenge_method": "S256",
    }  # fmt: skip
    another = begun("company", "https://hw.example/callback", "/", 0)
    assert not {another.state, another.nonce, another.verifier} & set(world.attempt[1:4])


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another", CLIENT]},
        {"aud": ["another", CLIENT], "azp": "another"},
        {"azp": "another"},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "never"},
        {"iat": None},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": ""},
        {"at_hash": "another"},
    ],
    ids=repr,
)
async def test_claims_that_are_refused(world: World, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        await world.log_in(world.token(**claims))


async def test_several_audiences_need_the_authorized_party(world: World) -> None:
    found = await world.log_in(world.token(aud=["another", CLIENT], azp=CLIENT))
    assert found.subject == "42"


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(world: World, alg: str) -> str:
    return f"{segment({'alg': alg, 'kid': 'r'})}.{segment(world.claims())}."


def signed_with_the_public_key(world: World, key: bytes) -> str:
    """An HMAC under bytes that everybody knows: the oldest confusion of algorithms."""
    signed = f"{segment({'alg': 'HS256', 'kid': 'r'})}.{segment(world.claims())}"
    return f"{signed}.{segment(hmac.digest(key, signed.encode(), 'sha256'))}"


def signed_by_hand(world: World, header: dict[str, Any]) -> str:
    signed = f"{segment(header)}.{segment(world.claims())}"
    made = RSA.private_key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{segment(made)}"


FORGERIES: dict[str, Any] = {
    "none": lambda world: unsigned(world, "none"),
    "None": lambda world: unsigned(world, "None"),
    "no algorithm": lambda world: f"{segment({})}.{segment(world.claims())}.",
    "HS256 by the PEM": lambda world: signed_with_the_public_key(world, RSA.as_pem(private=False)),
    "HS256 by the DER": lambda world: signed_with_the_public_key(world, RSA.as_der(private=False)),
    "HS256 by nothing": lambda world: signed_with_the_public_key(world, b""),
    "HS256 by the secret": lambda world: jwt.encode(
        {"alg": "HS256", "kid": "r"}, world.claims(), OctKey.import_key(b"s3cret" * 8), ["HS256"]
    ),
    "another key": lambda world: world.token(key=OTHER),
    "an algorithm that is not configured": lambda world: world.token("RS512"),
    "of another kind of key": lambda world: world.token("ES256", "e", EC),
    "kid as a path": lambda world: world.token(kid="../../../dev/null", key=OTHER),
    "kid as SQL": lambda world: world.token(kid="r' OR '1'='1", key=OTHER),
    "jku": lambda world: world.token(kid="x", key=OTHER, head={"jku": "https://evil.example/k"}),
    "x5u": lambda world: world.token(kid="x", key=OTHER, head={"x5u": "https://evil.example/k"}),
    "jwk": lambda world: world.token(
        kid="x", key=OTHER, head={"jwk": OTHER.as_dict(private=False)}
    ),
    "crit": lambda world: signed_by_hand(world, {"alg": "RS256", "kid": "r", "crit": ["x"]}),
    "encrypted": lambda world: "a.b.c.d.e",
    "no token": lambda world: None,
    "a number": lambda world: 7,
    "empty": lambda world: "",
    "long": lambda world: "a" * 100_000,
    "not ASCII": lambda world: "ä.ö.ü",
    "no object": lambda world: f"{segment([1])}.{segment([2])}.{segment(b'x')}",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_forgeries(world: World, forge: Any) -> None:
    with pytest.raises(Unauthorized):
        await world.log_in(forge(world))
    assert all(call.url.startswith(ISSUER) for call in world.http.calls)


async def test_what_is_signed_by_hand_is_good_otherwise(world: World) -> None:
    assert await world.log_in(signed_by_hand(world, {"alg": "RS256", "kid": "r"}))


async def test_a_changed_byte(world: World) -> None:
    token = world.token()
    for at in range(0, len(token), 37):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(Unauthorized):
            await world.log_in(changed)


async def test_other_algorithms_where_they_are_configured() -> None:
    world = World(algorithms=("ES256", "PS256"))
    assert (await world.log_in(world.token("ES256", "e", EC))).subject == "42"
    assert (await world.log_in(world.token("PS256"))).subject == "42"
    with pytest.raises(Unauthorized):
        await world.log_in(world.token())


async def test_keys_are_asked_for_again_but_not_for_ever(world: World) -> None:
    await world.log_in(world.token())
    world.keys = [public(OTHER, "new")]
    world.publish()
    with pytest.raises(Unauthorized, match="no such key"):
        await world.log_in(world.token(kid="new", key=OTHER))
    world.clock.seconds += 61
    late = {"iat": world.clock.seconds, "exp": world.clock.seconds + 60}
    assert (await world.log_in(world.token(kid="new", key=OTHER, **late))).subject == "42"
    calls = len(world.http.calls)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await world.log_in(world.token(kid="unknown", key=OTHER))
    assert len(world.http.calls) == calls + 5, "only the codes were redeemed"


async def test_keys_without_a_name_and_keys_that_are_none(world: World) -> None:
    odd = [7, {"kty": "RSA"}, {"kty": "oct", "k": "c2VjcmV0"}, public(OTHER, "n", use="enc")]
    nameless = {key: value for key, value in public(RSA, "").items() if key != "kid"}
    world.keys = [*odd, nameless]  # type: ignore[list-item]
    world.publish()
    assert (await world.log_in(world.token(kid=None))).subject == "42"
    with pytest.raises(Unauthorized):
        await world.log_in(world.token(kid="n", key=OTHER))


async def test_claims_that_the_settings_want() -> None:
    world = World(claims={"hd": "example.org"})
    assert (await world.log_in(world.token(hd="example.org"))).subject == "42"
    with pytest.raises(Unauthorized, match="hd"):
        await world.log_in(world.token(hd="evil.example"))
    with pytest.raises(Unauthorized, match="hd"):
        await world.log_in(world.token())


async def test_groups() -> None:
    world = World(groups={"ops": "operations", "two": "operations"})
    found = await world.log_in(world.token(groups=["ops", "two", "others", 7, None, ""]))
    assert found.groups == ("operations",)
    world = World(keep_group_names=True, groups_claim="roles")
    assert (await world.log_in(world.token(roles="single"))).groups == ("single",)
    assert (await world.log_in(world.token(roles={"a": 1}))).groups == ()


async def test_what_only_userinfo_tells(world: World) -> None:
    world.told["userinfo_endpoint"] = f"{ISSUER}/me"
    world.publish()
    world.http.pages[f"{ISSUER}/me"] = (200, {"sub": "42", "email": "b@example.org", "iss": "x"})
    token = world.token(email=None, email_verified=None, groups=None)
    found = await world.log_in(token)
    assert (found.email, found.issuer) == ("", ISSUER), (
        "it is not verified; claims of the token win"
    )
    world.http.pages[f"{ISSUER}/me"] = (200, {"sub": "another", "email_verified": True})
    with pytest.raises(Unauthorized, match="somebody else"):
        await world.log_in(token)


async def test_who_sends_the_answer(world: World) -> None:
    assert await world.log_in(world.token(), ISSUER)
    with pytest.raises(Unauthorized, match="another provider"):
        await world.log_in(world.token(), "https://evil.example")
    world = World()
    world.told["authorization_response_iss_parameter_supported"] = True  # type: ignore[assignment]
    with pytest.raises(Unauthorized, match="another provider"):
        await world.log_in(world.token())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "https://id.example/"),
        ("issuer", "https://evil.example"),
        ("token_endpoint", "http://id.example/token"),
        ("token_endpoint", None),
        ("jwks_uri", "file:///etc/passwd"),
        ("jwks_uri", "https://user:word@id.example/jwks"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "https://[oops"),
    ],
)
async def test_what_a_provider_tells_of_itself(world: World, name: str, value: Any) -> None:
    world.told[name] = value
    world.publish()
    with pytest.raises(Unavailable):
        await world.provider.address(world.attempt)


async def test_a_provider_that_does_not_answer(world: World) -> None:
    world.http.down = True
    with pytest.raises(Unavailable, match="does not answer"):
        await world.provider.address(world.attempt)
    world.http.down = False
    with pytest.raises(Unavailable, match="does not answer"):
        await world.provider.address(world.attempt)
    assert len(world.http.calls) == 1, "not everybody waits for that again"
    world.clock.seconds += 5
    world.http.pages[f"{ISSUER}/token"] = (400, {"error": "invalid_grant"})
    with pytest.raises(Unauthorized, match="does not accept the code"):
        await world.provider.identity(world.attempt, "a-code", None)
    world.http.pages[f"{ISSUER}/token"] = (302, {})
    with pytest.raises(Unavailable):
        await world.provider.identity(world.attempt, "a-code", None)
    with pytest.raises(Unauthorized):
        await world.provider.identity(world.attempt, "a code\r\n", None)


async def test_the_client_proves_who_it_is(tmp_path: Any) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    world = World(client_secret=None, client_secret_file=file, client_id="a:b")
    await world.log_in(world.token(aud="a:b"))
    basic = dict(world.http.calls[-1].headers)["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(basic) == b"a%3Ab:from+a+file"
    world = World(client_auth="client_secret_post")
    await world.log_in(world.token())
    assert b"client_secret=s3cret" in world.http.calls[-1].body  # type: ignore[operator]
    world = World(client_secret=None)
    await world.log_in(world.token())
    assert b"client_id=headwater" in world.http.calls[-1].body  # type: ignore[operator]
    file.unlink()
    world = World(client_secret=None, client_secret_file=file)
    with pytest.raises(Unavailable, match="client secret"):
        await world.log_in(world.token())


def logout(world: World, **more: Any) -> str:
    claims = {"nonce": None, "events": LOGOUT, "jti": "j1", "sid": "s1"} | more
    return world.token(**claims)


async def test_logout_tokens(world: World) -> None:
    ended = await world.provider.logged_out(logout(world))
    assert (ended.issuer, ended.subject, ended.session) == (ISSUER, "42", "s1")
    with pytest.raises(Unauthorized, match="used before"):
        await world.provider.logged_out(logout(world))


@pytest.mark.parametrize(
    "claims",
    [
        {"events": None},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"events": "http://schemas.openid.net/event/backchannel-logout"},
        {"nonce": "n"},
        {"sub": None, "sid": None},
        {"sid": 7},
        {"jti": None},
        {"iat": None},
        {"exp": None},
        {"exp": NOW - 61},
        {"iss": "https://evil.example"},
        {"aud": "another"},
    ],
    ids=repr,
)
async def test_logout_tokens_that_are_refused(world: World, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        await world.provider.logged_out(logout(world, **claims))


async def test_an_id_token_logs_nobody_out(world: World) -> None:
    with pytest.raises(Unauthorized):
        await world.provider.logged_out(world.token())
    with pytest.raises(Unauthorized):
        await world.log_in(logout(world))


def test_providers_by_name(world: World) -> None:
    found = Providers({"company": world.settings}, world.http, world.clock)
    assert [each.name for each in found.listed()] == ["company"]
    with pytest.raises(NotFound):
        found.of("another")


def test_an_attempt_keeps_its_own_provider() -> None:
    assert isinstance(begun("p", "r", "/", 0), Attempt)


@pytest.mark.parametrize("issuer", ["ftp://x", "https://", "https://x/?q", "https://x/#f", "x"])
def test_issuers_that_are_none(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        LoginProviderSettings(issuer=issuer, client_id="c")


def test_settings_that_contradict_themselves(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="openid"):
        LoginProviderSettings(issuer=ISSUER, client_id="c", scopes=("email",))
    with pytest.raises(ValueError, match="keep one"):
        LoginProviderSettings(
            issuer=ISSUER, client_id="c", client_secret="s", client_secret_file=tmp_path / "f"
        )
    for symmetric in ("HS256", "none"):
        with pytest.raises(ValueError, match="algorithms"):
            LoginProviderSettings(issuer=ISSUER, client_id="c", algorithms=(symmetric,))
