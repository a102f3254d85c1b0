"""Filters between values and texts of a format: JSON, YAML, Ion, and jq over them."""

from typing import Any

from app.expressions.arguments import text_argument
from app.expressions.evaluation import Evaluation
from app.expressions.ion_text import write_ion
from app.expressions.json_text import write_json
from app.expressions.registry import declare_filter
from app.expressions.yaml_text import write_yaml


@declare_filter("toJson", aliases=("json",))
def to_json(evaluation: Evaluation, value: Any) -> str:
    """The value as compact JSON; a text gets quotes, null is `null`."""
    return write_json(value, evaluation.meter)


@declare_filter("toIon")
def to_ion(evaluation: Evaluation, value: Any) -> str:
    """The value as Amazon Ion text; null is `null`."""
    return write_ion(value, evaluation.meter)


@declare_filter("yaml")
def yaml(evaluation: Evaluation, value: Any) -> str:
    """The value as YAML, ending with a line break."""
    return write_yaml(value, evaluation.meter)


@declare_filter("jq", "expression")
def jq(evaluation: Evaluation, value: Any, expression: Any) -> Any:
    """The results of a jq program, always as a list; add `| first` for one.

    A text is read as JSON. jq runs outside of the evaluation, where it can be stopped.
    """
    program = text_argument("jq", "expression", expression)
    document = value if isinstance(value, str) else write_json(value, evaluation.meter)
    return evaluation.fetch("jq", program, document)
