"""Variables and secrets along the chain: tenant, namespaces above, the namespace itself."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.config import SecretSettings
from app.errors import Invalid, NotFound
from app.secrets.errors import MisplacedSecrets, WrongKey
from app.secrets.keys import new_identity
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path
from tests.sync.sealed import sealed

IDENTITY, RECIPIENT = new_identity()
TENANT = "tenants/main"
E = {"k": "v"}
COMPANY = f"{TENANT}/namespaces/company"
TEAM = f"{TENANT}/namespaces/company.team"


def tree(**files: bytes) -> dict[str, bytes]:
    return {path("f", "company.team"): flow("f"), **files}


async def variables(rig: Rig, commit: str | None = None) -> dict[str, Any]:
    at = commit or rig.runs("f", "company.team").snapshot
    return dict(await rig.sync.variables.of("main", "company.team", at))


async def secret(rig: Rig, key: str, namespace: str = "company.team") -> str | None:
    return (await rig.sync.secrets.secrets("main", namespace, None)).find(key)


async def test_variables_are_merged_from_the_tenant_down(scratch: Scratch, start: Start) -> None:
    scratch.commit(
        tree(
            **{
                f"{TENANT}/variables.yaml": b"region: eu\ndb: {host: a, port: 1}\nlist: [1, 2]\n",
                f"{COMPANY}/variables.yaml": b"db: {host: b}\nlist: [3]\n",
                f"{TEAM}/variables.yaml": b"own: mine\ndb: {name: n}\n",
            }
        )
    )
    rig = await start(repo=str(scratch.path))
    assert await variables(rig) == {
        "region": "eu",
        "db": {"host": "b", "port": 1, "name": "n"},
        "list": [3],
        "own": "mine",
    }
    assert rig.sync.variables.known("main", "company.team", scratch.git("rev-parse", "main"))


@pytest.mark.parametrize("above", [TENANT, COMPANY])
async def test_what_is_inherited_moves_the_namespace_on(
    scratch: Scratch, start: Start, above: str
) -> None:
    first = scratch.commit(tree(**{f"{above}/variables.yaml": b"a: 1\n"}))
    rig = await start(repo=str(scratch.path))
    second = scratch.commit({f"{above}/variables.yaml": b"a: 2\n"})
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("f", "company.team").snapshot == second
    assert rig.runs("f", "company.team").revision == 1
    assert await variables(rig) == {"a": 2}
    assert await variables(rig, first) == {"a": 1}


@pytest.mark.parametrize("above", [TENANT, COMPANY])
async def test_variables_that_are_no_map_move_nobody(
    scratch: Scratch, start: Start, above: str
) -> None:
    file = f"{above}/variables.yaml"
    scratch.commit(tree(**{file: b"a: 1\n"}))
    rig = await start(repo=str(scratch.path))
    broken = scratch.commit({file: b"- a\n"})
    await rig.sync.sync()
    assert set(await rig.codes()) == {("SCHEMA", file)}
    assert await variables(rig) == {"a": 1}
    with pytest.raises(Invalid, match="no map of variables"):
        await variables(rig, broken)
    scratch.commit({file: b"a: 2\n"})
    assert await rig.outcome() == "SYNCED"
    assert await variables(rig) == {"a": 2}
    assert await rig.codes() == []


async def test_the_nearest_secret_counts(scratch: Scratch, start: Start) -> None:
    scratch.commit(
        tree(
            **{
                f"{TENANT}/secrets.sops.yaml": sealed({"A": "t", "B": "t", "C": "t"}, RECIPIENT),
                f"{COMPANY}/secrets.sops.yaml": sealed({"A": "c", "B": "c"}, RECIPIENT),
                f"{TEAM}/secrets.sops.yaml": sealed({"A": "own", "E": E, "N": 5}, RECIPIENT),
            }
        )
    )
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    assert [await secret(rig, key) for key in "ABCD"] == ["own", "c", "t", None]
    assert [await secret(rig, key) for key in "EN"] == ['{"k":"v"}', "5"]
    assert await secret(rig, "A", "company") == "c"
    assert await secret(rig, "A", "other") == "t"


async def test_the_newest_secrets_count(scratch: Scratch, start: Start) -> None:
    scratch.commit(tree(**{f"{TEAM}/secrets.sops.yaml": sealed({"A": "old"}, RECIPIENT)}))
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    assert await secret(rig, "A") == "old"
    scratch.commit({f"{TEAM}/secrets.sops.yaml": sealed({"A": "new"}, RECIPIENT)})
    assert await rig.outcome() == "SYNCED"
    assert await secret(rig, "A") == "new"


async def test_identities_of_places(scratch: Scratch, start: Start, tmp_path: Path) -> None:
    other, recipient = new_identity()
    (tmp_path / "team.txt").write_text(f"# created: now\n{other}\n")
    scratch.commit(
        tree(
            **{
                f"{COMPANY}/secrets.sops.yaml": sealed({"A": "company"}, RECIPIENT),
                f"{TEAM}/secrets.sops.yaml": sealed({"B": "team"}, recipient),
            }
        )
    )
    keys = {"main/company.team": tmp_path / "team.txt"}
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY, "identities": keys})
    assert await secret(rig, "A") == "company"
    assert await secret(rig, "B") == "team"
    assert IDENTITY not in repr(rig.settings)
    assert other not in repr(rig.sync.secrets.identities.of("main", "company.team"))


async def test_a_file_of_another_place_is_refused(scratch: Scratch, start: Start) -> None:
    scratch.commit(
        tree(**{f"{TEAM}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT, scope="main/company")})
    )
    rig = await start(repo=str(scratch.path))  # which cannot see what is wrong with it
    rig.secrets = SecretSettings(age_key=SecretStr(IDENTITY))
    await rig.restart()
    with pytest.raises(MisplacedSecrets, match=r"another place than main/company\.team"):
        await secret(rig, "A")


async def test_with_several_tenants_a_shared_key_needs_the_place(
    scratch: Scratch, start: Start
) -> None:
    scratch.commit(
        {
            path("f", "company.team"): flow("f"),
            path("f", "company.team", "two"): flow("f"),
            f"{TEAM}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT),
            f"{COMPANY}/secrets.sops.yaml": sealed({"B": "y"}, RECIPIENT, scope="main/company"),
        }
    )
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    assert await secret(rig, "B") == "y"
    with pytest.raises(MisplacedSecrets, match="does not say where it belongs"):
        await secret(rig, "A")


async def test_a_file_that_nobody_can_open_names_itself_and_nothing_else(
    scratch: Scratch, start: Start
) -> None:
    scratch.commit(tree(**{f"{TEAM}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT)}))
    rig = await start(repo=str(scratch.path))
    assert await secret(rig, "B") is None  # what is not in it needs no identity
    with pytest.raises(
        WrongKey, match=r"company\.team/secrets\.sops\.yaml: there is no age identity"
    ):
        await secret(rig, "A")


async def test_plain_text_is_dropped(
    scratch: Scratch, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.commit(tree(**{f"{TEAM}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT)}))
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    reader = rig.sync.secrets
    lookup = await reader.secrets("main", "company.team", None)
    other = await reader.secrets("main", "company.team", None)
    assert lookup.find("A") == other.find("A") == "x"
    assert len(reader._opened) == 1  # shared
    (before,) = reader._opened.values()
    now = time.monotonic() + 61
    monkeypatch.setattr("app.sync.secrets.time.monotonic", lambda: now)
    assert lookup.find("A") == "x"
    (after,) = reader._opened.values()
    assert after is not before
    assert "x" not in repr((lookup, after, reader.identities.of("main", "a")))
    del lookup, other, before, after
    assert not reader._opened


async def test_those_who_ask_together_decrypt_once(
    scratch: Scratch, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.commit(tree(**{f"{TEAM}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT)}))
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    reader, count = rig.sync.secrets, 0
    before = reader._decrypted

    def counted(document: Any) -> Any:
        nonlocal count
        count += 1
        return before(document)

    monkeypatch.setattr(reader, "_decrypted", counted)
    lookups = [await reader.secrets("main", "company.team", None) for _ in range(20)]
    found = await asyncio.gather(*(asyncio.to_thread(each.find, "A") for each in lookups))
    assert found == ["x"] * 20
    assert count == 1


async def test_another_namespace_of_nobody(scratch: Scratch, start: Start) -> None:
    scratch.commit(tree())
    rig = await start(repo=str(scratch.path), namespaces=("company.*",))
    assert await secret(rig, "A", "elsewhere") is None
    assert await rig.sync.variables.of("main", "elsewhere", "") == {}


async def findings(rig: Rig) -> dict[tuple[str, str], str]:
    """Return (code, severity) -> message of what is wrong."""
    return {(each.code, each.severity): each.message for each in await rig.sync.findings()}


async def test_files_that_cannot_be_used_keep_their_namespace(
    scratch: Scratch, start: Start
) -> None:
    file = f"{TEAM}/secrets.sops.yaml"
    good = sealed({"A": "x"}, RECIPIENT, scope="main/company.team")
    first = scratch.commit(tree(**{file: good}))
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    assert await findings(rig) == {}
    _, stranger = new_identity()
    for source, code in [
        (sealed({"A": "y"}, stranger), "SECRET_UNDECRYPTABLE"),
        (sealed({"A": "y"}, RECIPIENT, scope="main/company"), "SECRET_SCOPE"),
        (good.replace(b"A: ENC", b"B: ENC"), "SECRET_TAMPERED"),
    ]:
        scratch.commit({file: source})
        await rig.sync.sync()
        ((found, severity), message) = next(iter((await findings(rig)).items()))
        assert (found, severity) == (code, "error"), message
        assert "AGE-SECRET" not in message
        assert rig.runs("f", "company.team").snapshot == first
        assert await secret(rig, "A") == "x"
    scratch.commit({file: good})
    assert await rig.outcome() in {"SYNCED", "NOOP"}
    assert await findings(rig) == {}


async def test_without_any_identity_it_is_only_told(scratch: Scratch, start: Start) -> None:
    scratch.commit(tree(**{f"{TEAM}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT)}))
    rig = await start(repo=str(scratch.path))
    assert list(await findings(rig)) == [("SECRET_UNDECRYPTABLE", "warning")]


async def test_a_cipher_text_of_another_tenant_is_refused(scratch: Scratch, start: Start) -> None:
    theirs = sealed({"A": "x", "B": "y"}, RECIPIENT, scope="main/company.team")
    scratch.commit(
        tree(**{f"{TEAM}/secrets.sops.yaml": theirs, path("f", "shop", "two"): flow("f")})
    )
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    copy = "tenants/two/namespaces/shop/secrets.sops.yaml"
    scratch.commit({copy: theirs})
    await rig.sync.sync()
    assert {("SECRET_REUSED", copy), ("SECRET_SCOPE", copy)} == set(await rig.codes())
    with pytest.raises(NotFound):
        (await rig.sync.secrets.secrets("two", "shop", None)).find("A") or _nothing()
    # Who had it first is not kept back by the copy.
    changed = theirs + b"# a comment\n"
    scratch.commit({f"{TEAM}/secrets.sops.yaml": changed})
    await rig.sync.sync()
    assert {path for _, path in await rig.codes()} == {copy}
    assert await secret(rig, "A") == "x"


def _nothing() -> None:
    raise NotFound("there is none")


async def test_pinned_secrets_are_those_of_the_commit(scratch: Scratch, start: Start) -> None:
    file = f"{TEAM}/secrets.sops.yaml"
    first = scratch.commit(
        tree(
            **{
                file: sealed({"A": "old"}, RECIPIENT),
                f"{TEAM}/namespace.yaml": b"secrets: pinned\n",
            }
        )
    )
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    scratch.commit({file: sealed({"A": "new"}, RECIPIENT)})
    assert await rig.outcome() == "SYNCED"
    lookup = await rig.sync.secrets.secrets("main", "company.team", first)
    assert lookup.find("A") == "old"
    scratch.commit({f"{TEAM}/namespace.yaml": None})
    assert await rig.outcome() == "SYNCED"
    lookup = await rig.sync.secrets.secrets("main", "company.team", first)
    assert lookup.find("A") == "new"


async def test_secrets_of_the_tenant_are_known(scratch: Scratch, start: Start) -> None:
    use = flow("f", "\"{{ secret('A') }}{{ secret('B') }}\"")
    scratch.commit(
        {
            path("f", "company.team"): use,
            f"{TENANT}/secrets.sops.yaml": sealed({"A": "x"}, RECIPIENT),
        }
    )
    rig = await start(repo=str(scratch.path), secrets={"age_key": IDENTITY})
    found = await findings(rig)
    assert list(found) == [("SECRET_UNKNOWN", "warning")]
    assert "`B`" in next(iter(found.values()))


@pytest.mark.parametrize("namespace", ["a\nb", "../main", "company/team", "", "Company", "a:b"])
async def test_names_that_are_none(rig: Rig, namespace: str) -> None:
    assert (await rig.sync.secrets.secrets("main", namespace, None)).find("A") is None
    assert await rig.sync.variables.of("main", namespace, "") == {}


async def test_the_environment_is_of_no_tenant_where_there_are_several(
    scratch: Scratch, start: Start
) -> None:
    scratch.commit({path("f", "shop"): flow("f")})
    rig = await start(repo=str(scratch.path))
    assert rig.sync.secrets.reads_environment("main")
    scratch.commit({path("f", "shop", "two"): flow("f")})
    assert await rig.outcome() == "SYNCED"
    assert not rig.sync.secrets.reads_environment("main")
    rig.secrets = SecretSettings(environment=("two",))
    await rig.restart()
    assert rig.sync.secrets.reads_environment("two")
    assert not rig.sync.secrets.reads_environment("main")
