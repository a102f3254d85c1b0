"""Every webhook payload that GitHub publishes, delivered to the whole service; and each damaged."""

import hashlib
import hmac
import random
from collections import Counter
from typing import Any
from urllib.parse import quote_from_bytes

import orjson
import pytest

from tests.api.conftest import HOOK_KEY, HOOK_SECRET, Api
from tests.forges.openapi import material

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = f"/api/v1/hooks/git/{HOOK_KEY}"
ACTED_ON = {
    "push",
    "pull_request",
    "issue_comment",
    "pull_request_review",
    "check_run",
    "check_suite",
    "merge_group",
    "repository",
}


@pytest.fixture(scope="module", autouse=True)
def published() -> None:
    """Skip before there is a service, where the payloads cannot be had."""
    material("webhooks.json")


def payloads() -> list[tuple[str, str, bytes]]:
    """Return (event, delivery id, body) of every published payload."""
    return [
        (each["name"], f"{each['name']}-{number}", orjson.dumps(example))
        for each in material("webhooks.json")
        for number, example in enumerate(each["examples"])
    ]


def headers(event: str, delivery_id: str, body: bytes, **more: str) -> dict[str, str]:
    digest = hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery_id,
        "X-Hub-Signature-256": f"sha256={digest}",
        "Content-Type": "application/json",
        **more,
    }


async def test_every_published_payload_is_taken(api: Api) -> None:
    told: Counter[str] = Counter()
    for event, delivery_id, body in payloads():
        sent = headers(event, delivery_id, body)
        answer = await api.answer("POST", PATH, content=body, headers=sent)
        said = answer.json()
        if event == "ping":
            assert (answer.status_code, said["ping"]) == (200, True)
            continue
        assert answer.status_code == 202, (event, said)
        assert said["delivery"] == delivery_id
        if "ignored" not in said:
            assert event in ACTED_ON
            told[event] += 1
        again = await api.answer("POST", PATH, content=body, headers=sent)
        assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert set(told) == ACTED_ON - {"push", "issue_comment"}, "these are of other refs, of issues"
    await api.node.sync.inbox.settled()


async def test_every_payload_with_one_byte_changed_is_refused(api: Api) -> None:
    chance = random.Random(4)
    for event, delivery_id, body in payloads():
        place = chance.randrange(len(body))
        other = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        sent = headers(event, f"{delivery_id}-x", body)
        answer = await api.answer("POST", PATH, content=other, headers=sent)
        assert answer.status_code == 401, (event, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_signed_payload_of_any_shape_is_no_failure(api: Api) -> None:
    """Whoever has the secret may send what they like: fields of other types, none, or forms."""
    chance = random.Random(5)
    for event, delivery_id, body in payloads():
        if event in ACTED_ON:
            odd = orjson.dumps(_damaged(orjson.loads(body), chance))
            sent = headers(event, f"{delivery_id}-odd", odd)
            answer = await api.answer("POST", PATH, content=odd, headers=sent)
            assert answer.status_code in (200, 202), (event, answer.text)
    event, delivery_id, body = payloads()[0]
    as_form = b"payload=" + quote_from_bytes(body).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = headers(event, "form-1", as_form, **kind)
    assert (await api.answer("POST", PATH, content=as_form, headers=sent)).status_code == 202


def _damaged(value: Any, chance: random.Random) -> Any:
    """Replace some of the values by ones of another type."""
    if isinstance(value, dict):
        return {name: _damaged(each, chance) for name, each in value.items()}
    if isinstance(value, list):
        return [_damaged(each, chance) for each in value]
    odd = [None, [], {}, True, -1, 1 << 63, "\0\ud7ff", [[1]], {"a": 1}, 1.5]
    return chance.choice(odd) if chance.random() < 0.2 else value


async def test_the_bytes_are_signed_not_what_they_mean(api: Api) -> None:
    """Security case 3: the same JSON written otherwise, or in another charset, is refused."""
    body = b'{"ref": "refs/heads/main",  "after": "1"}'
    again = orjson.dumps(orjson.loads(body))
    for other in (again, body.decode().encode("utf-16"), body + b"\n"):
        sent = headers("push", "case-3", body, **{"Content-Type": "application/json"})
        assert (await api.answer("POST", PATH, content=other, headers=sent)).status_code == 401
    sent = headers("push", "case-3", body, **{"Content-Type": "application/json; charset=utf-16"})
    assert (await api.answer("POST", PATH, content=body, headers=sent)).status_code == 202
