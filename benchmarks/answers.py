"""The answer server: takes any request and answers 201 with a small JSON body.

    python -m benchmarks.answers

prints its port as one line when it is ready, and ends on SIGTERM.
"""

import socket

import uvicorn
from starlette.types import Receive, Scope, Send

BODY = b'{"service":"inventory","verb":"check","done":true,"orderId":"myorder","items":[1,2,3]}'
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request: read its body, answer 201 (ASGI)."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 201, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    """Serve on a free port of loopback until terminated."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        answer, lifespan="off", log_config=None, access_log=False, loop="uvloop", http="httptools"
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
