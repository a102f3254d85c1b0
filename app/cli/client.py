"""Asks the service: JSON in and out, problem documents as errors of the command line."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2

from app.cli.addresses import path_of
from app.cli.options import Options, input_file
from app.cli.outcome import FAILED, NOT_FOUND, USAGE, CommandError, code_of
from app.cli.printing import clean

TIMEOUT = 60.0
_HINT = "log in, or send a token: Authorization: Bearer hw_…"
_LOG_IN = "log in: `headwater login`, or put a token into HEADWATER_TOKEN"

Query = Mapping[str, Any]


class Client:
    """A service and a tenant; use it in a `with` block."""

    def __init__(self, options: Options) -> None:
        """Talk to the service that the options name."""
        self._base = options.server
        self.tenant = options.tenant
        token = options.token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(timeout=TIMEOUT, follow_redirects=False, headers=sent)

    def log_in(self, username: str, password: str) -> None:
        """Send a name and a password with what follows."""
        self._http.auth = httpx2.BasicAuth(username, password)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def path(self, *parts: str) -> str:
        """Return a path of the tenant."""
        return path_of(self.tenant, *parts)

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return the JSON of a GET."""
        return self.answered("GET", path, query=query)

    def text(self, path: str, query: Query | None = None) -> str:
        """Return the text of a GET."""
        return str(self.ask("GET", path, query=query).text)

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON of a POST; None if the answer is empty."""
        given = {"json": body} if body is not None else {}
        return self.answered("POST", path, **given)

    def send_form(
        self, path: str, inputs: Sequence[tuple[str, str]], query: Query | None = None
    ) -> Any:
        """Return the JSON of a POST of inputs; values that begin with `@` name files."""
        parts = [(name, _part(name, value)) for name, value in inputs]
        return self.answered("POST", path, query=query, files=parts or None)

    def answered(self, method: str, path: str, *, query: Query | None = None, **body: Any) -> Any:
        """Return the JSON of the answer to a request; None if the answer is empty."""
        answer = self.ask(method, path, query=query, **body)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise self._foreign() from None

    def ask(self, method: str, path: str, *, query: Query | None = None, **body: Any) -> Any:
        """Return the answer to a request.

        Raises:
            CommandError: when the service cannot be reached, or says no.
        """
        try:
            answer = self._http.request(method, self._base + path, params=_given(query), **body)
        except httpx2.InvalidURL as error:
            message = f"{self._base} is no address of a service: {error}"
            raise CommandError(message, USAGE) from None
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None
        if answer.is_error:
            raise _refusal(answer)
        if _is_of_another(answer):
            raise self._foreign()
        return answer

    def _foreign(self) -> CommandError:
        return CommandError(
            f"{self._base} does not answer as Headwater does; is the address right, or is there a"
            " login page before it?"
        )

    def _unreachable(self, error: Exception) -> CommandError:
        reason = str(error) or type(error).__name__
        return CommandError(
            f"cannot reach {self._base}: {reason}; is it running? (`headwater dev` starts one,"
            " --server or HEADWATER_SERVER names another)"
        )

    def events(self, path: str, query: Query | None = None) -> Iterator[tuple[str, Any]]:
        """Yield name and data of the events of a feed."""
        try:
            with self._http.stream(
                "GET", self._base + path, params=_given(query), timeout=httpx2.Timeout(TIMEOUT)
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer)
                if _is_of_another(answer):
                    raise self._foreign()
                yield from _read_events(answer.iter_lines())
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None

    def execution_id(self, start: str) -> str:
        """Return the id of the execution that begins like this.

        Raises:
            CommandError: when there is none, or more than one.
        """
        if not start:
            raise CommandError("'' names no execution: give its id, or how it begins", USAGE)
        found = self.get(self.path("executions", "search"), {"q": start, "size": 100})["results"]
        ids = [each["id"] for each in found if each["id"].startswith(start)]
        if start in ids:
            return start
        if len(ids) == 1:
            return str(ids[0])
        if not ids:
            message = f"there is no execution {start}"
            raise CommandError(message, NOT_FOUND)
        message = f"{start} is the beginning of {len(ids)} executions: {', '.join(ids[:5])}"
        raise CommandError(message, USAGE)

    def flow(self, name: Sequence[str]) -> tuple[str, str]:
        """Return namespace and id of a flow given as two words, `namespace/id` or `namespace.id`.

        Raises:
            CommandError: when it cannot be one.
        """
        if len(name) == 2:
            return name[0], name[1]
        if len(name) != 1:
            message = "name the flow: NAMESPACE ID, or NAMESPACE.ID"
            raise CommandError(message, USAGE)
        text = name[0]
        if "/" in text:
            namespace, _, flow_id = text.partition("/")
            return namespace, flow_id
        return self._split(text)

    def _split(self, text: str) -> tuple[str, str]:
        """Find the dot that divides namespace and id: ids may hold dots, too."""
        found = self.get(self.path("flows", "search"), {"q": text, "size": 1000})["results"]
        for each in found:
            if f"{each['namespace']}.{each['id']}" == text:
                return each["namespace"], each["id"]
        namespace, dot, flow_id = text.rpartition(".")
        if not dot:
            message = f"{text!r} names no namespace; write NAMESPACE ID, or NAMESPACE.ID"
            raise CommandError(message, USAGE)
        return namespace, flow_id


def _given(query: Query | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _part(name: str, value: str) -> tuple[str | None, Any]:
    if not value.startswith("@"):
        return None, value
    return Path(value[1:]).name, input_file(name, value[1:])


def _is_of_another(answer: Any) -> bool:
    """Whether an answer leads elsewhere or is a page for people: the service sends us neither."""
    kind = answer.headers.get("content-type", "")
    return bool(answer.is_redirect) or kind.startswith("text/html")


def _refusal(answer: Any) -> CommandError:
    """Return what the service refuses, with every single thing that is wrong."""
    try:
        problem = answer.json()
        lines = [problem["detail"]]
    except (ValueError, KeyError, TypeError):
        return CommandError(f"{answer.status_code} {clean(answer.text[:500])}", FAILED)
    for each in problem.get("errors") or ():
        line, message = each.get("line"), each.get("message", "")
        if message not in lines[0]:
            lines.append(f"  {line}: {message}" if line else f"  {message}")
    if answer.status_code == 401:
        lines[0] = lines[0].replace(_HINT, _LOG_IN)
    return CommandError(clean("\n".join(lines)), code_of(answer.status_code))


def _read_events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    import orjson

    name, data = "", ""
    for line in lines:
        if line.startswith("id:"):
            name = line[3:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and data:
            yield name, orjson.loads(data)
            name, data = "", ""
