"""Secrets in Git: SOPS documents encrypted to age recipients, read and written."""
