"""The environment of every Git child: nothing of ours, nothing of the machine's, nothing asked.

Settings travel as `GIT_CONFIG_KEY_n` variables: no file of the repository, the user or the system
can change them, and credentials are neither in an argument list nor in a URL nor on disk.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.git.location import Credentials, Location, SshKey

# What a child may keep of our own environment: where programs and certificates are, and proxies.
_KEPT = (
    "PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY",
    "no_proxy", "ALL_PROXY", "all_proxy", "http_proxy", "SYSTEMROOT",
)  # fmt: skip

_SSH_PORT = 22

_SETTINGS: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.bigFileThreshold": "32m",  # larger blobs are streamed, never held in memory or deltified
    "core.deltaBaseCacheLimit": "16m",  # per child; Git's own 96 MB would be paid by each reader
    "core.fsync": "objects,derived-metadata,reference",
    "fastimport.unpackLimit": "1",  # one pack to sync instead of a file for each object
    "core.quotePath": "false",
    "credential.helper": "",
    "protocol.version": "2",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.fsckObjects": "true",
    "receive.fsckObjects": "true",
    # Old but harmless: real histories hold them, and every forge serves them.
    "fetch.fsck.zeroPaddedFilemode": "warn",
    "fetch.fsck.badTimezone": "warn",
    "fetch.fsck.missingSpaceBeforeDate": "warn",
    "fetch.writeCommitGraph": "false",
    "fetch.recurseSubmodules": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "submodule.recurse": "false",
    "log.showSignature": "false",
    "user.useConfigOnly": "true",
    "init.defaultBranch": "main",
}


def hardened(
    home: Path,
    *,
    location: Location | None = None,
    credentials: Credentials | None = None,
    ssh_key: SshKey | None = None,
    settings: Mapping[str, str] | None = None,
    addresses: Sequence[str] = (),
) -> dict[str, str]:
    """Return the whole environment of one Git child.

    `home` is an empty folder. Without a `location` no transport at all is allowed. `settings` are
    further Git settings. `addresses`: where the host of the location is; it is not looked up again.
    """
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "TZ": "UTC",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_SSH_VARIANT": "ssh",
        "GIT_SSH_COMMAND": "false",
        "GIT_ALLOW_PROTOCOL": "none",
    }
    pairs = dict(_SETTINGS) | dict(settings or {})
    if location is not None:
        _admit(env, pairs, location, credentials)
        if location.kind == "ssh":
            env["GIT_SSH_COMMAND"] = _ssh_command(location, ssh_key, addresses)
        elif addresses:
            pairs["http.curloptResolve"] = _pinned(location, addresses)
    env["GIT_CONFIG_COUNT"] = str(len(pairs))
    for number, (key, value) in enumerate(pairs.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def _admit(
    env: dict[str, str],
    pairs: dict[str, str],
    location: Location,
    credentials: Credentials | None,
) -> None:
    """Allow the one transport that the location needs, with its credentials."""
    if location.is_own:
        return
    env["GIT_ALLOW_PROTOCOL"] = location.kind
    if location.kind in {"http", "https"} and credentials is not None:
        key = f"http.{location.base_url}.extraHeader"
        pairs[key] = f"Authorization: {credentials.header()}"


def _pinned(location: Location, addresses: Sequence[str]) -> str:
    there = ",".join(f"[{each}]" if ":" in each else each for each in addresses)
    return f"{location.host}:{location.port}:{there}"


def _ssh_command(location: Location, key: SshKey | None, addresses: Sequence[str]) -> str:
    """Return the ssh command line: no user configuration, no questions, known hosts only."""
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "GlobalKnownHostsFile": os.devnull,
        "UserKnownHostsFile": str(key.known_hosts) if key else os.devnull,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "15",
        "PermitLocalCommand": "no",
    }
    if addresses:
        # The connection goes to what was checked; the key is still that of the name.
        options["HostName"] = addresses[0]
        usual = location.port == _SSH_PORT
        options["HostKeyAlias"] = location.host if usual else f"[{location.host}]:{location.port}"
    argv = ["ssh", "-F", os.devnull, "-a", "-x"]
    argv += [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    if key:
        argv += ["-i", str(key.private_key)]
    return shlex.join(argv)
