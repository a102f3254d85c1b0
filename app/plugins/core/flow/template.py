"""`core.flow.Template`: a deprecated kind of subflow."""

from typing import Any

from pydantic import Field

from app.executions import State
from app.flows.values import Text
from app.plugins.api import Flowable, TaskFailed, Walker


class Template(Flowable):
    """Run the tasks of a template. There are no templates any more: it fails, saying so."""

    type_name = "io.kestra.plugin.core.flow.Template"
    aliases = ("io.kestra.core.tasks.flows.Template",)
    deprecated = "make a flow of the template and use io.kestra.plugin.core.flow.Subflow"

    namespace: Text = Field(description="The namespace of the template.")
    template_id: Text = Field(description="The id of the template.")
    tenant_id: Text | None = Field(None, description="The tenant of the template.")
    args: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of the template; texts may be expressions."
    )

    async def walk(self, walker: Walker) -> State:
        """Fail: there are no templates.

        Raises:
            TaskFailed: always.
        """
        name = f"{await walker.render(self.namespace)}.{await walker.render(self.template_id)}"
        message = f"Can't find flow template '{name}'"
        raise TaskFailed(message)
