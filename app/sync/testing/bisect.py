"""Bisect: which of many states of a flow was the first bad one, told by few runs of its tests."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Verdict = Literal["good", "bad", "skipped"]
"""`skipped`: it cannot be told, such as of a flow that is not valid."""


@dataclass(frozen=True, slots=True)
class Bisection(Generic[T]):
    """What a bisect found. `suspects` are the states of which one is the first bad one."""

    suspects: Sequence[T]
    runs: Sequence[tuple[T, Verdict]]
    """What was tried, in order."""

    @property
    def first_bad(self) -> T | None:
        """The first bad state, None when those before it cannot be told."""
        return self.suspects[0] if len(self.suspects) == 1 else None


async def bisect(states: Sequence[T], judge: Callable[[T], Awaitable[Verdict]]) -> Bisection[T]:
    """Find the first bad one of `states`, of which the first is good and the last is bad.

    The middle is tried, as in `git bisect`; where it cannot be judged, its neighbours are, nearest
    first. Takes about log2(n) runs, and one more for each that is skipped.
    """
    good, bad = 0, len(states) - 1
    runs: list[tuple[T, Verdict]] = []
    skipped: set[int] = set()
    while (at := _middle(good, bad, skipped)) is not None:
        verdict = await judge(states[at])
        runs.append((states[at], verdict))
        if verdict == "good":
            good = at
        elif verdict == "bad":
            bad = at
        else:
            skipped.add(at)
    return Bisection(states[good + 1 : bad + 1], runs)


def _middle(good: int, bad: int, skipped: set[int]) -> int | None:
    """Return the one nearest to the middle that can be judged, None when there is none."""
    middle = (good + bad) // 2
    left = [at for at in range(good + 1, bad) if at not in skipped]
    return min(left, key=lambda at: abs(at - middle), default=None)
