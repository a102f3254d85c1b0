"""Kestra's published Python SDK manages secrets, unmodified."""

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from app.secrets.keys import new_identity
from tests.serving import service

# The SDK's models carry warnings of their own.
pytestmark = pytest.mark.filterwarnings("ignore")

NS, VALUE = "sdk.secrets", "s3cr3t-Value#1"


@pytest.fixture(scope="module")
def sdk() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("kestrapy")


@pytest.fixture(scope="module")
def namespaces(sdk: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = tmp_path_factory.mktemp("kestrapy") / "data"
    with service(data, SOPS_AGE_KEY=new_identity()[0]) as (address, _):
        client = sdk.KestraClient(host=address, timeout=30)
        yield client.namespaces
        client._session.close()


def test_secrets(namespaces: Any, sdk: Any) -> None:
    wanted = sdk.ApiSecretValue(key="TOKEN", value=VALUE, description="of the shop", tags=[])
    made = namespaces.put_secrets(NS, "main", wanted)
    assert [(each.key, each.namespace, each.description) for each in made] == [
        ("TOKEN", NS, "of the shop")
    ]
    told = sdk.ApiSecretMetaEE(key="TOKEN", tags=[sdk.ApiSecretTag(key="team", value="a")])
    changed = namespaces.patch_secret(NS, "TOKEN", "main", told)
    assert [(each.key, each.value) for each in changed[0].tags] == [("team", "a")]
    assert namespaces.inherited_secrets(f"{NS}.below", "main") == {NS: ["TOKEN"]}
    found = namespaces.list_secrets("main", page=1, size=10, sort=["key:asc"])
    assert (found.read_only, found.total, found.results[0].key) == (False, 1, "TOKEN")
    assert VALUE not in repr(found) + repr(changed)
    namespaces.delete_secret(NS, "TOKEN", "main")
    assert namespaces.list_secrets("main").total == 0
