"""Trees in archives: what is read of them, and what they cannot do."""

import contextlib
import io
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadRequest, HeadwaterError, Invalid, TooLarge
from app.sync.planning import archives
from app.sync.planning.archives import files_in


def tar(*members: tuple[str, bytes, bytes], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, kind, data in members:
            about = tarfile.TarInfo(name)
            about.type, about.size, about.linkname = kind, len(data), "/etc/passwd"
            archive.addfile(about, io.BytesIO(data))
    return packed.getvalue()


def zipped(files: dict[str, bytes], mode: int = 0o100644) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            about = zipfile.ZipInfo(name)
            about.external_attr = mode << 16
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, data)
    return packed.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_only_regular_files(mode: str) -> None:
    data = tar(
        ("./a/b.yaml", tarfile.REGTYPE, b"text"),
        ("link", tarfile.SYMTYPE, b""),
        ("hard", tarfile.LNKTYPE, b""),
        ("a", tarfile.DIRTYPE, b""),
        ("pipe", tarfile.FIFOTYPE, b""),
        mode=mode,
    )
    assert files_in(data) == {"a/b.yaml": b"text"}


def test_links_in_zips_are_left_out() -> None:
    assert files_in(zipped({"a": b"/etc/passwd"}, 0o120777)) == {}
    assert files_in(zipped({"a": b"x", "b/": b""}, 0)) == {"a": b"x"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ".git/hooks/x", "a\\..\\.git/x\n"])
def test_paths_that_lead_out(name: str) -> None:
    with pytest.raises(BadRequest):
        files_in(tar((name, tarfile.REGTYPE, b"x")))


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 10_000)
    monkeypatch.setattr(archives, "MOST_FILES", 5)
    large = b"0" * 20_000
    many = {str(number): b"" for number in range(6)}
    for data in (
        zipped({"a": large}),
        tar(("a", tarfile.REGTYPE, large), mode="w:gz"),
        zipped(many),
        tar(*((name, tarfile.REGTYPE, b"") for name in many)),
    ):
        with pytest.raises(TooLarge):
            files_in(data)


HEADS = [b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"{", b"BZh9", b"\xfd7zXZ\x00", b"a" * 257 + b"ustar"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(HEADS))
def test_noise_is_refused(noise: bytes, head: bytes) -> None:
    with pytest.raises(HeadwaterError):
        files_in(head + noise)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_archives_are_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(
        zipped({"a": b"x" * 50, "b": b"y"})
        if data.draw(st.booleans())
        else tar(("a", tarfile.REGTYPE, b"x" * 50), mode="w:gz")
    )
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(HeadwaterError):
        files_in(bytes(whole))


def test_a_header_that_claims_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_TAR", 1_000_000)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        about = tarfile.TarInfo("a")
        about.pax_headers = {"comment": "x" * 2_000_000}
        archive.addfile(about, io.BytesIO())
    with pytest.raises(TooLarge):
        files_in(packed.getvalue())


def test_a_tar_that_is_cut_short() -> None:
    data = tar(("a", tarfile.REGTYPE, b"x" * 5_000), mode="w:gz")
    with pytest.raises(Invalid):
        files_in(data[: len(data) // 2])
