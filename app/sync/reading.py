"""The phases that read: RESOLVE, FETCH, VERIFY, DIFF, LOAD and VALIDATE. Nothing becomes active."""

import asyncio
from collections.abc import Sequence
from functools import partial

from app.db.records import FlowKey
from app.errors import ObjectMissing, Unavailable
from app.flows.flow import PluginDefault
from app.git.layout import Kind
from app.git.survey import Located, shown
from app.git.trees import Entry, tree_of
from app.sync.claiming import claim
from app.sync.crossing import Crossing
from app.sync.delegation import declared, findings_of
from app.sync.documents import document_findings
from app.sync.drawing import Drawing
from app.sync.findings import CROSSING, Found, of_layout, of_rival
from app.sync.loading import load_tip
from app.sync.mending import mend
from app.sync.opening import opened
from app.sync.origin import Origin
from app.sync.ownership import NamespaceKey
from app.sync.passes import Parts, Pass, Settled
from app.sync.rewriting import judge
from app.sync.secret_findings import secret_findings
from app.sync.testing.findings import suite_findings
from app.sync.validation import PlacedDefaults, Verdict, validate
from app.sync.verifying import is_judged_anew, verify_signatures

_BATCH = 32
"""Flows that are parsed before the thread looks up again."""


async def resolve(parts: Parts, now: Pass) -> None:
    """Ask the repository where the followed ref is."""
    if now.source.suspended_at is not None:
        now.tip = now.source.last_attempted
        raise Settled("NOOP", "the source is suspended; resume it to go on")
    origin = await opened(parts)
    if parts.damaged:
        await mend(parts)
    seen = await asyncio.to_thread(origin.look)
    if seen is None:
        raise Settled("NOOP", "the repository has no commit yet")
    now.seen = seen
    now.again, parts.again = parts.again, False
    kept_out = not await is_judged_anew(parts, seen)
    done = kept_out or await _is_done(parts, now)
    if done and not await _wanted(parts, now):
        now.tip = parts.held if kept_out else now.source.last_attempted
        raise Settled("NOOP")


async def _is_done(parts: Parts, now: Pass) -> bool:
    """Return whether what the ref has was seen through, and is here: our copy may be a new one."""
    if parts.done is None or parts.done != (now.seen, now.source.last_attempted):
        return False
    if await asyncio.to_thread(parts.repository.mirror.has, parts.done[1]):
        parts.repository.is_current = True
        return True
    parts.done = parts.base = None
    return False


async def _wanted(parts: Parts, now: Pass) -> bool:
    """Return whether a commit that was seen through is to be looked at again."""
    if now.again:
        return True
    if now.cause != "manual":
        return False
    snapshots = await parts.sources.activation.snapshots(now.source.id)
    return parts.held is not None or any(each.state != "active" for each in snapshots.values())


async def fetch(parts: Parts, now: Pass) -> None:
    """Bring our copy up to date; a tip that was forced away is kept."""
    now.tip, now.moved = await asyncio.to_thread(parts.repository.fetch, now.seen)


async def verify(parts: Parts, now: Pass) -> None:
    """Look at the tip: a commit that cannot be read fails here, before anything is written."""
    origin = parts.repository
    await judge(parts, now)
    await verify_signatures(parts, now)
    now.root_missing = await asyncio.to_thread(_is_root_missing, origin, now.tip or "")
    if await asyncio.to_thread(origin.follow_rules, now.tip or ""):
        parts.indexer.forget()
        parts.base = None
    if now.root_missing:
        now.notes.append(f"there is no folder {origin.layout.root!r}")


def _is_root_missing(origin: Origin, tip: str) -> bool:
    objects = origin.mirror.objects
    if tree_of(objects, tip) is None:
        raise ObjectMissing(f"the tree of commit {tip[:12]} cannot be read")
    root = origin.layout.root
    return bool(root) and tree_of(objects, tip, root) is None


async def diff(parts: Parts, now: Pass) -> None:
    """Count the revisions that the new commits make."""
    await claim(parts, now)
    now.revisions = await parts.indexer.bring_up_to(
        now.source, parts.repository, now.tip or "", parts.clock.now()
    )


async def load(parts: Parts, now: Pass) -> None:
    """Find out which namespaces are another folder than the one that is active."""
    activation = parts.sources.activation
    now.snapshots = await activation.snapshots(now.source.id)
    now.open_findings = await parts.sources.findings(now.source.id)
    loaded = await asyncio.to_thread(
        load_tip,
        parts.repository,
        now.tip or "",
        base=parts.base,
        snapshots=now.snapshots,
        outside=any(not each.namespace for each in now.open_findings),
    )
    layout = parts.repository.layout
    now.changed, now.survey = loaded
    seen = (*now.survey.findings, *parts.repository.manifest.findings)
    now.found = [of_layout(each, layout) for each in seen]
    now.active = await activation.flows(now.source.id, {tree.key for tree in now.changed})


