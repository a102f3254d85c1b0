"""Kestra's published Python SDK manages users, groups, roles, bindings, accounts and tokens."""

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.serving import service

# The SDK's models carry warnings of their own.
pytestmark = pytest.mark.filterwarnings("ignore")

PASSWORD = "correct horse battery"
Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def sdk() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("kestrapy")


@pytest.fixture(scope="module")
def errors(sdk: Any) -> Any:
    return importlib.import_module("kestrapy.exceptions")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("sdk") / "data"
    with service(data, HEADWATER_ACCESS__LOGIN="required") as (found, _):
        token = (data / "setup-token").read_text().strip()
        first = {"token": token, "username": "root", "password": PASSWORD}
        assert httpx2.post(f"{found}/api/v1/setup", json=first).status_code == 200
        yield found


@pytest.fixture(scope="module")
def connect(sdk: Any, address: str) -> Iterator[Connect]:
    """Makes clients, by a password or a token."""
    with contextlib.ExitStack() as stack:

        def made(**who: str) -> Any:
            client = sdk.KestraClient(host=address, timeout=30, **who)
            stack.callback(client.close)
            return client

        yield made


@pytest.fixture(scope="module")
def root(connect: Connect) -> Any:
    return connect(username="root", password=PASSWORD)


def user(root: Any, sdk: Any, name: str, **more: Any) -> Any:
    wish = sdk.IAMUserControllerApiCreateOrUpdateUserRequest(
        email=f"{name}@example.org", password=PASSWORD, first_name=name.title(), **more
    )
    return root.users.create_user(wish)


def test_users(root: Any, sdk: Any, errors: Any, connect: Connect) -> None:
    made = user(root, sdk, "ann", tenants=["main"])
    assert (made.username, made.display_name, made.restricted) == ("ann@example.org", "Ann", False)
    assert [each.id for each in made.tenants] == ["main"]
    assert [each.type for each in made.auths] == ["BASIC_AUTH"]
    with pytest.raises(errors.ConflictException):
        user(root, sdk, "ann")
    found = root.users.list_users(page=1, size=50, sort=["username:asc"])
    assert {"root", "ann@example.org"} <= {each.username for each in found.results}
    assert found.total == len(found.results)
    details = sdk.MeControllerApiUserDetailsRequest(first_name="Anna", last_name="Lee")
    assert root.users.patch_user(made.id, details).display_name == "Anna Lee"
    wish = sdk.IAMUserControllerApiCreateOrUpdateUserRequest(email="a@example.org")
    assert root.users.update_user(made.id, wish).email == "a@example.org"
    ann = connect(username="ann@example.org", password=PASSWORD)
    assert ann.me.current_user()["profile"]["firstName"] == "Anna"
    with pytest.raises(errors.ForbiddenException):
        ann.users.list_users()
    new = sdk.IAMUserControllerApiPatchUserPasswordRequest(password="another password")
    root.users.patch_user_password(made.id, new)
    with pytest.raises(errors.UnauthorizedException):
        ann.me.current_user()
    weak = sdk.IAMUserControllerApiPatchUserPasswordRequest(password="aaaaaaaaaa")
    with pytest.raises(errors.UnprocessableEntityException):
        root.users.patch_user_password(made.id, weak)
    restricted = sdk.IAMUserControllerApiPatchRestrictedRequest(restricted=True)
    root.users.patch_user_demo(made.id, restricted)
    with pytest.raises(errors.UnauthorizedException):
        connect(username="ann@example.org", password="another password").me.current_user()
    root.users.delete_user_auth_method(made.id, "basic")
    assert root.users.user(made.id).auths == []
    root.users.delete_refresh_token(made.id)
    root.users.delete_user(made.id)
    with pytest.raises(errors.NotFoundException):
        root.users.user(made.id)


def test_who_administers_the_instance(root: Any, sdk: Any, errors: Any, connect: Connect) -> None:
    made = user(root, sdk, "owner")
    mine = connect(username="owner@example.org", password=PASSWORD)
    root.users.patch_user_instance_owner(
        made.id, sdk.ApiPatchInstanceOwnerRequest(instance_owner=True)
    )
    assert root.users.user(made.id).instance_owner is True
    assert mine.users.list_users().total >= 2
    with pytest.raises(errors.ConflictException, match="another administrator"):
        mine.users.patch_user_super_admin(made.id, sdk.ApiPatchSuperAdminRequest(super_admin=False))
    root.users.patch_user_super_admin(made.id, sdk.ApiPatchSuperAdminRequest(super_admin=False))
    with pytest.raises(errors.ForbiddenException):
        mine.users.list_users()
    root.users.delete_user(made.id)


