"""Names that come from outside and go into URIs and headers."""

from app.api.execution_files import disposition
from app.api.forms import safe_name


def test_names_are_made_safe() -> None:
    assert safe_name("../../etc/passwd") == "passwd"
    assert safe_name("..") == "file"
    assert safe_name("C:\\dir\\a b.txt") == "a_b.txt"
    assert safe_name("") == "file"
    assert len(safe_name("x" * 1000 + ".csv")) == 150


def test_downloads_are_named_without_tricks() -> None:
    header = disposition('kestra:///a/b/x"\r\nSet-Cookie: a=b; ü.csv')
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
    assert "filename*=UTF-8''x%22%0D%0ASet-Cookie%3A%20a%3Db%3B%20%C3%BC.csv" in header
