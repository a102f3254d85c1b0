"""A plan in Markdown: what it tells, that nobody can inject into it, and that it fits."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sync.planning.comment import marker, plan_markdown, summary
from app.sync.planning.markdown import code, fenced, plain, value
from tests.planning.rig import FLOWS, LOG, SPACE, call, flow, planned

A, B = (f"{FLOWS}/{name}.yaml" for name in "ab")


def test_it_tells_everything() -> None:
    schedule = "[{id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 6 * * *'}]"
    parts = {"inputs": "[{id: day, type: DATE}]", "triggers": schedule}
    base = {A: flow("a"), B: flow("b", call("a")), "CODEOWNERS": "* @team\n"}
    head = {
        **base,
        A: flow("a", LOG.replace("hello", "bye"), **parts),
        f"{SPACE}/variables.yaml": "x: 1\n",
        f"{SPACE}/secrets.sops.yaml": "KEY: ENC[abc]\n",
        f"{SPACE}/files/a.sql": "select 1",
    }
    text = plan_markdown(planned(base, head), mark=marker("main"), link="https://hw.example/plan")
    assert text.startswith("<!-- headwater-plan v1 source=main -->\n### Headwater plan\n")
    for part in (
        "| `company.team.a` | changed | `tasks[say]`, `inputs`, `triggers` | 1 |",
        '! tasks[say].message: "hello" → "bye"',
        "| `company.team.a` | `daily` | added |  | 2026-01-01T06:00:00Z<br>",
        "The input \\`day\\` is new and must be given; breaks `company.team.b`",
        "variable `x` added",
        "secret `KEY` added",
        "1 file: `a.sql`",
        "| warning | `tenants/main/namespaces/company.team/flows/a.yaml:4` | BREAKING_INPUT |",
        "- `@team`: 4 files",
        "[the whole plan](https://hw.example/plan)",
    ):
        assert part in text, part
    assert "ENC[" not in text
    assert "\n\n\n" not in text


def test_a_pull_request_without_flows() -> None:
    text = plan_markdown(planned({A: flow("a")}, {A: flow("a"), "README.md": "x"}))
    assert "No flow changes." in text


def test_summary_counts() -> None:
    plan = planned({A: flow("a")}, {A: flow("a", description="x"), B: flow("b", call("zz"))})
    assert summary(plan) == "Flows: 1 changed, 1 added; 1 warning."


def test_hostile_texts_mean_nothing() -> None:
    evil = "'@all <img src=x> [x](https://evil) ``` | \\n# heading #12'"
    head = {A: flow("a", description=evil), f"{SPACE}/files/`|<b>@all.txt": "x"}
    text = plan_markdown(planned({A: flow("a")}, head))
    outside = _outside_code(text)
    assert "@all" not in outside
    assert "<img" not in outside
    assert "](https://evil" not in outside
    assert not re.search(r"^# heading", text, re.MULTILINE)


def _outside_code(text: str) -> str:
    """What a forge reads as Markdown: fences and spans taken out, as CommonMark finds them."""
    text = re.sub(r"^(`{3,})[^\n]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


@pytest.mark.parametrize("limit", [2_000, 5_000, 20_000, 65_535])
def test_it_fits(limit: int) -> None:
    base = {f"{FLOWS}/f{number}.yaml": flow(f"f{number}") for number in range(150)}
    tasks = [LOG.replace("say", f"say{number}").replace("hello", "x" * 200) for number in range(9)]
    head = {path: text + "".join(f"  - {each}\n" for each in tasks) for path, text in base.items()}
    text = plan_markdown(
        planned(base, head), mark=marker("m"), link="https://hw.example/p", limit=limit
    )
    assert len(text) <= limit
    assert text.startswith("<!-- headwater-plan v1 source=m -->")
    assert "https://hw.example/p" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_a_marker_is_one_comment() -> None:
    assert re.fullmatch(r"<!-- headwater-plan v1 source=[\w.-]+ -->", marker("x --> <b>"))


TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60) | st.text(
    alphabet="`|*_<>@#[]()!\\$ \n\tabhtps:/w.-~&", max_size=40
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_plain_text_has_no_meaning(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]()#|~$>]", shown.replace("\u200b", ""))
    assert not re.search(r"@\w", shown)
    assert not re.search(r"#\d", shown)
    assert "://" not in shown or not re.search(r"://[^\u200b]", shown)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_code_stays_in_its_span(text: str) -> None:
    shown = code(text)
    assert "\n" not in shown
    if shown:
        ticks = re.match("`+", shown)
        assert ticks is not None
        inner = shown[len(ticks[0]) : -len(ticks[0])]
        assert shown.endswith(ticks[0])
        assert ticks[0] not in re.findall("`+", inner)
        assert not re.search(r"(?<!\\)\|", shown)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="`\nab~", max_size=80))
def test_a_block_ends_where_it_should(text: str) -> None:
    lines = fenced(text).split("\n")
    fence = lines[0]
    assert fence == lines[-1]
    assert all(not line.strip().startswith(fence) for line in lines[1:-1])


def test_values_are_cut() -> None:
    assert value({"a": [1, None]}) == '{"a":[1,null]}'
    assert len(value("x" * 1_000)) == 301
