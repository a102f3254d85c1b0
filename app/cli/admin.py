"""`headwater admin`: users, groups, roles, bindings, service accounts and tokens."""

from cyclopts import App

app = App(name="admin", help="Users, groups, roles, bindings, service accounts, tokens.")
app.command("app.cli.admin_users:app", name="user", help="Users of the instance.")
app.command("app.cli.admin_groups:app", name="group", help="Groups, and who is in them.")
app.command("app.cli.admin_roles:roles", name="role", help="Roles: sets of permissions.")
app.command("app.cli.admin_roles:bindings", name="binding", help="Who has which role where.")
app.command(
    "app.cli.admin_tokens:accounts", name="service-account", help="Service accounts of a tenant."
)
app.command("app.cli.admin_tenants:app", name="tenant", help="Tenants: folders of a repository.")
app.command("app.cli.admin_tokens:tokens", name="token", help="API tokens.")
