"""Webhooks of GitHub and their log: it never delivers again by itself, so we ask for it."""

from typing import Any
from urllib.parse import quote

from app.errors import Forbidden, NotFound, Unsupported
from app.forges.calls import Api
from app.ports import Hook, HookDelivery

_PAGE = 100
_APP_HOOK = "app"
"""Stands for the webhook of the App itself, which calls for all its repositories."""


class HooksApi:
    """Webhooks of one repository, and that of the App that asks."""

    def __init__(self, api: Api, path: str, as_app: Api | None) -> None:
        """Ask `api`, and `as_app` with the App's key; `path` is the repository's."""
        self._api = api
        self._path = path
        self._as_app = as_app
        self._repository_id: int | None = None

    async def find(self, url: str) -> Hook | None:
        """Return the webhook that calls `url`."""
        if self._as_app is not None:
            config = await self._as_app.get("/app/hook/config")
            if config.get("url") == url:
                app = await self._as_app.get("/app")
                return Hook(_APP_HOOK, frozenset(app.get("events", ())))
        for hook in await self._all():
            if hook.get("config", {}).get("url") == url:
                events = frozenset(hook.get("events", ()))
                return Hook(str(hook["id"]), events, active=bool(hook.get("active")))
        return None

    async def _all(self) -> list[Any]:
        try:
            return await self._api.pages(f"{self._path}/hooks", {"per_page": _PAGE})
        except (Forbidden, NotFound):
            if self._as_app is None:
                raise
            return []  # an App need not be allowed to see the repository's own webhooks

    async def failed(self, hook: Hook, since: str) -> list[HookDelivery]:
        """Return deliveries that failed and were not repeated well, oldest first."""
        api, path = self._at(hook)
        found = await api.pages(
            f"{path}/deliveries",
            {"per_page": _PAGE},
            until=lambda each: each["delivered_at"] < since,
        )
        recent = [each for each in found if each["delivered_at"] >= since]
        if hook.id == _APP_HOOK:
            here = await self._own_id()
            recent = [each for each in recent if each.get("repository_id") in (here, None)]
        good = {each["guid"] for each in recent if _is_ok(each)}
        last = {each["guid"]: each for each in reversed(recent) if each["guid"] not in good}
        return [_delivery(each) for each in last.values()]

    async def _own_id(self) -> int:
        if self._repository_id is None:
            self._repository_id = int((await self._api.get(self._path))["id"])
        return self._repository_id

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        """Ask for a delivery again."""
        api, path = self._at(hook)
        await api.send("POST", f"{path}/deliveries/{quote(delivery.id, safe='')}/attempts")

    def _at(self, hook: Hook) -> tuple[Api, str]:
        if hook.id != _APP_HOOK:
            return self._api, f"{self._path}/hooks/{quote(hook.id, safe='')}"
        if self._as_app is None:
            message = "the webhook of an App is reached with the App's key only"
            raise Unsupported(message)
        return self._as_app, "/app/hook"


def _is_ok(delivery: dict[str, Any]) -> bool:
    return 200 <= int(delivery.get("status_code") or 0) < 300


def _delivery(data: dict[str, Any]) -> HookDelivery:
    return HookDelivery(str(data["id"]), data["guid"], data["event"], False, data["delivered_at"])
