"""Where a source's commits come from: our own repository, a remote, or a working folder.

Everything here blocks; call it in threads.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.config import SourceSettings
from app.errors import BadRequest, Conflict, ObjectMissing, RefNotFound, Unavailable
from app.git.draft import Draft, Person
from app.git.ignore import Ignored
from app.git.layout import Layout, Place
from app.git.location import Access, Credentials, Location, SshKey, local, own, remote
from app.git.manifest import MANIFEST, Manifest, read_manifest
from app.git.mirror import Mirror
from app.git.names import check_oid
from app.git.process import Limits
from app.git.refs import TAGS
from app.git.signing import SigningKey
from app.git.survey import SizeLimits
from app.git.tips import TipChange, local_name
from app.git.trees import blob_of
from app.git.worktree import WorkingFolder
from app.git.writer import Writer
from app.plugins.http import Egress, Policy
from app.sync.folder import write_files
from app.sync.lending import Lender
from app.sync.ownership import Refusal
from app.sync.remote_addresses import RemoteAddresses
from app.sync.selecting import missing, select
from app.sync.specs import check_address, is_configured, with_credentials

IGNORE_FILE = ".headwaterignore"
_MOST_RULES = 1 << 16
BOT = Person("Headwater", "headwater@localhost")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the repository is, and where our copy of it is kept."""

    location: Location
    mirror: Path
    working_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """What of the node's settings concerns every source."""

    folder: Path
    """Where the copies of repositories are kept."""
    is_dev: bool = False
    configured: Mapping[str, SourceSettings] = field(default_factory=dict)
    """The sources of the configuration: others may borrow their credentials."""
    is_foreign: bool = False
    """Whether it is for a source that the configuration does not name."""
    egress: Egress | None = None
    """Where remotes may be; None: anywhere but where nothing is ever called."""


def locate(spec: SourceSettings, home: Home) -> Site:
    """Return where the settings say that the repository is.

    Raises:
        BadRequest: when that is no repository, or a path where paths are not allowed.
    """
    repo, folder = spec.repo, home.folder
    if home.is_foreign:
        check_address(spec, home.configured)
    if repo is None:
        if spec.ref_kind[0] not in ("", "branch"):
            raise BadRequest("git.ref: a repository of our own has branches only")
        return Site(own(spec.ref_kind[1]), folder / "flows.git")
    if "://" in repo and not repo.startswith("file://"):
        return Site(remote(repo, allow_http=True), _copy(spec, home, repo))
    path = Path(repo.removeprefix("file://")).expanduser().absolute()
    if not path.exists() and "@" in repo:
        return Site(remote(repo), _copy(spec, home, repo))
    return _on_disk(spec, path, home)


def _on_disk(spec: SourceSettings, path: Path, home: Home) -> Site:
    folder = home.folder
    if not path.is_dir():
        raise BadRequest(f"There is no repository at {path}; set git.repo to one")
    bare = (path / "HEAD").is_file() and (path / "objects").is_dir()
    if home.is_dev and not bare:
        return Site(own(spec.ref_kind[1]), folder / _name(f"folder:{path}"), path)
    if not bare and not (path / ".git").exists():
        raise BadRequest(f"{path} is no Git repository; working folders are for dev mode")
    if not (home.is_dev or spec.allow_file_protocol):
        raise BadRequest(
            f"git.repo is the path {path}: set git.allow_file_protocol, or give an address"
        )
    return Site(local(path), folder / _name(str(path)))


def _copy(spec: SourceSettings, home: Home, repo: str) -> Path:
    """Return where the copy of a remote is kept.

    One that the configuration does not name shares none but with who borrows the same credentials:
    our copy would give it what the host refuses.
    """
    whose = f"\n{spec.credentials or ''}" if home.is_foreign else ""
    return home.folder / _name(repo + whose)


def _name(address: str) -> str:
    return f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.git"


def addresses_for(spec: SourceSettings, home: Home) -> RemoteAddresses:
    """Return what looks up the host of a source.

    An administrator who names a host may mean one of this network; anybody else may not, unless
    the configuration has a source of that host, or allows it by name.
    """
    egress = home.egress or Egress(Policy())
    is_known = not home.is_foreign or is_configured(spec.repo, home.configured)
    return RemoteAddresses(egress.trusted() if is_known else egress.public())


def layout_of(spec: SourceSettings) -> Layout:
    """Return how the settings say that the repository is laid out."""
    return Layout(spec.layout, spec.root.strip("/"), spec.tenant, spec.tenants)


