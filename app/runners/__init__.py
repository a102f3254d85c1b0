"""Runners: where the programs of script tasks run."""
