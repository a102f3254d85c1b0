"""The parameters by which executions are found, as earlier versions of Kestra have them.

They are declared for the description only; `execution_filters.wanted` reads them from the query.
"""

from typing import Annotated

from fastapi import Depends, Query

_Text = Annotated[str | None, Query(max_length=500)]
_Texts = Annotated[list[str], Query(max_length=100)]


async def _where(
    q: _Text = None,
    scope: _Text = None,
    namespace: _Text = None,
    flow_id: Annotated[str | None, Query(alias="flowId", max_length=500)] = None,
) -> None:
    """Declare parameters of earlier versions; `wanted` reads them."""


async def _when(
    start_date: Annotated[str | None, Query(alias="startDate")] = None,
    end_date: Annotated[str | None, Query(alias="endDate")] = None,
    time_range: Annotated[str | None, Query(alias="timeRange")] = None,
) -> None:
    """Declare parameters of earlier versions, as `_where`."""


async def _which(
    state: _Texts = [],  # noqa: B006 - FastAPI copies it
    labels: _Texts = [],  # noqa: B006 - as above
    trigger_execution_id: Annotated[str | None, Query(alias="triggerExecutionId")] = None,
    child_filter: Annotated[str | None, Query(alias="childFilter")] = None,
) -> None:
    """Declare parameters of earlier versions, as `_where`."""


PLAIN_FILTERS = (Depends(_where), Depends(_when), Depends(_which))
"""What a route depends on that lists executions."""