class Origin:
    """The repository of a source, opened."""

    def __init__(
        self,
        spec: SourceSettings,
        home: Home,
        clock: Callable[[], int],
        lend: Lender = lambda: None,
    ) -> None:
        """Open or make the copy on disk; `clock` gives µs since the epoch.

        `lend` gives the forge's token of the moment, for a remote that has no credentials set.

        Raises:
            GitError: when a remote that is new here does not answer.
        """
        self.site = locate(spec, home)
        known = with_credentials(spec, home.configured)
        self.kind, self.ref = spec.ref_kind
        self._followed: str | None = None
        """The full name of the ref that the last look found."""
        self.is_current = self.site.location.is_own
        """Whether our copy was compared with the remote: a kept one may be older than what runs."""
        self.layout = layout_of(spec)
        self.standing: Callable[[str, str], Refusal | None] = lambda *_: None
        """Why a namespace is not the source's; set by each run that has several to choose from."""
        self.limits = SizeLimits(spec.max_flow_bytes, spec.max_file_bytes)
        self.read_credentials = lambda: _credentials(known) or _lent(self.site.location, lend)
        """Gives what the remote is shown to read; may ask the forge (blocking)."""
        self.mirror = Mirror(
            self.site.mirror,
            self.site.location,
            credentials=self.read_credentials,
            ssh_key=_ssh_key(known),
            push=Access(_push_credentials(known), _push_key(known)),
            addresses=addresses_for(spec, home),
            limits=Limits(network_seconds=spec.fetch_timeout_seconds),
            clock=clock,
        )
        self._folder = self._working_folder()
        self._folder_lock = threading.Lock()
        self._ignored = Ignored("")
        self.manifest = Manifest()
        """What the repository says of itself at the tip."""
        self.rules = ""
        """What identifies the patterns of ignored files, "" for none."""
        self.clock = clock
        key = spec.signing_key_file
        self._signing = SigningKey(key) if key is not None else None

    def _working_folder(self) -> WorkingFolder | None:
        folder = self.site.working_folder
        if folder is None:
            return None
        return WorkingFolder(folder, self.mirror, self.layout, limits=self.limits)

    def follow_rules(self, tip: str) -> bool:
        """Read `.headwaterignore` and `headwater.yaml` at the tip.

        Returns whether other files are ignored than before.
        """
        blobs = {name: self._at_root(tip, name) for name in (IGNORE_FILE, MANIFEST)}
        texts = {name: self._small(blob) for name, blob in blobs.items()}
        path = f"{self.layout.root}/{MANIFEST}".lstrip("/")
        said = read_manifest(path, texts[MANIFEST], self.layout.style) if blobs[MANIFEST] else None
        self.manifest = said or Manifest()
        patterns = "\n".join(self.manifest.ignore)
        rules = blobs[IGNORE_FILE] + (
            hashlib.sha256(patterns.encode()).hexdigest() if patterns else ""
        )
        if rules == self.rules:
            return False
        lines = texts[IGNORE_FILE].decode("utf-8", "replace")
        self._ignored = Ignored(f"{lines}\n{patterns}")
        self.rules = rules
        return True

    def _at_root(self, tip: str, name: str) -> str:
        path = f"{self.layout.root}/{name}".lstrip("/")
        return blob_of(self.mirror.objects, tip, path) or ""

    def _small(self, blob: str) -> bytes:
        return self.mirror.objects.read(blob, limit=_MOST_RULES) if blob else b""

    def is_ignored(self, path: str) -> bool:
        """Return whether a path of the repository is nothing to us, by the rules at the tip."""
        inside = self.layout.inside(path)
        return inside is not None and self._ignored(inside)

    def file_at(self, path: str) -> Place | None:
        """Return what the file at a path is, None when it is nothing to us."""
        place = self.layout.place(path)
        if place is None or self.is_ignored(path) or self.refusal(place):
            return None
        return place

    def refusal(self, place: Place) -> Refusal | None:
        """Return why a place is not the source's, None when it is."""
        return self.standing(place.tenant, place.namespace) if place.namespace else None

    def look(self) -> str | None:
        """Return the object id of the followed ref as the repository has it now, fetching nothing.

        None: a repository of our own that has no commit yet.

        Raises:
            RefNotFound: when the remote has no such branch, tag or version.
            RemoteUnreachable, AuthFailed: by the remote.
        """
        if self._folder is not None:
            with self._folder_lock:
                return self._folder.snapshot()
        if self.kind == "commit":
            return check_oid(self.ref)
        listing = self.mirror.ls_remote()
        self._followed = select(self.kind, self.ref, listing)
        if self._followed is not None:
            return listing[self._followed]
        if self.site.location.is_own:
            return None
        raise RefNotFound(f"{self.site.location} has {missing(self.kind, self.ref)}")

    def fetch(self, seen: str) -> tuple[str, TipChange | None]:
        """Bring our copy up to what was seen; return the tip and, if it moved here, its change."""
        change = self._change(seen)
        self.is_current = True
        if self.kind != "commit":
            return self.mirror.tip(self._followed or self.ref), change
        if not self.mirror.has(seen):
            raise RefNotFound(f"{self.site.location} has {missing(self.kind, self.ref)}")
        return seen, None

    def _change(self, seen: str) -> TipChange | None:
        if not self.site.location.is_own and not self._is_here(seen):
            changes = self.mirror.fetch()
            return next((each for each in changes if each.ref == self._followed), None)
        return None

    def check(self, commit: str) -> None:
        """Refuse to read a commit that is not here: that is not one which says nothing.

        Raises:
            Unavailable: while our copy may only not have fetched it yet.
            ObjectMissing: when it is not kept any more.
        """
        if self.mirror.has(commit):
            return
        if self.is_current and self.mirror.branches():
            raise ObjectMissing(f"commit {commit} is not kept any more")
        raise Unavailable(f"commit {commit} of {self.site.location} is not fetched yet")

    def _is_here(self, seen: str) -> bool:
        """Return whether our copy of the followed ref is what the remote has."""
        if self._followed is None:
            return self.mirror.has(seen)
        found = self.mirror.objects.info(local_name(self._followed))
        return found is not None and found.oid == seen

    def write(self, make: Callable[[str | None], Draft]) -> str:
        """Publish a commit on the followed branch; return it, or the tip if nothing changes.

        `make` is given the tip and returns the draft for it.

        Raises:
            Conflict, PushRefused, AuthFailed, RemoteUnreachable: as `Writer.change`.
        """
        if self._folder is not None and self.site.working_folder is not None:
            with self._folder_lock:
                draft = make(self._folder.snapshot()).check()
                write_files(self.site.working_folder, draft.changes)
                return self._folder.snapshot() or ""
        if self.kind not in ("", "branch") or (self._followed or "").startswith(TAGS):
            message = (
                f"the source follows {self.kind or 'tag'} {self.ref}: only branches are edited"
            )
            raise Conflict(message)
        return self.writer().change(self.ref, make)

    def writer(self) -> Writer:
        """Return what makes commits of this repository, signed where a key is set."""
        return Writer(self.mirror, BOT, clock=self.clock, signing=self._signing)

    def move_to(self, address: str) -> None:
        """Ask another address from now on: the repository was renamed. Our copy stays."""
        where = remote(address, allow_http=True)
        self.site = replace(self.site, location=where)
        self.mirror.relocate(where)

    def maintain(self) -> None:
        """Tidy up our copy, where many fetches and edits have left their packs."""
        if self.mirror.is_untidy():
            self.mirror.maintain()

    def close(self) -> None:
        """End the reading processes."""
        self.mirror.close()


def _credentials(spec: SourceSettings) -> Credentials | None:
    if spec.token is None:
        return None
    return Credentials(spec.token.get_secret_value(), spec.username or "x-access-token")


def _lent(location: Location, lend: Lender) -> Credentials | None:
    """Return what a forge lends; only a remote that takes tokens is shown one."""
    return lend() if location.kind in ("https", "http") else None


def _push_credentials(spec: SourceSettings) -> Credentials | None:
    """Return what only pushes are shown, None when it is what reads are shown."""
    if spec.push_token is None:
        return None
    name = spec.push_username or spec.username or "x-access-token"
    return Credentials(spec.push_token.get_secret_value(), name)


def _push_key(spec: SourceSettings) -> SshKey | None:
    if spec.push_ssh_key_file is None or spec.known_hosts_file is None:
        return None
    return SshKey(spec.push_ssh_key_file, spec.known_hosts_file)


def _ssh_key(spec: SourceSettings) -> SshKey | None:
    if spec.ssh_key_file is None or spec.known_hosts_file is None:
        return None
    return SshKey(spec.ssh_key_file, spec.known_hosts_file)
