"""Whether a commit that the forge signed is the merge of a pull request that people approved."""

from app.ports import Forge

_MAY = ("write", "admin")


class Approver:
    """Asks the forge about merges; `least` approvals are needed."""

    def __init__(self, forge: Forge | None, least: int) -> None:
        """None: there is no forge that could be asked."""
        self._forge = forge
        self._least = least

    async def lacking(self, commit: str) -> str | None:
        """Return what is missing, None when the commit merged a pull request with enough approvals.

        Counted are approvals of exactly the head that was merged, by others than its author who
        may write to the repository.

        Raises:
            Unavailable, AuthFailed, …: as the forge.
        """
        if self._forge is None:
            return "no forge is set that could be asked who approved it"
        pulls = await self._forge.pulls(sha=commit)
        pull = next((each for each in pulls if each.merged_sha == commit), None)
        if pull is None:
            return "it merged no pull request"
        given = 0
        for user in {each.user for each in await self._forge.approvals(pull.number)
                     if each.sha == pull.head_sha and each.user != pull.author}:  # fmt: skip
            given += await self._forge.permission(user) in _MAY
        if given < self._least:
            return f"pull request {pull.number} has {given} of {self._least} approvals"
        return None
