"""Webhooks of GitLab and their log."""

from typing import Any
from urllib.parse import quote

from app.forges.calls import Api
from app.ports import Hook, HookDelivery

_PAGE = 100
_EVENTS = ("push_events", "tag_push_events", "merge_requests_events", "note_events")


class HooksApi:
    """Webhooks of one project."""

    def __init__(self, api: Api, path: str) -> None:
        """Ask `api`; `path` is the project's."""
        self._api = api
        self._path = f"{path}/hooks"

    async def find(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`."""
        for each in await self._api.pages(self._path, {"per_page": _PAGE}):
            if each["url"] == url:
                events = frozenset(name for name in _EVENTS if each.get(name))
                disabled = each.get("alert_status", "executable") != "executable"
                return Hook(str(each["id"]), events, active=not disabled)
        return None

    async def failed(self, hook: Hook, since: str) -> list[HookDelivery]:
        """Return deliveries that failed and were not repeated well, oldest first."""
        path = f"{self._path}/{quote(hook.id, safe='')}/events"
        found = [_delivery(each) for each in await self._api.pages(path, {"per_page": _PAGE})]
        recent = [each for each in found if each.delivered_at >= since]
        good = {each.guid for each in recent if each.ok}
        last = {each.guid: each for each in reversed(recent) if each.guid not in good}
        return list(last.values())

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        """Ask for a delivery again."""
        events = f"{self._path}/{quote(hook.id, safe='')}/events"
        await self._api.send("POST", f"{events}/{quote(delivery.id, safe='')}/resend")


def _delivery(data: dict[str, Any]) -> HookDelivery:
    headers = {name.lower(): each for name, each in (data.get("request_headers") or {}).items()}
    status = str(data.get("response_status") or "")
    return HookDelivery(
        str(data["id"]),
        headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid") or str(data["id"]),
        data.get("trigger", ""),
        status.startswith("2"),
        data.get("created_at", ""),
    )
