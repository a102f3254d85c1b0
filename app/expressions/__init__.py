"""Expressions: the template language of flows, Kestra's dialect of Pebble. Pure, no I/O.

`compile_template(text).render(context, environment)` gives text, `.value(…)` a native value. Only
`ExpressionError`, `MissingVariable` and `Pending` leave the package.
"""

from app.expressions.budget import Budget
from app.expressions.builtins import MODULES
from app.expressions.environment import Environment
from app.expressions.functions_outside import slug
from app.expressions.host import UNKNOWN, Host, Pending
from app.expressions.java_numbers import Float32, number_text
from app.expressions.mixed import Mixed
from app.expressions.references import References, references
from app.expressions.registry import FILTERS, FUNCTIONS, TESTS, Filter, Function, Test
from app.expressions.rendering import render_async, render_deep
from app.expressions.template import Expression, Template, compile_template
from app.expressions.uses import Use, check, is_known, uses
from app.expressions.values import truthy

__all__ = [
    "FILTERS",
    "FUNCTIONS",
    "MODULES",
    "TESTS",
    "UNKNOWN",
    "Budget",
    "Environment",
    "Expression",
    "Filter",
    "Float32",
    "Function",
    "Host",
    "Mixed",
    "Pending",
    "References",
    "Template",
    "Test",
    "Use",
    "check",
    "compile_template",
    "is_known",
    "number_text",
    "references",
    "render_async",
    "render_deep",
    "slug",
    "truthy",
    "uses",
]
