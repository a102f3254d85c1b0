"""Sync: commits become revisions, valid namespaces become active, edits become commits."""
