"""The application: every router, one error handler, the description of it all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.types import Lifespan, Receive, Scope, Send

from app import __version__
from app.api import (
    actions,
    audit,
    audit_exports,
    auditlogs,
    bulk,
    changes,
    changesets,
    drafts,
    evaluations,
    execution_flows,
    execution_lists,
    executions,
    file_previews,
    file_transfers,
    flow_archives,
    flow_bulk,
    flow_graphs,
    flow_history,
    flow_pins,
    flow_source_search,
    flow_test_runs,
    flow_tests,
    flow_toggles,
    flow_tracing,
    flow_writes,
    flows,
    following,
    health,
    hooks,
    iam_bindings,
    iam_credentials,
    iam_groups,
    iam_instance_accounts,
    iam_instance_groups,
    iam_me,
    iam_roles,
    iam_service_accounts,
    iam_tenant_access,
    iam_users,
    input_checks,
    key_values,
    login,
    logs,
    metrics,
    namespace_files,
    namespace_settings,
    namespaces,
    oidc,
    overlays,
    pebble,
    plans,
    plugins,
    pulls,
    redactions,
    reference,
    reverts,
    secrets,
    source_changes,
    sources,
    standings,
    stats,
    sync_runs,
    tenants,
    trigger_bulk,
    triggers,
    validation,
    webhooks,
)
from app.api.access import caller_of, unknown
from app.api.dependencies import Dependencies
from app.api.documents import components
from app.api.entrance import Entrance
from app.api.feeds import Feeds
from app.api.hot import find
from app.api.origins import Origins
from app.api.problems import on_error
from app.api.services import Services
from app.errors import HeadwaterError

_DESCRIPTION = """\
Flows start at HEAD: a Git-native orchestrator that speaks Kestra's flow language and API.

Every path of a tenant (`/api/v1/{tenant}/…`) may leave the tenant out, and means `main` then.
Errors are problem documents (RFC 9457) that also carry Kestra's `message`.
"""

# The order matters where a literal stands in the place of a parameter: the literal comes first.
_ROUTERS = (
    health.router,
    plugins.router,  # before the groups of a tenant: its paths have a word `groups`, too
    login.router,
    oidc.router,
    oidc.returning,
    iam_me.router,
    iam_users.router,
    iam_credentials.router,
    iam_instance_accounts.router,
    iam_bindings.instance,
    iam_instance_groups.router,
    iam_bindings.router,
    iam_groups.router,
    iam_groups.members,
    iam_roles.router,
    iam_service_accounts.router,
    iam_tenant_access.router,
    tenants.router,
    namespace_settings.router,
    reference.router,
    bulk.router,
    actions.router,
    changes.router,
    evaluations.router,
    execution_flows.router,
    file_previews.router,
    execution_lists.router,
    executions.router,
    following.router,
    executions.hot,
    input_checks.router,
    logs.router,
    metrics.router,
    key_values.router,
    secrets.router,
    validation.router,
    redactions.router,
    flow_pins.router,
    reverts.flows,
    flow_pins.pins,
    flow_pins.scopes,
    overlays.router,
    overlays.drift,
    flow_graphs.router,
    flow_archives.router,
    flow_source_search.router,
    flow_test_runs.router,
    flow_tests.router,
    flow_tracing.router,
    flow_toggles.router,
    flow_bulk.router,
    flow_writes.router,
    flows.router,
    namespaces.router,
    file_transfers.router,
    namespace_files.router,
    stats.router,
    pebble.router,
    sources.router,
    standings.router,
    flow_history.router,
    audit.router,
    audit_exports.router,
    auditlogs.router,
    plans.sources,
    plans.router,
    reverts.sources,
    drafts.router,
    changesets.router,
    source_changes.router,
    sync_runs.router,
    pulls.router,
    hooks.router,
    webhooks.router,
    trigger_bulk.router,
    triggers.router,
)


class Application(FastAPI):
    """FastAPI behind our entrance: limits, request ids, and the short way of hot routes."""

    def __init__(self, *, lifespan: Lifespan[Any], max_body_bytes: int) -> None:
        """Make the application; `lifespan` puts the running node into its state."""
        super().__init__(
            title="Headwater",
            version=__version__,
            description=_DESCRIPTION,
            lifespan=lifespan,
            redirect_slashes=False,
            openapi_url=None,  # a route of `reference`: it asks for a login as others do
            docs_url=None,  # FastAPI's page loads scripts from elsewhere; see `reference`
            redoc_url=None,
        )
        self._entrance = Entrance(super().__call__, find, max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        scope["app"] = self
        await self._entrance(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API, made when it is first asked for."""
        if self.openapi_schema is None:
            self.openapi_schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
            )
            self.openapi_schema.setdefault("components", {}).setdefault("schemas", {}).update(
                components()
            )
        return self.openapi_schema


def make_application(
    *, lifespan: Lifespan[Any], max_body_bytes: int, node: Services | None = None
) -> Application:
    """Return the application with all routes; `node` is what it serves, if it runs already."""
    application = Application(lifespan=lifespan, max_body_bytes=max_body_bytes)
    application.state.node = node
    application.state.stopping = asyncio.Event()
    application.state.origins = Origins()
    application.state.feeds = Feeds()
    application.state.dependencies = Dependencies()
    application.state.schemas = {}
    for handled in (HeadwaterError, HTTPException, RequestValidationError, Exception):
        application.add_exception_handler(handled, on_error)
    application.router.default = _nowhere
    for router in _ROUTERS:
        application.router.routes += router.routes  # as they are: including would read each again
    return application


async def _nowhere(scope: Scope, _: Receive, __: Send) -> None:
    """Answer where no route is: who is not known does not learn that."""
    if not caller_of(scope).known:
        raise unknown(scope)
    raise HTTPException(404)


def description() -> dict[str, Any]:
    """Return the description of the API (OpenAPI) without a node that serves it."""

    @asynccontextmanager
    async def nothing(_: FastAPI) -> AsyncIterator[None]:
        yield

    return make_application(lifespan=nothing, max_body_bytes=0).openapi()
