"""The search of a bisect: right, and in few runs, whatever cannot be judged."""

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.sync.testing.bisect import Bisection, Verdict, bisect


async def found_in(verdicts: Sequence[Verdict]) -> Bisection[int]:
    async def judge(at: int) -> Verdict:
        return verdicts[at]

    return await bisect(range(len(verdicts)), judge)


@st.composite
def histories(draw: st.DrawFn, *, skips: bool = True) -> list[Verdict]:
    goods, bads = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    verdicts: list[Verdict] = []
    verdicts += ["good"] * goods
    verdicts += ["bad"] * bads
    if skips:
        for at in draw(st.sets(st.integers(1, max(1, len(verdicts) - 2)), max_size=10)):
            if 0 < at < len(verdicts) - 1:
                verdicts[at] = "skipped"
    return verdicts


@given(histories(skips=False))
async def test_the_first_bad_one_is_found_in_few_runs(verdicts: list[Verdict]) -> None:
    found = await found_in(verdicts)
    assert found.first_bad == verdicts.index("bad")
    assert len(found.runs) <= math.ceil(math.log2(len(verdicts)))


@given(histories())
async def test_the_suspects_are_what_lies_between_the_last_good_and_the_first_bad(
    verdicts: list[Verdict],
) -> None:
    found = await found_in(verdicts)
    good = max(at for at, each in enumerate(verdicts) if each == "good")
    bad = min(at for at, each in enumerate(verdicts) if each == "bad")
    assert list(found.suspects) == list(range(good + 1, bad + 1))
    tried = [at for at, _ in found.runs]
    assert len(tried) == len(set(tried))
    assert all(verdict == verdicts[at] for at, verdict in found.runs)
    skipped = verdicts.count("skipped")
    assert len(tried) <= math.ceil(math.log2(len(verdicts))) + 1 + skipped


async def test_two_neighbours_need_no_run() -> None:
    found = await found_in(["good", "bad"])
    assert (found.first_bad, found.runs) == (1, [])
