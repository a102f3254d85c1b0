"""The revision index, without any repository."""

from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from app.db.records import FlowKey
from app.sync.index import FileChange, FlowFile, FlowIndex, Point

A: FlowKey = ("main", "shop", "a")
B: FlowKey = ("main", "shop", "b")


def file(blob: str, key: FlowKey | None = A) -> FlowFile:
    return FlowFile(blob, key)


def apply(index: FlowIndex, commit: str, **files: FlowFile | None) -> list[tuple[str, int, str]]:
    at = Point(commit, int(commit[1:]))
    made = index.apply(at, [FileChange(path, each) for path, each in files.items()])
    return [(each.key[2], each.revision, each.kind) for each in made]


def test_each_other_blob_is_a_revision() -> None:
    index = FlowIndex()
    assert apply(index, "c1", p=file("1")) == [("a", 1, "commit")]
    assert apply(index, "c2", p=file("2")) == [("a", 2, "commit")]
    assert apply(index, "c3", p=file("2")) == []
    assert apply(index, "c4", p=file("1")) == [("a", 3, "commit")]


def test_a_deletion_is_a_revision_and_numbers_go_on_after_it() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert apply(index, "c2", p=None) == [("a", 2, "delete")]
    assert apply(index, "c3", p=file("1")) == [("a", 3, "commit")]
    assert index.heads[A].incarnation == 2


def test_a_moved_file_is_no_revision() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert apply(index, "c2", p=None, q=file("1")) == []
    assert index.heads[A].path == "q"
    assert apply(index, "c3", q=file("2")) == [("a", 2, "commit")]


def test_another_id_in_the_same_file_is_another_flow() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert apply(index, "c2", p=file("2", B)) == [("a", 2, "delete"), ("b", 1, "commit")]


def renames(index: FlowIndex, commit: str, **files: FlowFile | None) -> dict[str, str]:
    at = Point(commit, int(commit[1:]))
    made = index.apply(at, [FileChange(path, each) for path, each in files.items()])
    return {".".join(each.key[1:]): each.renamed_from for each in made if each.renamed_from}


def test_a_new_flow_in_the_file_of_one_that_ends_was_that_one() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert renames(index, "c2", p=file("2", B)) == {"shop.b": "shop.a"}
    # Coming back is no rename: the numbers go on.
    assert renames(index, "c3", p=file("1")) == {}


def test_the_same_id_in_another_namespace_was_the_one_that_ends() -> None:
    other: FlowKey = ("main", "web", "a")
    third: FlowKey = ("main", "api", "a")
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert renames(index, "c2", p=None, q=file("1", other)) == {"web.a": "shop.a"}
    apply(index, "c3", p=file("1"))
    # Of two that end nobody knows which one it was; another tenant's it never was.
    assert renames(index, "c4", p=None, q=None, r=file("1", third)) == {}
    assert renames(index, "c5", r=None, s=file("1", ("acme", "shop", "a"))) == {}


def test_a_copy_is_no_rename() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert renames(index, "c2", q=file("1", B)) == {}


def test_where_a_file_has_been() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    apply(index, "c2", p=file("2"))
    apply(index, "c3", p=None, q=file("2"))
    apply(index, "c4", q=None)
    apply(index, "c5", q=file("2"))
    assert [(each.seq, each.path) for each in index.moves] == [(1, "p"), (3, "q"), (5, "q")]


def test_a_flow_that_another_source_had_goes_on_counting() -> None:
    theirs = FlowIndex()
    apply(theirs, "c1", p=file("1"))
    apply(theirs, "c2", p=file("2"))
    mine = FlowIndex()
    mine.adopt(theirs.heads)
    assert apply(mine, "c1", p=file("2")) == [("a", 3, "commit")]
    assert mine.heads[A].incarnation == 2
    # What is mine, and newer, stays.
    mine.adopt(theirs.heads)
    assert mine.heads[A].revision == 3


def test_the_first_of_two_files_with_one_identity_stays() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert apply(index, "c2", a=file("2")) == []
    assert list(index.rivals()) == [("a", "p")]
    assert apply(index, "c3", p=None) == [("a", 2, "commit")]
    assert index.owners[A] == "a"
    assert list(index.rivals()) == []


def test_a_moved_file_wins_over_a_rival_with_a_smaller_name() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"), r=file("9", B))
    apply(index, "c2", a=file("2"))
    assert apply(index, "c3", p=None, z=file("1")) == []
    assert index.owners[A] == "z"


def test_a_file_that_cannot_be_read_is_still_the_flow_that_it_was() -> None:
    index = FlowIndex()
    apply(index, "c1", p=file("1"))
    assert apply(index, "c2", p=file("?", None)) == [("a", 2, "commit")]
    assert apply(index, "c3", p=file("1")) == [("a", 3, "commit")]
    assert apply(index, "c4", q=file("?", None)) == []


def test_sweep_makes_good_what_was_lost() -> None:
    whole = FlowIndex()
    apply(whole, "c1", p=file("1"), q=file("2", B))
    index = FlowIndex(whole.heads)
    index.load({"p": file("3")}, {})
    made = index.sweep(Point("c9", 9))
    assert [(each.key, each.revision, each.kind) for each in made] == [
        (A, 2, "reset"),
        (B, 2, "delete"),
    ]
    assert index.sweep(Point("c9", 9)) == []


names = st.sampled_from("pqrs")
keys = st.sampled_from([A, B, ("main", "shop", "c"), None])
changes = st.dictionaries(
    names, st.none() | st.builds(FlowFile, st.sampled_from("123"), keys), max_size=4
)


def play(index: FlowIndex, history: Iterable[Mapping[str, FlowFile | None]]) -> list[object]:
    return [
        each
        for number, commit in enumerate(history)
        for each in index.apply(
            Point(f"c{number}", number),
            [FileChange(path, file) for path, file in sorted(commit.items())],
        )
    ]


@given(st.lists(changes, max_size=12))
def test_numbers_grow_by_one_and_heads_are_what_files_say(
    history: list[dict[str, FlowFile | None]],
) -> None:
    index = FlowIndex()
    counted: dict[FlowKey, int] = {}
    for revision in play(index, history):
        key = revision.key
        assert revision.revision == counted.get(key, 0) + 1
        counted[key] = counted.get(key, 0) + 1
    for key, head in index.heads.items():
        claimed = [each for each in index.files.values() if each.key == key]
        assert head.deleted == (not claimed)
        if claimed:
            assert index.files[index.owners[key]].blob == head.blob
    assert index.sweep(Point("tip", 99)) == []


@given(st.lists(changes, max_size=10), st.integers(0, 10))
def test_an_index_that_was_loaded_goes_on_as_one_that_was_kept(
    history: list[dict[str, FlowFile | None]], cut: int
) -> None:
    kept = FlowIndex()
    play(kept, history[:cut])
    loaded = FlowIndex(kept.heads)
    loaded.load(kept.files, kept.owners)
    assert play(kept, history[cut:]) == play(loaded, history[cut:])
    assert kept.heads == loaded.heads
