"""Headers of HTTP: names in any case find them."""

from typing import Any

import pytest

from tests.expressions.evaluate import fails, text, value

CONTEXT: dict[str, Any] = {
    "trigger": {"headers": {"x-github-event": ["push"], "X-Own": ["mine"], "x-own": ["low"]}},
    "outputs": {
        "call": {"headers": {"content-type": ["text/plain", "b"]}, "Code": 200, "list": [1]},
        "each": {"one": {"response": {"headers": {"etag": ["e"]}}}},
    },
    "headers": {"accept": ["all"], "none": None},
    "name": "ETag",
    "odd": {"headers": "a text"},
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("trigger.headers['X-GitHub-Event'][0]", "push"),
        ("trigger['headers']['X-GITHUB-EVENT'] | first", "push"),
        ("outputs.call.headers['Content-Type'][1]", "b"),
        ("outputs.each.one.response.headers.ETag[0]", "e"),
        ("outputs.each.one.response.headers[name][0]", "e"),
        ("outputs.each['o' ~ 'ne'].response.headers['eTag'][0]", "e"),
        ("headers.Accept[0]", "all"),
        ("(odd ?? headers).headers.Accept ?? 'none'", "none"),
        ("headers.None ?? 'null'", "null"),
        ("trigger.headers['X-Own'][0]", "mine"),
        ("trigger.headers['x-own'][0]", "low"),
        ("trigger.headers['X-Missing'] ?? 'missing'", "missing"),
        ("trigger.headers['X-Github-Event'] is defined", True),
        ("trigger.headers['X-Missing'] is defined", False),
        ("trigger.headers['X-Missing'] | default('d')", "d"),
        ("outputs.call.code ?? 'exact'", "exact"),
        ("odd.headers.X ?? 'text'", "text"),
    ],
)
def test_a_header_is_found(expression: str, found: Any) -> None:
    assert value(f"{{{{ {expression} }}}}", CONTEXT) == found


def test_a_header_within_text() -> None:
    template = "it is {{ trigger.headers['X-GitHub-Event'][0] }}"
    assert text(template, CONTEXT) == "it is push"


def test_a_missing_header_is_told_as_it_was_asked_for() -> None:
    assert "X-Missing" in str(fails("{{ trigger.headers['X-Missing'] }}", CONTEXT))