def test_groups(root: Any, sdk: Any, errors: Any) -> None:
    one, two = user(root, sdk, "g-one"), user(root, sdk, "g-two")
    wish = sdk.IAMGroupControllerApiCreateGroupRequest(
        name="developers", description="They write flows", members_id=[one.id]
    )
    group = root.groups.create_group("main", wish)
    assert (group.name, group.description) == ("developers", "They write flows")
    with pytest.raises(errors.ConflictException):
        root.groups.create_group("main", wish)
    listed = root.groups.search_groups("main", page=1, size=100, sort=["name:asc"])
    assert [each.id for each in listed.results if each.name == "developers"] == [group.id]
    completed = root.groups.autocomplete_groups("main", sdk.ApiAutocomplete(q="DEV"))
    assert [each.name for each in completed] == ["developers"]
    named = root.groups.list_group_ids("main", sdk.ApiIds(ids=[group.id, "none"]))
    assert [each.id for each in named] == [group.id]
    joined = root.groups.add_user_to_group(group.id, two.id, "main")
    assert joined.groups[0].membership == "MEMBER"
    owner = sdk.GroupIdentifierMembership.OWNER
    promoted = root.groups.set_user_membership_for_group(group.id, two.id, owner, "main")
    assert promoted.groups[0].membership == "OWNER"
    found = root.groups.search_group_members(group.id, "main")
    assert [each.username for each in found.results] == ["g-one@example.org", "g-two@example.org"]
    assert root.groups.delete_user_from_group(group.id, one.id, "main").groups == []
    with pytest.raises(errors.NotFoundException):
        root.groups.delete_user_from_group(group.id, one.id, "main")
    change = sdk.IAMGroupControllerApiUpdateGroupRequest(name="writers")
    assert root.groups.update_group(group.id, "main", change).name == "writers"
    root.users.update_user_groups(
        one.id, "main", sdk.IAMUserGroupControllerApiUpdateUserGroupsRequest(group_ids=[group.id])
    )
    assert [each.id for each in root.users.user(one.id).groups] == [group.id]
    root.groups.delete_group(group.id, "main")
    with pytest.raises(errors.NotFoundException):
        root.groups.group(group.id, "main")
    assert root.users.user(two.id).groups == []


def test_roles(root: Any, sdk: Any, errors: Any) -> None:
    builtin = root.roles.search_roles("main", size=100)
    assert {"viewer", "operator", "editor", "admin"} <= {each.name for each in builtin.results}
    assert all(each.is_managed for each in builtin.results)
    permissions = sdk.ListPermissions200Response.from_dict(
        {"FLOW": ["VIEW", "LIST"], "EXECUTION": ["VIEW", "LIST", "CREATE"], "DASHBOARD": ["VIEW"]}
    )
    wish = sdk.IAMRoleControllerApiRoleCreateOrUpdateRequest(
        name="starter", description="Starts flows", permissions=permissions
    )
    role = root.roles.create_role("main", wish)
    assert role.additional_properties["grants"] == [
        "execution:create", "execution:read", "flow:read", "revision:read"
    ]  # fmt: skip
    assert role.permissions.flow == ["LIST", "VIEW"]
    assert role.permissions.dashboard is None, "there are no dashboards to see"
    again = root.roles.role(role.id, "main")
    assert (again.name, again.is_managed, again.is_default) == ("starter", False, False)
    wish.permissions = sdk.ListPermissions200Response.from_dict({"FLOW": ["CREATE"]})
    changed = root.roles.update_role(role.id, "main", wish)
    assert changed.additional_properties["grants"] == [], "never more than what is written"
    assert [
        each.id for each in root.roles.autocomplete_roles("main", sdk.ApiAutocomplete(q="start"))
    ]
    (named,) = root.roles.list_roles_from_given_ids("main", sdk.ApiIds(ids=[role.id]))
    assert named.name == "starter"
    with pytest.raises(errors.ConflictException):
        root.roles.delete_role("viewer", "main")
    root.roles.delete_role(role.id, "main")
    with pytest.raises(errors.NotFoundException):
        root.roles.role(role.id, "main")


