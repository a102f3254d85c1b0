"""Filters on text, lists, numbers and encodings."""

import pytest

from tests.expressions.evaluate import fails, text, value

CONTEXT = {
    "list": [3, 1, 2],
    "map": {"a": 1, "b": "x'y"},
    "word": "hello World",
    "none": None,
    "empty": "",
    "float": 1234567.891,
    "lines": "a\nb\n\nc",
    "crlf": "a\r\nb",
    "deep": {"a": ["aa", {"b": "ba"}], "n": 1},
    "html": "<a> & é/ü?~*",
}

VALUES = [
    ("word | upper", "HELLO WORLD"),
    ("word | lower", "hello world"),
    ("word | capitalize", "Hello World"),
    ("'ab cd\tef' | title", "Ab Cd\tEf"),
    ("'  x ' | trim", "x"),
    ("word | abbreviate(8)", "hello..."),
    ("word | abbreviate(3)", "hel"),
    ("word | abbreviate(50)", "hello World"),
    ("12.5 | string", "12.5"),
    ("'007' | string", "007"),
    ("word | startsWith('hell')", True),
    ("word | endsWith(value='x')", False),
    ("'a.b.c' | substringBefore('.')", "a"),
    ("'a.b.c' | substringAfterLast('.')", "c"),
    ("word | substringBefore('#')", "hello World"),
    ("word | substringBeforeLast('#')", "hello World"),
    ("word | substringAfter('#')", ""),
    ("word | substringAfterLast('#')", ""),
    ("word | replace({'l': 'L', 'o': '0'})", "heLL0 W0rLd"),
    ("word | replace({'(l+)': '<$1>'}, regexp=true)", "he<ll>o Wor<l>d"),
    ("word | replace({'(?<v>o)': '${v}${v}\\$'}, true)", "helloo$ Woo$rld"),
    ("deep | replace({'a': 'z'})", {"a": ["zz", {"b": "bz"}], "n": "1"}),
    ("'order-12' | regexMatch('[0-9]+')", True),
    ("'order' | regexMatch('^[0-9]+$')", False),
    ("'a1b2' | regexReplace('([a-z])([0-9])', '$2$1')", "1a2b"),
    ("'order-12-x' | regexExtract('[0-9]+')", "12"),
    ("'k=v' | regexExtract('(.)=(.)', 2)", "v"),
    ("'k' | regexExtract('[0-9]')", None),
    ("'a,b,,' | split(',')", ["a", "b"]),
    ("'a1b22c' | split('[0-9]+')", ["a", "b", "c"]),
    ("'a,b,c' | split(',', 2)", ["a", "b,c"]),
    ("'a.b' | split('\\.')", ["a", "b"]),
    ("map | escapeChar('shell')", {"a": 1, "b": "x'\\''y"}),
    ("map.b | escapeChar(type='single')", "x\\'y"),
    ("map.b | sh", "x'\\''y"),
    ("lines | condense", "abc"),
    ("' Été à_la  plage! ' | slugify", "ete-a-la-plage"),
    ("lines | indent(2)", "a\n  b\n  \n  c"),
    ("crlf | nindent(1, '>')", "\r\n>a\r\n>b"),
    ("list | first", 3),
    ("list | last", 2),
    ("word | first", "h"),
    ("[] | first", None),
    ("empty | last", None),
    ("list | length", 3),
    ("word | length", 11),
    ("map | length", 2),
    ("none | length", 0),
    ("5 | length", 0),
    ("list | join('-')", "3-1-2"),
    ("[null, true, {'a': 1}] | join", "nulltrue{a=1}"),
    ("list | reverse", [2, 1, 3]),
    ("list | sort", [1, 2, 3]),
    ("['b', 'a'] | rsort", ["b", "a"]),
    ("list | slice(1)", [1, 2]),
    ("word | slice(0, 4)", "hell"),
    ("word | slice(fromIndex=6, toIndex=7)", "W"),
    ("{'a': 1} | merge({'a': 2, 'b': 3})", {"a": 2, "b": 3}),
    ("[1] | merge([1, 2])", [1, 1, 2]),
    ("none | merge([1])", [1]),
    ("[1] | merge(none)", [1]),
    ("{'a': 1} | merge(['z'])", {"a": 1, "z": "z"}),
    ("1..5 | chunk(2)", [[1, 2], [3, 4], [5]]),
    ("[1, [2, [3]], 4] | flatten", [1, 2, [3], 4]),
    ("[1, 2, 1, 'a', 'a', [1], [1]] | distinct", [1, 2, "a", [1]]),
    ("['a', 'a'] | uniq", ["a"]),
    ("map | keys", ["a", "b"]),
    ("list | keys", [0, 1, 2]),
    ("map | values", [1, "x'y"]),
    ("missing | default('d')", "d"),
    ("a.b.c | upper | default('d')", "d"),
    ("none | default('d')", "d"),
    ("'  ' | default('d')", "d"),
    ("[] | default('d')", "d"),
    ("0 | default('d')", 0),
    ("false | default('d')", False),
    ("word | default('d')", "hello World"),
    ("-5 | abs", 5),
    ("-2.5 | abs", 2.5),
    ("'12' | number", 12),
    ("'12' | number('LONG') | className", "java.lang.Long"),
    ("'12.5' | number | className", "java.lang.Float"),
    ("'1.123456789012' | number | className", "java.lang.Double"),
    ("'1.12345678901234567890' | number | className", "java.math.BigDecimal"),
    ("'99999999999999999999' | number | className", "java.math.BigInteger"),
    ("'1e3' | number('DOUBLE')", 1000.0),
    ("'7' | number(type='INT') + 1", 8),
    ("1 | className", "java.lang.Integer"),
    ("3000000000 | className", "java.lang.Long"),
    ("1.5 | className", "java.lang.Double"),
    ("word | className", "java.lang.String"),
    ("list | className", "java.util.ArrayList"),
    ("true | className", "java.lang.Boolean"),
    ("word | base64encode", "aGVsbG8gV29ybGQ="),
    ("'aGVsbG8gV29ybGQ=' | base64decode", "hello World"),
    ("'a' | md5", "0cc175b9c0f1b6a831c399e269772661"),
    ("'a' | sha1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("'a' | sha256 | length", 64),
    ("'a' | sha512 | length", 128),
    ("html | urlencode", "%3Ca%3E+%26+%C3%A9%2F%C3%BC%3F%7E*"),
    ("html | urlencode | urldecode", "<a> & é/ü?~*"),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_value(expression: str, expected: object) -> None:
    result = value(f"{{{{ {expression} }}}}", CONTEXT)
    assert result == expected
    assert not isinstance(expected, bool) or result is expected


NULL_STAYS_NULL = [
    "upper",
    "lower",
    "capitalize",
    "title",
    "trim",
    "abbreviate(3)",
    "string",
    "substringBefore('a')",
    "replace({'a': 'b'})",
    "regexReplace('a', 'b')",
    "regexExtract('a')",
    "split(',')",
    "escapeChar('single')",
    "sh",
    "slugify",
    "indent(1)",
    "nindent(1)",
    "first",
    "last",
    "join(',')",
    "reverse",
    "sort",
    "rsort",
    "slice",
    "chunk(2)",
    "flatten",
    "distinct",
    "keys",
    "values",
    "abs",
    "numberFormat",
    "number",
    "className",
    "base64encode",
    "base64decode",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "urlencode",
    "urldecode",
    "date",
    "dateAdd(1, 'DAYS')",
    "timestamp",
    "timestampMilli",
    "timestampMicro",
    "timestampNano",
]


@pytest.mark.parametrize("name", NULL_STAYS_NULL)
def test_null_stays_null(name: str) -> None:
    assert value(f"{{{{ none | {name} }}}}", CONTEXT) is None


ERRORS = [
    "1 | upper",
    "list | trim",
    "none | startsWith('a')",
    "none | endsWith('a')",
    "none | condense",
    "none | merge(none)",
    "word | merge([1])",
    "'x' | string",
    "word | abbreviate(-1)",
    "word | substringBefore('')",
    "word | replace('a')",
    "word | replace({'(': 'b'}, regexp=true)",
    "word | replace({'a': '$9'}, regexp=true)",
    "word | replace({'a': 'b'}, regexp='yes')",
    "word | regexMatch('(?=a')",
    "word | regexExtract('o', 3)",
    "word | split",
    "word | escapeChar('html')",
    "1 | chunk(2)",
    "list | chunk(0)",
    "word | flatten",
    "word | join",
    "word | reverse",
    "[1, 'a'] | sort",
    "list | slice(2, 1)",
    "list | slice(0, 9)",
    "list | slice(-1)",
    "word | values",
    "1 | keys",
    "'a' | abs",
    "'a' | number",
    "12 | number",
    "'3000000000' | number('INT')",
    "'1' | number('HEX')",
    "'1_000' | number",
    "'1e999999' | number('BIGDECIMAL')",
    "'nan' | number('DOUBLE')",
    "'1' | numberFormat",
    "1 | numberFormat('#.#.#')",
    "'###' | base64decode",
    "1 | sha256",
    "word | upper(x=1)",
    "word | replace({'a': 'b'}, nope=1)",
    "word | replace({'a': 'b'}, false, 3)",
    "word | replace({'a': 'b'}, replace_pairs={'a': 'c'})",
    "word | default",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_error(expression: str) -> None:
    fails(f"{{{{ {expression} }}}}", CONTEXT)


def test_filters_without_arguments_ignore_them() -> None:
    assert text("{{ word | upper(1, 2) }}", CONTEXT) == "HELLO WORLD"


def test_argument_errors_say_what_is_wrong() -> None:
    assert "named argument does not exist: nope" in str(fails("{{ 'a' | date(nope=1) }}"))
    assert "position 5 is not allowed" in str(fails("{{ 'a' | date(1, 2, 3, 4, 5) }}"))
    assert "expects an argument 'size'" in str(fails("{{ [1] | chunk }}"))


FORMATS = [
    (1234567.891, "#,##0.00", "1,234,567.89"),
    (0.125, "0.00", "0.12"),
    (0.375, "0.00", "0.38"),
    (2.5, "0", "2"),
    (3.5, "0", "4"),
    (1.0, "#.##", "1"),
    (0.5, "#.##", ".5"),
    (0, "#.##", "0"),
    (-1.5, "0.0", "-1.5"),
    (-0.001, "0.0", "0.0"),
    (5, "000", "005"),
    (0.256, "0.0%", "25.6%"),
    (12345, "#,###", "12,345"),
    (123, "#,###", "123"),
    (12345.678, "0.###E0", "1.235E4"),
    (0.00012, "0.0E00", "1.2E-04"),
    (-5, "0;(0)", "(5)"),
    (5, "'#'0", "#5"),
    (7, "0 'items'", "7 items"),
    (1234567.8917, "", "1,234,567.892"),
    (float("inf"), "0", "∞"),
]


@pytest.mark.parametrize(("given", "pattern", "expected"), FORMATS)
def test_number_format(given: float, pattern: str, expected: str) -> None:
    form = f"('{pattern}')" if "'" not in pattern else f'("{pattern}")'
    assert text(f"{{{{ x | numberFormat{form if pattern else ''} }}}}", {"x": given}) == expected