async def validate_flows(parts: Parts, now: Pass) -> None:
    """Parse the flows of the changed namespaces that are not active as they are."""
    index = parts.indexer.index
    changed = {tree.key for tree in now.changed}
    files: list[Located] = []
    now.judged_at = parts.heirs.turn
    defaults, other = await _defaults(parts, now)
    for located in now.survey.of(Kind.FLOW):
        place, entry = located
        if (place.tenant, place.namespace) not in changed:
            continue
        if (place.tenant, place.namespace) not in other and _is_active(parts, now, entry):
            now.kept.add(shown(entry.path))
        else:
            files.append(located)
    for path, owner in index.rivals():
        file = index.files[path]
        if file.key is not None and file.key[:2] in changed:
            now.found.append(of_rival(path, owner, file.key))
    verdicts = validate(
        files,
        parts.repository.mirror.objects,
        parts.contents,
        parts.types,
        parts.repository.layout,
        defaults,
    )
    with Drawing(verdicts) as drawing:
        while batch := await drawing.some(_BATCH):
            for verdict in batch:
                _take(parts, now, verdict)
    objects = parts.repository.mirror.objects
    now.found += await asyncio.to_thread(
        suite_findings, now.survey, changed, objects, index.owners.__contains__
    )
    await _judge_documents(parts, now, changed)
    now.found = [each for each in now.found if each.namespace in changed or not each.namespace[0]]
    told = await asyncio.to_thread(parts.tenant_files.at, parts.repository, now.tip or "")
    now.found += told.found
    said = await asyncio.to_thread(parts.access.at, now.source.id, parts.repository, now.tip or "")
    now.found += said.found
    if parts.spec.delegates:
        now.found += await asyncio.to_thread(_delegated, parts, now)
    if now.changed:
        now.crossing = Crossing(
            parts.repository, now.tip or "", index, parts.memory, partial(_is_elsewhere, parts)
        )
        now.found += await asyncio.to_thread(_cross, parts, now, now.crossing, changed)


async def _judge_documents(parts: Parts, now: Pass, changed: set[NamespaceKey]) -> None:
    """Look at what lies beside the flows: secrets, variables, settings."""
    objects = parts.repository.mirror.objects
    now.found += await asyncio.to_thread(
        document_findings, now.survey, changed, objects, parts.repository.layout
    )
    if parts.opener is not None:
        now.found += await asyncio.to_thread(
            secret_findings, parts.repository, now, parts.opener, changed
        )


async def _defaults(parts: Parts, now: Pass) -> tuple[PlacedDefaults, set[NamespaceKey]]:
    """Return the plugin defaults of changed namespaces, and of which these are others now.

    Raises:
        Unavailable: when those that another source gives cannot be read now.
    """
    find = parts.tenants.defaults
    if find is None:
        return {}, set()
    found: dict[NamespaceKey, Sequence[PluginDefault]] = {}
    other: set[NamespaceKey] = set()
    for tree in now.changed:
        if not tree.oid:
            continue
        here = await find.of(*tree.key, now.tip or "")
        if here.lacking:
            message = f"the plugin defaults of {tree.key[1]} cannot be read now: {here.lacking}"
            raise Unavailable(message)
        found[tree.key] = here.entries
        snapshot = now.snapshots.get(tree.key)
        if snapshot is None or not snapshot.commit:
            continue
        before = await find.of(*tree.key, snapshot.commit)
        if before.mark != here.mark:
            other.add(tree.key)
    return found, other


def _delegated(parts: Parts, now: Pass) -> list[Found]:
    """Return what is wrong with the sources that the repository describes."""
    configured = parts.home.configured
    found = declared(parts.repository, now.tip or "", now.source.id, parts.spec, configured)
    return list(findings_of(found))


def _is_elsewhere(parts: Parts, key: FlowKey) -> bool:
    """Return whether another source has a flow that is active."""
    there = parts.flows.in_git(*key)
    return there is not None and there.source_id != parts.indexer.source_id


def _cross(parts: Parts, now: Pass, crossing: Crossing, changed: set[NamespaceKey]) -> list[Found]:
    """Look at what flows refer to: those of changed namespaces, and those that depend on them."""
    heads = parts.indexer.index.heads
    other = {
        key: each.blob
        for key, each in now.active.items()
        if not each.deleted and heads[key].blob != each.blob and not heads[key].deleted
    }
    gone = {key for key, each in now.active.items() if not each.deleted and heads[key].deleted}
    old = {
        (each.tenant, each.namespace, each.flow_id)
        for each in now.open_findings
        if each.code in CROSSING
    }
    targets = gone | crossing.broken_interfaces(other)
    before = [now.snapshots[key] for key in changed if key in now.snapshots]
    now.crossed = {
        *crossing.of_namespaces(changed),
        *crossing.callers(targets),
        *crossing.losing_secrets(before),
        *old,
    }
    return crossing.findings(now.crossed, changed)


def _take(parts: Parts, now: Pass, verdict: Verdict) -> None:
    now.facts[verdict.path] = verdict.facts
    now.found += verdict.found
    file = parts.indexer.index.files.get(verdict.path)
    key = file.key if file else None
    if verdict.flow_id is not None and (key is None or key[2] != verdict.flow_id):
        place = parts.repository.file_at(verdict.path)
        message = f"The id {verdict.flow_id!r} cannot be told from the lines of the file"
        now.found.append(
            Found(
                (place.tenant, place.namespace) if place else ("", ""),
                shown(verdict.path),
                "SCHEMA",
                "error",
                message,
                f"write `id: {verdict.flow_id}` in a line of its own",
                pointer="id",
                flow_id=verdict.flow_id,
            )
        )


def _is_active(parts: Parts, now: Pass, entry: Entry) -> bool:
    """Return whether a file is what runs already, so that it was judged when it came."""
    index = parts.indexer.index
    file = index.files.get(entry.path)
    if file is None or file.key is None or file.key not in now.active:
        return False
    active, head = now.active[file.key], index.heads[file.key]
    # The same text again after another one is another revision: what was found meanwhile is over.
    return not active.deleted and (active.revision, active.path, active.blob) == (
        head.revision,
        entry.path,
        entry.oid,
    )