def test_bindings(root: Any, sdk: Any, errors: Any, connect: Connect) -> None:
    made = user(root, sdk, "bound")
    mine = connect(username="bound@example.org", password=PASSWORD)
    with pytest.raises(errors.NotFoundException):
        mine.flows.search_flows("main")
    kind = sdk.BindingType
    wish = sdk.IAMBindingControllerApiCreateBindingRequest(
        type=kind.USER, external_id=made.id, role_id="viewer", namespace_id="company.team"
    )
    one = root.bindings.create_binding("main", wish)
    assert (one.namespace, one.role.name, one.user.username) == (
        "company.team", "viewer", "bound@example.org"
    )  # fmt: skip
    assert mine.flows.search_flows("main").total == 0
    with pytest.raises(errors.ForbiddenException):
        mine.bindings.create_binding("main", wish)
    group = root.groups.create_group(
        "main", sdk.IAMGroupControllerApiCreateGroupRequest(name="bound-group")
    )
    two = sdk.IAMBindingControllerApiCreateBindingRequest(
        type=kind.GROUP, external_id=group.id, role_id="editor"
    )
    (made_two,) = root.bindings.bulk_create_binding("main", [two])
    assert (made_two.group.name, made_two.role.id) == ("bound-group", "editor")
    found = root.bindings.search_bindings("main", binding_type=kind.GROUP, external_id=group.id)
    assert [each.id for each in found.results] == [made_two.id]
    there = root.bindings.search_bindings("main", namespace="company.team")
    assert one.id in [each.id for each in there.results]
    assert root.bindings.binding(one.id, "main").id == one.id
    root.bindings.delete_binding(one.id, "main")
    with pytest.raises(errors.NotFoundException):
        root.bindings.binding(one.id, "main")
    with pytest.raises(errors.NotFoundException):
        mine.flows.search_flows("main")
    unknown = sdk.IAMBindingControllerApiCreateBindingRequest(
        type=kind.USER, external_id="nobody", role_id="viewer"
    )
    with pytest.raises(errors.NotFoundException):
        root.bindings.create_binding("main", unknown)


def test_service_accounts_and_their_tokens(
    root: Any, sdk: Any, errors: Any, connect: Connect
) -> None:
    wish = sdk.IAMServiceAccountControllerApiServiceAccountRequest(
        name="ci", description="Continuous integration"
    )
    account = root.service_account.create_service_account_for_tenant("main", wish)
    assert (account.name, account.description, account.instance_owner) == (
        "ci", "Continuous integration", False
    )  # fmt: skip
    token = sdk.CreateApiTokenRequest(name="deploy", max_age="P7D", description="for CI")
    made = root.service_account.create_api_tokens_for_service_account_with_tenant(
        account.id, "main", token
    )
    assert made["fullToken"].startswith(f"hw_{made['id']}_")
    ci = connect(token=made["fullToken"])
    assert ci.me.current_user()["kind"] == "service-account"
    with pytest.raises(errors.NotFoundException):
        ci.flows.search_flows("main")
    wish = sdk.IAMBindingControllerApiCreateBindingRequest(
        type=sdk.BindingType.USER, external_id=account.id, role_id="viewer"
    )
    root.bindings.create_binding("main", wish)
    assert ci.flows.search_flows("main").total == 0
    listed = root.service_account.list_api_tokens_for_service_account_with_tenant(
        account.id, "main"
    )
    assert [each["name"] for each in listed["results"]] == ["deploy"]
    assert made["fullToken"] not in str(listed)
    root.service_account.delete_api_token_for_service_account_with_tenant(
        account.id, made["id"], "main"
    )
    with pytest.raises(errors.UnauthorizedException):
        ci.me.current_user()
    change = sdk.IAMServiceAccountControllerApiServiceAccountRequest(name="cd")
    changed = root.service_account.update_service_account(account.id, "main", change)
    assert (changed.name, changed.description) == ("cd", "Continuous integration")
    assert root.service_account.service_account_for_tenant(account.id, "main").name == "cd"
    root.service_account.delete_service_account_for_tenant(account.id, "main")
    with pytest.raises(errors.NotFoundException):
        root.service_account.service_account_for_tenant(account.id, "main")


