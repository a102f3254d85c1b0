"""Compares the expression engine with Jinja2: compiling, cached rendering, loops.

    python benchmarks/expressions.py [--quick]

Prints CPU microseconds of the best of several rounds, and how many times Jinja2 needs what we need.
"""

import argparse
import time
import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

import jinja2

from app.expressions import Environment, compile_template
from app.expressions.template import Template

_TYPICAL = (
    "Hello {{ inputs.name | upper }}, order {{ outputs.fetch.body.id }} has "
    "{{ outputs.fetch.body.lines | length }} items"
)
_BRANCH = (
    "{% if outputs.fetch.code == 200 %}ok {{ outputs.fetch.body.id }}{% else %}failed{% endif %}"
)
_TWO = "{{ inputs.name }} bought {{ outputs.fetch.body.id }}"
_PATH = "{{ outputs.fetch.body.id }}"
_FILTERED = "{{ outputs.fetch.body.name | upper }}"
_LOOP = "{% for n in numbers %}{% if n > 25 %}{{ n }},{% else %}-{% endif %}{% endfor %}"

_COMPILED = (("compile a path", _PATH), ("compile a text", _TYPICAL), ("compile an if", _BRANCH))
_RENDERED = (
    ("render a path", _PATH),
    ("render text, two paths", _TWO),
    ("render a filter", _FILTERED),
    ("render a text", _TYPICAL),
    ("render an if", _BRANCH),
    ("render a loop of 50 ifs", _LOOP),
)

_CONTEXT: dict[str, Any] = {
    "inputs": {"name": "Ada"},
    "outputs": {
        "fetch": {"code": 200, "body": {"id": "o-17", "name": "books", "lines": [1, 2, 3]}}
    },
    "numbers": list(range(50)),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    seconds = 0.05 if parser.parse_args().quick else 0.4
    theirs = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    ours = Environment()
    print(f"{'':28}{'ours µs':>10}{'Jinja2 µs':>11}{'ratio':>8}")
    for name, text in _COMPILED:
        line(
            name,
            best(partial(Template, text), seconds),
            best(partial(theirs.from_string, text), seconds),
        )
    template = compile_template(_PATH)
    line("value of a path", best(lambda: template.value(_CONTEXT, ours), seconds), None)
    for name, text in _RENDERED:
        mine, other = compile_template(text), theirs.from_string(text)
        if mine.render(_CONTEXT, ours) != other.render(_CONTEXT):
            print(f"{name}: the results differ")
        measured = best(partial(mine.render, _CONTEXT, ours), seconds)
        line(name, measured, best(partial(other.render, _CONTEXT), seconds))
    line("cached compile_template", best(lambda: compile_template(_TYPICAL), seconds), None)
    line("a text without template", best(lambda: compile_template("plain text"), seconds), None)


def best(call: Callable[[], object], seconds: float) -> float:
    """Return the CPU microseconds of one call: the best of five rounds of some seconds."""
    timer = timeit.Timer(call, timer=time.process_time)
    number, took = timer.autorange()
    number = max(1, int(number * seconds / max(took, 1e-9)))
    return min(timer.repeat(5, number)) / number * 1e6


def line(name: str, ours: float, theirs: float | None) -> None:
    """Print one row."""
    compared = f"{theirs:11.2f}{theirs / ours:8.1f}" if theirs is not None else ""
    print(f"{name:28}{ours:10.2f}{compared}")


if __name__ == "__main__":
    main()
