"""Our errors as failures of tasks."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import HeadwaterError
from app.plugins.api import TaskFailed


@contextmanager
def failing() -> Iterator[None]:
    """Turn our errors into the failure of the task."""
    try:
        yield
    except HeadwaterError as error:
        raise TaskFailed(error.message) from error
