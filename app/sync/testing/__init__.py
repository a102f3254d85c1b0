"""Tests of flows on a running service: their files in Git, their runs, and what broke a flow."""
