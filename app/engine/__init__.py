"""The engine: walks executions, keeps what happened, brings back what was interrupted."""
