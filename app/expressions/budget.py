"""Budgets: what one evaluation may cost, refused before anything is allocated.

A hostile or mistaken template must not stop the process: every loop turn, call and list element is
a step, every text that is made counts its characters before it is made, and the clock is looked at
every few hundred steps.
"""

import time
from dataclasses import dataclass

from app.errors import ExpressionError

_CLOCK_EVERY = 256
_LARGE_TEXT = 65_536
_ALL_TEXTS = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """What one evaluation may use.

    `steps`: loop turns, calls and elements made. `depth`: calls inside calls (macros, blocks,
    `render`). `output_chars`: the longest text; all texts of an evaluation together may reach four
    times that. `seconds`: wall clock.
    """

    steps: int = 1_000_000
    depth: int = 16
    output_chars: int = 10_485_760
    seconds: float = 1.0


class Meter:
    """What one evaluation has left of its budget. Shared by the calls inside it."""

    __slots__ = ("_budget", "_deadline", "_depth", "chars_left", "longest", "steps_left")

    def __init__(self, budget: Budget) -> None:
        """Start with the whole budget."""
        self._budget = budget
        self._deadline = 0.0
        self._depth = 0
        self.longest = budget.output_chars
        self.steps_left = budget.steps
        self.chars_left = budget.output_chars * _ALL_TEXTS

    def step(self) -> None:
        """Count one step.

        Raises:
            ExpressionError: when steps or time are used up.
        """
        self.steps_left -= 1
        if self.steps_left < 0:
            raise self._exhausted()
        if not self.steps_left % _CLOCK_EVERY:
            self._look_at_clock()

    def turn(self) -> None:
        """Count one turn of a loop, and look at the characters written since the last one.

        Raises:
            ExpressionError: when steps, characters or time are used up.
        """
        self.steps_left -= 1
        if self.steps_left < 0:
            raise self._exhausted()
        if self.chars_left < 0:
            self.grow(0)
        if not self.steps_left % _CLOCK_EVERY:
            self._look_at_clock()

    def look(self) -> None:
        """Look at the characters written so far, and at the clock.

        Raises:
            ExpressionError: when characters or time are used up.
        """
        if self.chars_left < 0:
            self.grow(0)
        self._look_at_clock()

    def joined(self, parts: list[str]) -> str:
        """Return parts of output, already counted one by one, as one text.

        Raises:
            ExpressionError: when it is too long.
        """
        if sum(map(len, parts)) > self.longest or self.chars_left < 0:
            self.grow(self.longest + 1)
        return "".join(parts)

    def spend(self, steps: int) -> None:
        """Count several steps at once, before they are taken.

        Raises:
            ExpressionError: when steps or time are used up.
        """
        self.steps_left -= steps
        if self.steps_left < 0:
            raise self._exhausted()
        if steps >= _CLOCK_EVERY:
            self._look_at_clock()
        else:
            self._maybe_look_at_clock(steps)

    def grow(self, chars: int) -> None:
        """Count the characters of a text that is about to be made.

        Raises:
            ExpressionError: when the text, or all texts together, are too long.
        """
        self.chars_left -= chars
        if chars > self.longest or self.chars_left < 0:
            message = f"the text becomes longer than {self.longest} characters; make it shorter"
            raise ExpressionError(message)
        if chars >= _LARGE_TEXT:
            self._look_at_clock()

    def enter(self) -> None:
        """Count one call inside another; `leave` takes it back.

        Raises:
            ExpressionError: when calls are nested too deeply, as in a macro that calls itself.
        """
        if self._depth >= self._budget.depth:
            message = (
                f"more than {self._budget.depth} calls inside each other (macro, block or render); "
                "look for one that calls itself"
            )
            raise ExpressionError(message)
        self._depth += 1

    def leave(self) -> None:
        """Take back one `enter`."""
        self._depth -= 1

    def postpone(self, seconds: float) -> None:
        """Leave time out that was spent waiting for somebody else."""
        if self._deadline:
            self._deadline += seconds

    def _maybe_look_at_clock(self, steps: int) -> None:
        if self.steps_left % _CLOCK_EVERY + steps >= _CLOCK_EVERY:
            self._look_at_clock()

    def _look_at_clock(self) -> None:
        # The deadline starts at the first look: short evaluations never read the clock.
        now = time.monotonic()
        if not self._deadline:
            self._deadline = now + self._budget.seconds
        elif now > self._deadline:
            message = f"the expression takes longer than {self._budget.seconds} seconds"
            raise ExpressionError(message)

    def _exhausted(self) -> ExpressionError:
        message = f"the expression needs more than {self._budget.steps} steps; make it simpler"
        return ExpressionError(message)