def test_service_accounts_of_the_instance(root: Any, sdk: Any, errors: Any) -> None:
    accounts = root.service_account
    wish = sdk.IAMServiceAccountControllerApiCreateServiceAccountRequest(
        name="backup", tenants=["main"]
    )
    made = accounts.create_service_account(wish)
    assert [each.id for each in made.tenants] == ["main"]
    change = sdk.IAMServiceAccountControllerApiPatchServiceAccountRequest(
        name="backups", description="At night"
    )
    assert accounts.patch_service_account_details(made.id, change).description == "At night"
    accounts.patch_service_account_instance_owner(
        made.id, sdk.ApiPatchInstanceOwnerRequest(instance_owner=True)
    )
    assert accounts.service_account(made.id).instance_owner is True
    accounts.patch_service_account_super_admin(
        made.id, sdk.ApiPatchSuperAdminRequest(super_admin=False)
    )
    assert accounts.service_account(made.id).instance_owner is False
    assert made.id in [each.id for each in accounts.list_service_accounts(size=100).results]
    token = accounts.create_api_tokens_for_service_account(
        made.id, sdk.CreateApiTokenRequest(name="night")
    )
    assert accounts.list_api_tokens_for_service_account(made.id)["total"] == 1
    accounts.delete_api_token_for_service_account(made.id, token["id"])
    assert accounts.list_api_tokens_for_service_account(made.id)["total"] == 0
    accounts.delete_service_account(made.id)
    with pytest.raises(errors.NotFoundException):
        accounts.service_account(made.id)


def test_me(root: Any, sdk: Any, errors: Any, connect: Connect) -> None:
    made = user(root, sdk, "self")
    mine = connect(username="self@example.org", password=PASSWORD)
    details = sdk.MeControllerApiUserDetailsRequest(last_name="Same")
    assert mine.me.update_current_user(details)["profile"]["lastName"] == "Same"
    token = mine.me.create_api_token(sdk.CreateApiTokenRequest(name="laptop"))
    by_token = connect(token=token.full_token)
    assert by_token.me.current_user()["id"] == made.id
    assert [each.prefix for each in mine.me.list_api_tokens().results] == [f"hw_{token.id}"]
    mine.me.delete_api_token(token.id)
    with pytest.raises(errors.UnauthorizedException):
        by_token.me.current_user()
    wrong = sdk.MeControllerApiUpdatePasswordRequest(
        old_password="wrong", new_password="another password"
    )
    with pytest.raises(errors.UnauthorizedException):
        mine.users.update_current_user_password(wrong)
    right = sdk.MeControllerApiUpdatePasswordRequest(
        old_password=PASSWORD, new_password="another password"
    )
    mine.users.update_current_user_password(right)
    assert connect(username="self@example.org", password="another password").me.current_user()
    tokens = root.users.create_api_tokens_for_user(
        made.id, sdk.CreateApiTokenRequest(name="given", max_age="PT1H")
    )
    assert root.users.list_api_tokens_for_user(made.id).results[0].id == tokens.id
    root.users.delete_api_token_for_user(made.id, tokens.id)
    for bad in ("P400D", "-P1D", "tomorrow"):
        with pytest.raises(errors.UnprocessableEntityException, match="maxAge"):
            root.me.create_api_token(sdk.CreateApiTokenRequest(name="long", max_age=bad))


def test_tenant_access(root: Any, sdk: Any, errors: Any) -> None:
    made = user(root, sdk, "guest")
    access = root.tenant_access
    with pytest.raises(errors.NotFoundException):
        access.tenant_access(made.id, "main")
    access.create_tenant_access(made.id, "main")
    assert access.tenant_access(made.id, "main").roles[0].name == "member"
    by_mail = sdk.IAMTenantAccessControllerApiCreateTenantAccessRequest(email="guest@example.org")
    with pytest.raises(errors.ConflictException):
        access.create_tenant_access_by_email("main", by_mail)
    assert made.id in [each.id for each in access.list_tenant_access("main", size=100).results]
    found = access.autocomplete_tenant_access("main", {"q": "guest"})
    assert [each.username for each in found] == ["guest@example.org"]
    request = sdk.IAMTenantAccessControllerUserApiAutocomplete(q="guest")
    assert len(root.users.autocomplete_users("main", request)) == 1
    access.delete_tenant_access(made.id, "main")
    with pytest.raises(errors.NotFoundException):
        access.tenant_access(made.id, "main")
    access.create_tenant_access_by_email("main", by_mail)
    assert access.tenant_access(made.id, "main").username == "guest@example.org"
