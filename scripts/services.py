"""Five demo microservices as real HTTP servers on loopback, in one process, one port each.

`POST /api/<name>-service/<verb>` answers 201 with a JSON body, and remembers its `Idempotency-Key`:
the same key gets the same answer again and has no second effect. A gateway on a sixth port serves
all five under one address, as a cluster's front door would. On every port:

* `GET /effects` lists what was done, each with the number of times it was asked for;
* `PUT /answers` with `{"payment": 500}` makes a service answer another status, or `"hang"`.

    python scripts/services.py [--ports 8090,8091,…] [--free-ports] [--answer inventory=200]

prints the ports as one line of JSON when it is ready, and ends on SIGTERM or Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

HOST = "127.0.0.1"
GATEWAY = "gateway"
# What each service can do; the order of an order.
VERBS = {
    "inventory": "check",
    "payment": "process",
    "order": "confirm",
    "shipping": "arrange",
    "delivery": "updateStatus",
}
NAMES = (GATEWAY, *VERBS)
DEFAULT_PORTS = dict(zip(NAMES, range(8090, 8096), strict=True))

Answer = int | Literal["hang"]


@dataclass
class Effect:
    """Something that was done for a caller, once, however often it was asked for."""

    service: str
    verb: str
    order_id: str | None
    key: str | None
    execution: str | None
    calls: int = 1


@dataclass
class Services:
    """The state of all five services: how they answer, what they did, and the keys they saw."""

    ports: dict[str, int]
    answers: dict[str, Answer] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    _replies: dict[tuple[str, str], tuple[int, dict[str, object], Effect | None]] = field(
        default_factory=dict
    )

    def url(self, name: str) -> str:
        """Return the address of a service, or of the `gateway` to all of them."""
        return f"http://{HOST}:{self.ports[name]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        request = Request(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/effects":
                return JSONResponse([asdict(effect) for effect in self.effects])
            case "PUT", "/answers":
                return await self._change_answers(request)
            case "POST", path if service := self._service(request, path):
                return await self._serve(service, request)
            case "POST", path:
                return _problem(404, f"no service answers {path} here")
            case method, _:
                return _problem(405, f"{method} is not allowed here")

    def _service(self, request: Request, path: str) -> str | None:
        """Return the service that the path names, if the port is its own or the gateway's."""
        for name, verb in VERBS.items():
            if path == f"/api/{name}-service/{verb}":
                port = request.scope["server"][1]
                return name if port in (self.ports[name], self.ports[GATEWAY]) else None
        return None

    async def _change_answers(self, request: Request) -> Response:
        try:
            self.answers.update(_checked_answers(await request.json()))
        except ValueError as error:
            return _problem(422, str(error))
        return JSONResponse(self.answers)

    async def _serve(self, service: str, request: Request) -> Response:
        key = request.headers.get("idempotency-key")
        if key and (known := self._replies.get((service, key))):
            status, body, effect = known
            if effect:
                effect.calls += 1
            return JSONResponse(body, status, headers={"Idempotent-Replayed": "true"})
        answer = self.answers.get(service, 201)
        if answer == "hang":
            await _wait_for_disconnect(request)
            return Response(status_code=499)
        return await self._act(service, answer, key, request)

    async def _act(self, service: str, status: int, key: str | None, request: Request) -> Response:
        async with request.form() as form:
            given = form.get("orderId")
        order_id = given if isinstance(given, str) else None
        execution = request.headers.get("x-flow-execution")
        effect = None
        if status == 201:  # any other answer says that nothing was done
            effect = Effect(service, VERBS[service], order_id, key, execution)
            self.effects.append(effect)
        body: dict[str, object] = {
            "service": service,
            "verb": VERBS[service],
            "done": effect is not None,
            "orderId": order_id,
            "idempotencyKey": key,
        }
        if key and status < 500:  # a server error may be asked again and go better
            self._replies[service, key] = (status, body, effect)
        return JSONResponse(body, status)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"status": status, "detail": detail}, status)


def _checked_answers(values: object) -> dict[str, Answer]:
    """Check answers given from outside.

    Raises:
        ValueError: a name or an answer does not exist.
    """
    if not isinstance(values, Mapping):
        # Not a TypeError: to the caller it is one more wrong value.
        raise ValueError('a map such as {"inventory": 200} is expected')  # noqa: TRY004
    for name, answer in values.items():
        if name not in VERBS:
            raise ValueError(f"there is no service {name!r}; there are {', '.join(VERBS)}")
        if answer != "hang" and not (isinstance(answer, int) and 200 <= answer <= 599):
            raise ValueError(f"{name}: {answer!r} is neither a status from 200 to 599 nor 'hang'")
    return dict(values)


class Server(uvicorn.Server):
    """A server that says when it is ready, and leaves the signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def running(
    ports: Mapping[str, int] | None = None, answers: Mapping[str, Answer] | None = None
) -> AsyncIterator[Services]:
    """Run the services in this event loop until the block ends; without `ports`, on free ones.

    Raises:
        OSError: a port is taken; the message names it.
    """
    with contextlib.ExitStack() as stack:
        sockets = {
            name: stack.enter_context(_listen(name, (ports or {}).get(name, 0))) for name in NAMES
        }
        services = Services({name: each.getsockname()[1] for name, each in sockets.items()})
        services.answers.update(answers or {})
        server = Server(
            uvicorn.Config(
                services,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(list(sockets.values())))
            await server.ready.wait()
            try:
                yield services
            finally:
                server.should_exit = True


def _listen(name: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(f"port {port} of the {name} service: {error.strerror}") from error
    return listener


def _ports(text: str) -> dict[str, int]:
    numbers = [int(part) for part in text.split(",")]
    if len(numbers) != len(NAMES):
        raise ValueError(f"--ports: {len(NAMES)} are expected, for {', '.join(NAMES)}")
    return dict(zip(NAMES, numbers, strict=True))


async def serve(ports: Mapping[str, int], answers: Mapping[str, Answer]) -> None:
    """Run until SIGTERM or SIGINT; print the ports when ready."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(ports, answers) as services:
        print(json.dumps(services.ports), flush=True)
        await stop.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ports", help=f"six ports, comma-separated, for {', '.join(NAMES)}")
    parser.add_argument("--free-ports", action="store_true", help="take any free ports")
    parser.add_argument(
        "--answer", action="append", default=[], metavar="NAME=STATUS", help="e.g. inventory=200"
    )
    arguments = parser.parse_args()
    ports = {} if arguments.free_ports else DEFAULT_PORTS
    try:
        if arguments.ports:
            ports = _ports(arguments.ports)
        pairs = (text.partition("=") for text in arguments.answer)
        answers = _checked_answers(
            {name: int(value) if value.isdigit() else value for name, _, value in pairs}
        )
        asyncio.run(serve(ports, answers))
    except (ValueError, OSError) as error:
        sys.exit(f"services: {error}")


if __name__ == "__main__":
    main()
