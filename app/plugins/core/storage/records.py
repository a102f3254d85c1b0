"""Records of a file: one value a line, as Ion text or as JSON (reference §3.13)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple

import orjson

from app.errors import ExpressionError
from app.expressions.budget import Budget, Meter
from app.expressions.ion_reading import read_ion
from app.plugins.api import TaskFailed

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one record."""

_TURN = 64
"""Records between two looks at what else is to be done."""
_BUDGET = Budget(steps=10_000_000, output_chars=LONGEST_LINE, seconds=5.0)


class Record(NamedTuple):
    """A record: its line as it stands in the file, without an end, and what it says."""

    line: bytes
    values: dict[str, Any]


async def lines(source: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the lines of a file without their ends; raises `TaskFailed` for an endless one."""
    begun: list[bytes] = []
    length = 0
    async for chunk in source:
        *whole, rest = chunk.split(b"\n")
        if whole:
            whole[0] = b"".join([*begun, whole[0]])
            begun, length = [], 0
        for line in whole:
            yield line
        if rest:
            begun.append(rest)
            length += len(rest)
        if length > LONGEST_LINE:
            message = f"a line has more than {LONGEST_LINE} bytes"
            raise TaskFailed(message)
    if begun:
        yield b"".join(begun)


async def numbered(source: AsyncIterator[bytes]) -> AsyncGenerator[tuple[int, bytes]]:
    """Yield the lines that hold records, and their numbers; blank lines hold none."""
    number = 0
    async with aclosing(lines(source)) as found:
        async for line in found:
            number += 1
            if number % _TURN == 0:
                await asyncio.sleep(0)
            if line.strip():
                yield number, line.rstrip(b"\r")


async def records(source: AsyncIterator[bytes]) -> AsyncGenerator[Record]:
    """Yield the records of a file.

    Raises:
        TaskFailed: when a line is no map in Ion or JSON.
    """
    async with aclosing(numbered(source)) as found:
        async for number, line in found:
            yield Record(line, _values(line, number))


def _values(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except ValueError:
        value = _ion(line, number)
    if not isinstance(value, dict):
        message = f"line {number} is no record: a map in Ion or JSON is needed"
        raise TaskFailed(message)
    return {str(key): item for key, item in value.items()}


def _ion(line: bytes, number: int) -> Any:
    try:
        values = list(read_ion(line.decode("utf-8"), Meter(_BUDGET)))
    except (UnicodeDecodeError, ExpressionError) as error:
        message = f"line {number} is neither Ion nor JSON: {error}"
        raise TaskFailed(message) from None
    return values[0] if len(values) == 1 else None
