"""Migrations: forward only, expand and contract (contract D11)."""
