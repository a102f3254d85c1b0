"""What goes over the network: listing, fetching and pushing refs of one location."""

from collections.abc import Sequence
from pathlib import Path

from app.errors import RemoteUnreachable
from app.git.environment import hardened
from app.git.failures import explain_network
from app.git.folder import Folder
from app.git.location import (
    Access,
    AddressSource,
    Credentials,
    CredentialSource,
    Location,
    SshKey,
)
from app.git.names import is_oid
from app.git.process import Launcher, Outcome
from app.git.refs import object_format
from app.git.repository import HardenedGit


class Remote:
    """The other end of a mirror."""

    def __init__(
        self,
        disk: Folder,
        location: Location,
        *,
        credentials: CredentialSource | None = None,
        ssh_key: SshKey | None = None,
        push: Access = Access(),  # noqa: B008 - frozen
        addresses: AddressSource = lambda _: (),
    ) -> None:
        """`push` is what pushes show, where it is not what reads show.

        `addresses` says where the host is, and whether it may be asked.
        """
        self._disk = disk
        self._location = location
        self._credentials = credentials or (lambda: None)
        self._ssh_key = ssh_key
        self._push = push
        self._addresses = addresses

    def into(self, disk: Folder) -> "Remote":
        """Return the same remote, for another folder."""
        return Remote(
            disk,
            self._location,
            credentials=self._credentials,
            ssh_key=self._ssh_key,
            push=self._push,
            addresses=self._addresses,
        )

    def refs(self) -> dict[str, str]:
        """Return full name -> object id of the remote's branches and tags.

        Raises:
            RemoteUnreachable, AuthFailed, RefNotFound: naming the host and the reason.
        """
        outcome = self._network(["ls-remote", "--heads", "--tags", "--refs"], [])
        pairs = (line.split("\t", 1) for line in outcome.text.splitlines() if "\t" in line)
        return {name: oid for oid, name in pairs if is_oid(oid)}

    def default_branch(self) -> str | None:
        """Return the branch that the remote's HEAD names, None when it names none."""
        if self._location.is_own:
            return self._location.branch
        outcome = self._network(["ls-remote", "--symref"], ["HEAD"])
        for line in outcome.text.splitlines():
            if line.startswith("ref: refs/heads/"):
                return line.removeprefix("ref: refs/heads/").split("\t", 1)[0]
        return None

    def object_format(self) -> str:
        """Return the remote's hash, `sha1` or `sha256`; an empty remote is taken for `sha1`."""
        if self._location.is_own:
            return "sha1"
        return object_format(self.refs().values())

    def fetch(self, refspecs: Sequence[str], *, prune: bool = True) -> None:
        """Fetch by refspecs of checked names, nothing else: no tags on the side, no FETCH_HEAD.

        Raises:
            RemoteUnreachable, AuthFailed, RefNotFound: naming the host and the reason.
            TooLarge: when a pack is over the limit of one file.
            MirrorCorrupt: when the local copy cannot take it.
        """
        options = ["--no-tags", "--no-write-fetch-head", "--quiet", "--force"]
        self._network(["fetch", *options, *(["--prune"] if prune else [])], refspecs)

    def push(self, refspec: str, *, lease: str) -> Outcome:
        """Push one ref under a lease (`refs/heads/x:<expected id or nothing>`).

        The outcome's text is `git push --porcelain`'s. Refusals of the ref are told there.

        Raises:
            RemoteUnreachable, AuthFailed, RefNotFound: naming the host and the reason.
        """
        command = ["push", "--porcelain", "--no-verify", f"--force-with-lease={lease}"]
        return self._network(command, [refspec], is_push=True)

    def relocate(self, location: Location) -> None:
        """Ask another address from now on."""
        self._location = location

    def _network(
        self, command: Sequence[str], operands: Sequence[str], *, is_push: bool = False
    ) -> Outcome:
        """Run one network command; a refusal of a ref that a push lists is an answer, too."""
        listing = command[0] == "ls-remote"
        seconds = self._disk.limits.network_seconds / (10 if listing else 1)
        credentials = (is_push and self._push.credentials) or self._credentials()
        ssh_key = (is_push and self._push.ssh_key) or self._ssh_key
        # A listing needs no repository, and must work where ours is damaged or not made yet.
        folder = self._disk.home if listing else self._disk.path
        git = HardenedGit(folder)
        git.launcher = Launcher(folder, self._environment(credentials, ssh_key), self._disk.limits)
        git.lock = self._disk.lock
        outcome = git.execute(
            ["git", *command, "--end-of-options", self._location.url, *operands], seconds=seconds
        )
        if outcome.timed_out:
            host = self._location.host
            raise RemoteUnreachable(
                f"{host} did not answer within {seconds:g} s for {self._location}"
            )
        if outcome.code and not (is_push and "\n!\t" in f"\n{outcome.text}"):
            secrets = credentials.secrets() if credentials else ()
            raise explain_network(outcome.err, self._location, secrets)
        return outcome

    def _environment(
        self, credentials: Credentials | None, ssh_key: SshKey | None
    ) -> dict[str, str]:
        environment = hardened(
            self._disk.home,
            location=self._location,
            credentials=credentials,
            ssh_key=ssh_key,
            addresses=self._addresses(self._location),
        )
        if self._location.kind == "file":
            trust = self._disk.trust_file(Path(self._location.url))
            environment["GIT_CONFIG_GLOBAL"] = str(trust)
        return environment
