"""The outside: what functions such as `secret`, `kv` or `read` ask for.

Evaluation is synchronous and does no I/O. A function that needs the outside asks the environment
(`Environment.fetch`). An answer that is not known at once raises `Pending`; under `render_async`
the evaluation waits for it instead.
"""

from typing import Any, Final, Protocol


class _Unknown:
    """The type of `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""What `Host.answer` returns when it would have to do I/O."""


class Pending(Exception):
    """An evaluation needs an answer from outside. Never caught inside of expressions."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Ask `name` with these arguments."""
        super().__init__(name, arguments)
        self.name = name
        self.arguments = arguments


class Host(Protocol):
    """Answers questions of functions. Names and arguments are those of the functions' `fetch`.

    `secret(key, namespace, subkey)`, `kv(key, namespace)`, `read(path, namespace)`,
    `fileSize(path, namespace)`, `fileExists(path, namespace)`, `errorLogs()`, `http(request)`,
    `randomPort()`, `encrypt(key, plaintext)`, `decrypt(key, encrypted)`, `jq(program, json)`, …; an
    argument that was not given is None.

    A `HeadwaterError` raised here becomes an `ExpressionError` with its message.
    """

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return an answer that is known without I/O, or `UNKNOWN`."""
        ...

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Return the answer, doing what it takes."""
        ...

    def may_read(self, uri: str) -> bool:
        """Whether a `kestra:///` file of another execution may be read."""
        ...
