"""Files of tenants whose namespaces and flows are called alike (security case 98)."""

from app.engine.uris import cache_file, execution_files, files_of, may_read, owns
from app.executions import ROOT, Event, Execution, Kind, State

OWN, OTHER = "0123456789abcdefghijkA", "0123456789abcdefghijkB"


def execution(tenant: str, made_id: str) -> Execution:
    data = {
        "tenant": tenant,
        "namespace": "company.team",
        "flow_id": "f",
        "revision": 1,
        "commit": "c",
        "blob": "b",
        "inputs": {},
        "labels": [],
    }
    return Execution.created(made_id, Event(Kind.CREATED, 1, ROOT, State.CREATED, data=data))


def test_each_has_its_own_folder() -> None:
    main, acme = execution("main", OWN), execution("acme", OTHER)
    assert files_of(main) == f"kestra:///company/team/f/executions/{OWN}", "as in Kestra"
    assert files_of(acme) == f"kestra:///_acme/company/team/f/executions/{OTHER}"
    assert execution_files("company.team", "f", OTHER, "acme") == files_of(acme)


def test_a_namespace_of_the_same_name_is_not_read() -> None:
    main, acme = execution("main", OWN), execution("acme", OTHER)
    for reader, owner in ((main, acme), (acme, main)):
        assert not may_read(reader, f"{files_of(owner)}/tasks/t/x/file")
        assert not owns(reader, f"{files_of(owner)}/tasks/t/x/file")
    sibling = execution("acme", "0123456789abcdefghijkC")
    assert may_read(sibling, f"{files_of(acme)}/tasks/t/x/file"), "of the same namespace"


def test_caches_are_not_shared() -> None:
    place = ("company.team", "f", "t", None)
    uris = {cache_file(*place), cache_file(*place, "acme"), cache_file(*place, "other")}
    assert len(uris) == 3
