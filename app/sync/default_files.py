"""What files say of plugin defaults. Pure."""

from app.flows.flow import PluginDefault
from app.sync.namespace_file import readable_settings
from app.sync.tenant_file import readable_tenant


def defaults_in(text: bytes, *, of_tenant: bool) -> tuple[PluginDefault, ...]:
    """Return the plugin defaults that a file says; what cannot be read of it says nothing."""
    read = readable_tenant if of_tenant else readable_settings
    return read(text).plugin_defaults
