"""Tracing what runs to who wrote it: parts of flows to commits, failures to changes."""
