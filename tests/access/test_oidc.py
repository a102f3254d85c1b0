"""Logins by OpenID Connect against a real provider: what a browser does, and what it must not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.access.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Browser,
    free_port,
    modules,
    provider,
    query_of,
    until,
)
from tests.serving import service

PASSWORD = "correct horse battery"


class World:
    """A service that asks for a login, its first user, and the provider."""

    def __init__(self, service: str, issuer: str, data: Path) -> None:
        self.service, self.issuer, self.data = service, issuer, data
        token = (data / "setup-token").read_text().strip()
        first = {"token": token, "username": "root", "password": PASSWORD}
        answer = httpx2.post(f"{service}/api/v1/setup", json=first)
        assert answer.status_code == 200, answer.text
        self.root = httpx2.Client(base_url=f"{service}/api/v1/", auth=("root", PASSWORD))

    def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.root.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    modules()
    data = tmp_path_factory.mktemp("oidc") / "data"
    port = free_port()
    settings = {
        "ISSUER": f"http://127.0.0.1:{port}",
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "SCOPES": '["openid", "email", "profile", "groups"]',
        "GROUPS": '{"ops": "operations"}',
        "TITLE": "The company",
    }
    told = {f"HEADWATER_OIDC__COMPANY__{name}": value for name, value in settings.items()}
    told |= {f"HEADWATER_OIDC__LINKING__{name}": value for name, value in settings.items()}
    told |= {"HEADWATER_OIDC__LINKING__LINK_BY_EMAIL": "true"}
    running = service(data, HEADWATER_ACCESS__LOGIN="required", **told)
    with running as (address, _), provider(port, address) as issuer:
        made = World(address, issuer, data)
        yield made
        made.root.close()


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    made = Browser(world.service)
    yield made
    made.close()


def test_a_whole_login(world: World, browser: Browser) -> None:
    listed = httpx2.get(f"{world.service}/api/v1/login/providers").json()
    assert listed[0] == {
        "id": "company", "title": "The company", "url": "/api/v1/login/oidc/company"
    }  # fmt: skip
    begun = browser.begin()
    assert begun.status_code == 303, begun.text
    asked = query_of(begun.headers["location"])
    assert begun.headers["location"].startswith(f"{world.issuer}/auth?")
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == f"{world.service}/api/v1/login/oidc/company/callback"
    assert "httponly" in begun.headers["set-cookie"].lower()
    back = browser.log_in("ann", "/flows?x=1#y")
    assert back.status_code == 303, back.text
    assert back.headers["location"] == "/flows?x=1#y"
    assert "headwater_login" not in browser.cookies(), "an attempt ends once"
    me = browser.api("me")
    assert me["profile"]["username"] == "ann@example.org"
    assert (me["profile"]["firstName"], me["profile"]["lastName"]) == ("Ann", "Example")
    assert me["groups"] == ["operations"]
    assert not me["instanceOwner"], "nobody administers anything by logging in"
    browser.api("users", 403)


def test_groups_give_rights(world: World, browser: Browser) -> None:
    group = world.ask("POST", "instance/groups", json={"name": "operations"})
    binding = {"type": "GROUP", "externalId": group["id"], "roleId": "viewer", "tenant": "main"}
    made = world.ask("POST", "instance/bindings", json=binding)
    browser.log_in("ann")
    assert browser.api("main/flows/search")["total"] >= 0
    other = Browser(world.service)
    other.log_in("bob")
    other.api("main/flows/search", 404)
    other.close()
    world.ask("DELETE", f"instance/bindings/{made['id']}", 204)
    browser.api("main/flows/search", 404)


def test_an_address_that_is_not_verified_is_none(world: World, browser: Browser) -> None:
    browser.log_in("bob")
    assert browser.api("me")["profile"] == {
        "username": "company:bob", "email": "", "firstName": "Bob", "lastName": ""
    }  # fmt: skip


def test_nobody_becomes_a_user_that_is_there_already(world: World, browser: Browser) -> None:
    local = {"email": "local@example.org", "password": PASSWORD}
    made = world.ask("POST", "users", json=local)
    refused = browser.log_in("joe")
    assert refused.status_code == 403
    assert "another user" in refused.json()["detail"]
    browser.api("me", 401)
    other = Browser(world.service)
    assert other.log_in("eve").status_code == 303, "without a verified address it is another name"
    other.close()
    assert world.ask("GET", f"users/{made['id']}")["auths"] == [
        {"id": "basic", "name": "basic", "type": "BASIC_AUTH"}
    ]


def test_a_disabled_user_stays_out(world: World, browser: Browser) -> None:
    browser.log_in("bob")
    mine = browser.api("me")["id"]
    world.ask("PATCH", f"users/{mine}/restricted", 204, json={"restricted": True})
    browser.api("me", 401)
    refused = browser.log_in("bob")
    assert refused.status_code == 403
    assert "disabled" in refused.json()["detail"]
    world.ask("PATCH", f"users/{mine}/restricted", 204, json={"restricted": False})
    assert browser.log_in("bob").status_code == 303


def test_the_session_is_a_new_one(world: World, browser: Browser) -> None:
    planted = "p" * 32
    browser.http.cookies.set("headwater_session", planted, domain="127.0.0.1")
    browser.log_in("ann")
    first = browser.cookies()["headwater_session"]
    assert first != planted
    browser.log_in("ann")
    assert browser.cookies()["headwater_session"] != first
    old = httpx2.Client(cookies={"headwater_session": first})
    assert old.get(f"{world.service}/api/v1/me").status_code == 401
    old.close()


@pytest.mark.parametrize("change", ["state", "no state", "no cookie", "planted cookie", "issuer"])
def test_an_answer_that_is_not_to_this_login(world: World, browser: Browser, change: str) -> None:
    begun = browser.begin()
    back = httpx2.URL(browser.at_provider(begun.headers["location"], "ann"))
    if change == "state":
        back = back.copy_merge_params({"state": "another"})
    elif change == "no state":
        back = back.copy_remove_param("state")
    elif change == "no cookie":
        browser.http.cookies.delete("headwater_login")
    elif change == "planted cookie":
        stranger = Browser(world.service)
        stranger.begin()
        theirs = stranger.cookies()["headwater_login"]
        browser.http.cookies.delete("headwater_login")
        browser.http.cookies.set("headwater_login", theirs, domain="127.0.0.1")
        stranger.close()
    else:
        back = back.copy_merge_params({"iss": "https://evil.example"})
    refused = browser.get(str(back))
    assert refused.status_code == 401, refused.text
    browser.api("me", 401)


def test_a_code_works_once_and_only_with_its_verifier(world: World, browser: Browser) -> None:
    begun = browser.begin()
    kept = browser.cookies()["headwater_login"]
    back = browser.at_provider(begun.headers["location"], "ann")
    assert browser.get(back).status_code == 303
    browser.http.cookies.set("headwater_login", kept, domain="127.0.0.1")
    again = browser.get(back)
    assert again.status_code == 401
    assert "code" in again.json()["detail"]
    # A code of a login of ann, brought to a login that a stranger began: PKCE refuses it.
    begun = browser.begin()
    stolen = query_of(browser.at_provider(begun.headers["location"], "ann"))["code"]
    stranger = Browser(world.service)
    state = query_of(stranger.begin().headers["location"])["state"]
    answer = stranger.http.get(
        f"{world.service}/api/v1/login/oidc/company/callback",
        params={"code": stolen, "state": state, "iss": world.issuer},
    )
    assert answer.status_code == 401, answer.text
    stranger.close()


def test_a_mix_up_of_providers(world: World, browser: Browser) -> None:
    begun = browser.begin()
    back = browser.at_provider(begun.headers["location"], "ann")
    refused = browser.get(back.replace("/company/", "/linking/"))
    assert refused.status_code == 401
    assert "began no login" in refused.json()["detail"]


def test_the_provider_says_no(world: World, browser: Browser) -> None:
    state = query_of(browser.begin().headers["location"])["state"]
    told = {"state": state, "error": "access_denied", "error_description": "<b>{{ x }}</b>"}
    refused = browser.http.get(f"{world.service}/api/v1/login/oidc/company/callback", params=told)
    assert refused.status_code == 401
    assert "<b>" not in refused.text


def test_a_logout_at_the_provider_ends_the_session_here(world: World, browser: Browser) -> None:
    other = Browser(world.service)
    other.log_in("ann")
    browser.log_in("ann")
    asked = browser.get(f"{world.issuer}/session/end")
    page = asked.text
    fields = {"xsrf": page.partition('name="xsrf" value="')[2].partition('"')[0], "logout": "yes"}
    ended = browser.http.post(f"{world.issuer}/session/end/confirm", data=fields)
    assert ended.status_code in (302, 303), ended.text
    until(lambda: browser.http.get(f"{world.service}/api/v1/me").status_code == 401)
    assert other.api("me"), "only the session that ended there"
    other.close()


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_login_leads_to_pages_here_only(world: World, browser: Browser, target: str) -> None:
    refused = browser.begin(target)
    assert refused.status_code == 400
    assert "headwater_login" not in browser.cookies()


def test_what_is_not_there(world: World) -> None:
    for path, status in {"nobody": 404, "Company": 404, "company/callback": 401}.items():
        answer = httpx2.get(f"{world.service}/api/v1/login/oidc/{path}")
        assert answer.status_code == status, answer.text
    forged = httpx2.post(
        f"{world.service}/api/v1/login/oidc/company/logout", data={"logout_token": "a.b.c"}
    )
    assert forged.status_code == 401


def test_secrets_stay_secret(world: World, browser: Browser) -> None:
    browser.log_in("ann")
    session = browser.cookies()["headwater_session"]
    log = world.data.with_suffix(".log").read_text()
    for secret in (CLIENT_SECRET, session, PASSWORD):
        assert secret not in log
