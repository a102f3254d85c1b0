"""`render` and `renderOnce`: texts that hold templates are rendered on request (reference §5.7)."""

from typing import Any

from app.expressions.arguments import boolean_argument
from app.expressions.evaluation import Evaluation
from app.expressions.passes import deeply, render_one_pass, render_until_stable
from app.expressions.registry import declare_function
from app.expressions.template import render_in


@declare_function("render", "toRender", "recursive")
def render(evaluation: Evaluation, to_render: Any, recursive: Any = True) -> Any:
    """The text rendered until nothing changes; maps and lists deeply, other values as they are.

    `secret()` works only in texts of the flow itself: when the argument is written as `vars.…` (or
    `globals.…`, `namespace.…`), and only in the first pass. What came in as data, or was set by a
    task, cannot ask for secrets.
    """
    if not boolean_argument("render", "recursive", recursive):
        return render_once(evaluation, to_render)

    def change(text: str) -> str:
        return render_until_stable(text, evaluation, render_in)

    return deeply(to_render, change, evaluation.meter)


@declare_function("renderOnce", "toRender")
def render_once(evaluation: Evaluation, to_render: Any) -> Any:
    """The text rendered one time; maps and lists deeply, other values as they are."""

    def change(text: str) -> str:
        return render_one_pass(text, evaluation, render_in)

    return deeply(to_render, change, evaluation.meter)
