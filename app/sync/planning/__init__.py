"""Planning: what a commit would change, said before it is merged. No database, no server."""
