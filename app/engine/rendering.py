"""Rendering: templates of a task's properties become values, just before it runs (§5.8)."""

from collections.abc import Mapping
from typing import Any, TypeVar

from app.engine.json import plain
from app.engine.suspects import Stepping
from app.errors import ExpressionError
from app.expressions import Environment, Pending, compile_template, render_async, render_deep
from app.flows.model import Model
from app.flows.values import dynamic_fields, is_template, rendered_value

M = TypeVar("M", bound=Model)


class Renderer:
    """Renders with one environment; remembers which properties of a model hold templates."""

    def __init__(self, environment: Environment, plans: dict[int, Any], stepping: Stepping) -> None:
        """Use `environment` for functions, filters and budgets; keep plans with their flow.

        Evaluations run inside `stepping`, which names the execution should the process die of it.
        """
        self._environment = environment
        self._plans = plans
        self._stepping = stepping

    def without(self, *names: str) -> "Renderer":
        """Return a renderer that refuses some functions, such as `secret` where everybody sees."""
        return Renderer(self._environment.without(*names), {}, self._stepping)

    async def text(self, template: str, variables: Mapping[str, Any]) -> str:
        """Render one template to text.

        Raises:
            ExpressionError: when it cannot be read or evaluated.
        """
        if "{" not in template:
            return template
        try:
            with self._stepping:
                return compile_template(template).render(variables, self._environment)
        except Pending:
            return str(await self._asking(template, variables))

    async def deep(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """Render every text of a structure, keys too; other values stay as they are."""
        if not is_template(value):
            return value
        try:
            with self._stepping:
                return render_deep(value, variables, self._environment)
        except Pending:
            return await self._asking(value, variables)

    async def _asking(
        self, value: Any, variables: Mapping[str, Any], *, typed: bool = False
    ) -> Any:
        return await render_async(
            value, variables, self._environment, typed=typed, around=self._stepping
        )

    async def typed(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """Render as `deep` does; one single `{{ … }}` gives its native value (`renderTyped`)."""
        if not isinstance(value, str):
            return await self.deep(value, variables)
        try:
            with self._stepping:
                found = compile_template(value).value(variables, self._environment)
        except Pending:
            found = await self._asking(value, variables, typed=True)
        return plain(found)

    async def once(self, model: M, variables: Mapping[str, Any]) -> M:
        """Return a model rendered that does not live as long as the flow: no plan is kept."""
        passing = Renderer(self._environment, {}, self._stepping)
        return await passing.model(model, variables)

    async def model(self, model: M, variables: Mapping[str, Any]) -> M:
        """Return the model with its dynamic properties rendered and made what they are declared as.

        Raises:
            ExpressionError: when a template cannot be evaluated.
            Invalid: when what comes out is no value for its property.
        """
        plan = self._plans.get(id(model))
        if plan is None:
            plan = self._plans[id(model)] = _plan(model)
        if not plan:
            return model
        changed: dict[str, Any] = {}
        for name, value, dynamic in plan:
            if dynamic:
                rendered = await self.deep(value, variables)
                changed[name] = rendered_value(type(model), name, rendered)
            else:
                changed[name] = await self.model(value, variables)
        return model.model_copy(update=changed)


def _plan(model: Model) -> list[tuple[str, Any, bool]]:
    """Return the properties to render: name, value, and whether it is dynamic or has such."""
    dynamic = dynamic_fields(type(model))
    plan: list[tuple[str, Any, bool]] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name in dynamic and is_template(value) and name not in model.late:
            plan.append((name, value, True))
        elif isinstance(value, Model) and _plan(value):
            plan.append((name, value, False))
    return plan


def reason(error: Exception) -> str:
    """Return the message of an error of ours, for people."""
    if isinstance(error, ExpressionError) and error.line:
        return f"{error.message} (line {error.line}, column {error.column})"
    return getattr(error, "message", str(error))
