"""The APIs of Git forges (implement `ports.Forge`): GitHub, GitLab, Gitea and Forgejo, Bitbucket.

Thin clients: of the answers only what is used is read. `Forges` makes the one that a source needs.
"""

from app.forges.choice import Forges

__all__ = ["Forges"]
