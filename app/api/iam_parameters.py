"""Parameters of the routes about users, groups, roles, bindings, service accounts and tokens."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Depends, Path, Query

from app.api.query import MAX_PAGE, MAX_SIZE

_T = TypeVar("_T")
ID = r"^[A-Za-z0-9_-]{1,64}$"

AccountId = Annotated[str, Path(pattern=ID, description="The id of a service account.")]
BindingId = Annotated[str, Path(pattern=ID, description="The id of a binding.")]
GroupId = Annotated[str, Path(pattern=ID, description="The id of a group.")]
RoleId = Annotated[str, Path(pattern=ID, description="The id of a role; of built-in ones: name.")]
TokenId = Annotated[str, Path(pattern=ID, description="The id of a token.")]
UserId = Annotated[str, Path(pattern=ID, description="The id of a user.")]

Text = Annotated[str, Query(max_length=200, description="What the name must hold.")]


class Paging(NamedTuple):
    """Which part of a list is wanted."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many results are left out before."""
        return (self.number - 1) * self.size

    def part(self, every: Sequence[_T]) -> Sequence[_T]:
        """Return the part of a list."""
        return every[self.offset : self.offset + self.size]


def _paging(
    number: Annotated[
        int, Query(alias="page", ge=1, le=MAX_PAGE, description="The page, counted from 1.")
    ] = 1,
    size: Annotated[int, Query(ge=1, le=MAX_SIZE, description="How many results a page has.")] = 10,
    sort: Annotated[
        list[str] | None, Query(max_length=5, description="Taken for Kestra's clients; by name.")
    ] = None,
) -> Paging:
    del sort
    return Paging(number, size)


Paged = Annotated[Paging, Depends(_paging)]
"""Parameters of a list: which page, and how long."""
