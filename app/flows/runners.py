"""Task runners: where the programs of script tasks run. Their shape; the node decides the rest."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.flows.typed import ByType, Model, Typed
from app.flows.values import Dynamic, Text


class TaskRunner(Typed):
    """A task runner. A runner type is a subclass with its own properties."""

    kind: ClassVar[str] = ""
    """The name under which a node knows this way to run programs: `process`, `docker`, …"""

    type: Text = Field(description="The full name of the runner type.")
    version: Text | None = Field(None, description="The version of the plugin.")


SomeRunner = Annotated[TaskRunner, ByType("runner")]
"""A task runner, validated as the type it names."""


class Process(TaskRunner):
    """Run programs as processes of the machine that the node runs on."""

    type_name = "io.kestra.plugin.core.runner.Process"
    aliases = (
        "io.kestra.core.models.tasks.runners.ProcessTaskRunner",
        "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",
        "io.kestra.plugin.core.runner.ProcessTaskRunner",
        "io.kestra.plugin.scripts.runner.Process",
    )
    kind = "process"


class DockerCredentials(Model):
    """How to sign in to a registry of images."""

    registry: Dynamic[str] | None = Field(None, description="Address of the registry.")
    username: Dynamic[str] | None = Field(None, description="User name.")
    password: Dynamic[str] | None = Field(None, description="Password.")
    registry_token: Dynamic[str] | None = Field(None, description="Token of the registry.")
    identity_token: Dynamic[str] | None = Field(None, description="Token of the user.")
    auth: Dynamic[str] | None = Field(None, description="`user:password`, in base64.")


class DockerDevice(Model):
    """A device that a container asks for."""

    driver: Dynamic[str] | None = Field(None, description="Driver of the device.")
    count: int | None = Field(None, description="How many devices; -1 for all.")
    device_ids: list[Dynamic[str]] | None = Field(None, description="Ids of devices.")
    capabilities: list[list[Text]] | None = Field(None, description="What they must be able to do.")
    options: dict[str, Text] | None = Field(None, description="Further options of the driver.")


class DockerCpu(Model):
    """How much processor a container may use."""

    cpus: Dynamic[float] | None = Field(None, description="Number of processors, as `1.5`.")


class DockerMemory(Model):
    """How much memory a container may use; sizes are texts such as `512MB`."""

    memory: Dynamic[str] | None = Field(None, description="Most memory.")
    memory_swap: Dynamic[str] | None = Field(None, description="Most memory and swap together.")
    memory_swappiness: Dynamic[str] | None = Field(None, description="Readiness to swap, 0 to 100.")
    memory_reservation: Dynamic[str] | None = Field(None, description="Soft limit.")
    kernel_memory: Dynamic[str] | None = Field(None, description="Most memory of the kernel.")
    oom_kill_disable: bool | None = Field(
        None, description="Whether a container out of memory is left alive."
    )


class DockerOptions(Model):
    """What can be said of a container."""

    host: Dynamic[str] | None = Field(None, description="Address of the Docker service.")
    config: Dynamic[dict[str, Any] | str] | None = Field(
        None, description="Docker's configuration file: its JSON, or a map."
    )
    credentials: DockerCredentials | None = Field(None, description="How to sign in.")
    user: Dynamic[str] | None = Field(None, description="User inside of the container.")
    entry_point: list[Dynamic[str]] | None = Field(None, description="Entry point of the image.")
    extra_hosts: list[Dynamic[str]] | None = Field(None, description="Host names, `name:address`.")
    network_mode: Dynamic[str] | None = Field(None, description="Network of the container.")
    volumes: list[Dynamic[str]] | None = Field(None, description="Folders to mount.")
    pull_policy: Dynamic[Literal["ALWAYS", "IF_NOT_PRESENT", "NEVER"]] = Field(
        "ALWAYS", description="When the image is pulled."
    )
    device_requests: list[DockerDevice] | None = Field(None, description="Devices.")
    cpu: DockerCpu | None = Field(None, description="How much processor it may use.")
    memory: DockerMemory | None = Field(None, description="How much memory it may use.")
    shm_size: Dynamic[str] | None = Field(None, description="Size of `/dev/shm`.")
    privileged: Dynamic[bool] | None = Field(None, description="Whether it has all privileges.")


class Docker(TaskRunner, DockerOptions):
    """Run programs in a Docker container.

    No Docker runner is part of this service: such a task fails and says so, unless the setting
    `runners.docker_as_process` lets it run as a process.
    """

    type_name = "io.kestra.plugin.scripts.runner.docker.Docker"
    aliases = (
        "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner",
        "io.kestra.plugin.core.runner.Docker",
    )
    kind = "docker"

    file_handling_strategy: Dynamic[Literal["VOLUME", "MOUNT"]] = Field(
        "VOLUME", description="How files go in and out."
    )
    delete: Dynamic[bool] = Field(default=True, description="Remove the container at the end.")
    wait: Dynamic[bool] = Field(default=True, description="Wait for the container to end.")
    kill_grace_period: Dynamic[str] | None = Field(
        None, description="Time between SIGTERM and SIGKILL."
    )
    resume: Dynamic[bool] = Field(
        default=True, description="Take up a container that runs already."
    )


RUNNERS: tuple[type[TaskRunner], ...] = (Process, Docker)
"""The runner types that are known."""
