"""The nest: a process that has imported everything and forks services quickly.

Reads commands from stdin, a line each: `start` forks a service and prints its pid; `kill` ends it
with SIGKILL and prints `killed`; end of input kills what is left. A start costs tens of
milliseconds, so that hundreds of crashes fit into a test.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from pathlib import Path

import uvicorn

from app.config import load_settings
from app.main import create_app


def serve(port: int, data: Path) -> None:
    """Run the service until it is killed."""
    settings = load_settings(
        data_dir=data,
        server={"mode": "dev", "port": port},
        git={"allow_file_protocol": True},
        http={"allow_loopback": True},
        engine={"park_after_seconds": 0.2},
    )
    app = create_app(settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined, method-assign]
    born = time.monotonic()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve())
            group.create_task(_tell_recovery(app, born, data))

    asyncio.run(main())


async def _tell_recovery(app: object, born: float, data: Path) -> None:
    """Write down how long it took until every interrupted execution moved again."""
    while getattr(getattr(app, "state", None), "node", None) is None:
        await asyncio.sleep(0.005)
    node = app.state.node  # type: ignore[attr-defined]
    while not hasattr(node, "executor"):
        await asyncio.sleep(0.005)
    await node.executor.recovery.recovered.wait()
    with (data / "recoveries").open("a") as file:
        file.write(f"{time.monotonic() - born:.4f} {node.executor.recovery.repairs}\n")


def main() -> None:
    """Obey commands until the input ends."""
    port, data = int(sys.argv[1]), Path(sys.argv[2])
    child = 0
    gc.freeze()
    for line in sys.stdin:
        if line.strip() == "start":
            child = os.fork()
            if child == 0:
                os.setsid()
                os.dup2(2, 1)  # what the service logs is no answer of the nest
                serve(port, data)
                os._exit(0)
            print(child, flush=True)
        elif child:
            _kill(child)
            child = 0
            print("killed", flush=True)
    if child:
        _kill(child)


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
