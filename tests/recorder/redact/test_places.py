"""Places that a name gives away, one by one: the whole value goes, and nothing where no name stands.

Each row marks what goes with «»; a row without marks is no place.
"""

from __future__ import annotations

import html
import json
import time
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.redact.known import NUMBER, QUOTED, Span
from recorder.redact.leaf import Context, Index, Rules, Scanner
from recorder.redact.placeholders import Placeholders
from recorder.redact.places import Names, is_masked
from recorder.redact.policy import Policy

SCANNER: Final = Scanner(Rules(Policy(environment=False, disabled_formats=())), [Index(())])
PLACEHOLDERS: Final = Placeholders(b"a key for tests.")
BODY: Final = Context(body=True)
FORM: Final = Context(body=True, form=True)
URL: Final = Context(url=True)
YAML: Final = Context(body=True, yaml=True)
MULTIPART: Final = Context(body=True, boundary=b"cut")
TOKEN_FORM: Final = FORM._replace(token_endpoint=True)
TOKEN_URL: Final = URL._replace(token_endpoint=True)
CONTEXTS: Final = {
    "body": BODY,
    "form": FORM,
    "url": URL,
    "yaml": YAML,
    "multipart": MULTIPART,
    "token form": TOKEN_FORM,
    "token url": TOKEN_URL,
    "text": Context(),
}


def find(data: bytes, context: Context, scanner: Scanner = SCANNER) -> list[Span]:
    return scanner.spans(data, context)


def marked(data: bytes, spans: list[Span]) -> str:
    """Show what goes between «»."""
    parts, at = [], 0
    for span in spans:
        parts += [data[at : span.start], "«".encode(), data[span.start : span.end], "»".encode()]
        at = span.end
    return b"".join([*parts, data[at:]]).decode("utf-8", "surrogateescape")


def bare(row: str) -> bytes:
    return row.replace("«", "").replace("»", "").encode("utf-8", "surrogateescape")


def check(row: str, context: Context, scanner: Scanner = SCANNER) -> None:
    data = bare(row)
    assert marked(data, find(data, context, scanner)) == row


def _complete(row: str) -> bool:
    try:
        json.loads(bare(row))
    except ValueError:
        return False
    return True


def _nested(text: str, level: int) -> str:
    for _ in range(level):
        text = '{"a":' + json.dumps(text, ensure_ascii=False) + "}"
    return text


# JSON.

JSON: Final = [
    '{"password":"«hunter2»"}',
    '{"password" : "«hunter2»" }',
    '{\n\t"password"\r\n:\n"«hunter2»"\n}',
    '{"a":1,"password":"«a\\"b\\\\»","b":"c"}',
    '{"password":"«\\u0068unter2»"}',
    '{"password":"«žluť»"}',
    '{"password":«12345»}',
    '{"password":«-1.5e+10»,"a":1}',
    '{"password":«{"a":["b",{"c":"}"}]}»}',
    '{"password":«["a","b]"]»}',
    '{"password":«[1]»,"secret":«{"a":0,"b":1}»}',
    '[{"password":"«one»"},{"password":"«two»"}]',
    '{"passWord":"«x1»","api_key":"«x2»","Api-Key":"«x3»","APIKEY":"«x4»","access token":"«x5»"}',
    '{"X-Vault-Token":"«s.abc»"}',
    '{"auth":{"client_secret":"«x1»"}}',
    '{"Authorization":"Bearer «abc»"}',
    '{"authorization":"Basic «YWJj»"}',
    '{"name":"password","value":"«hunter2»"}',
    '{"name": "password", "value": "«hunter2»"}',
    '{"key":"password","value":"«hunter2»"}',
    '{"value":"«hunter2»","name":"password"}',
    '{"value": "«hunter2»", "type": "x", "name": "password"}',
    '{"name":"Authorization","value":"Bearer «abc»"}',
    '{"password":"«hunter2»',
    '{"password":«{"a":"b»',
    '{"password":«123»',
    '"password":"«a fragment»"',
    'data: {"password":"«hunter2»"}\n\ndata: {"password":"«hunter3»"}\n\n',
    '{"password":"«one»"}\n{"password":"«two»"}\n',
]
NO_JSON: Final = [
    '{"password":""}',
    '{"password":null}',
    '{"password":true,"secret":false}',
    '{"password":{}}',
    '{"password":[]}',
    '{"password":[{}, []]}',
    '{"password":"***"}',
    '{"password":"REDACTED"}',
    '{"password":"[FILTERED]"}',
    '{"password":["***","<redacted>",null]}',
    '{"password":[true,{"a":false}]}',
    '{"zipcode":"12345"}',
    '{"code":404}',
    '{"max_tokens":100,"tokens_used":7}',
    '{"next_page_token":"abc"}',
    '{"password_hint":"a cat"}',
    '{"a":"password","b":"c"}',
    '["password","hunter2"]',
    '{"description":"password: hunter2"}',
    '{"name":"passenger","value":"x"}',
    '{"name":"password"}',
    '{"name":"x","value":"password"}',
    '{"signature":"abc"}',
    '{"value":"x"},{"name":"password"}',
    'the password "is" good',
]


@pytest.mark.parametrize("row", [*JSON, *NO_JSON])
def test_json(row: str) -> None:
    check(row, BODY)


@pytest.mark.parametrize("row", [row for row in JSON if _complete(row)])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_json_in_strings_of_json(row: str, level: int) -> None:
    data = _nested(bare(row).decode(), level)
    expected = (
        _nested(row.replace("«", "\ue000").replace("»", "\ue001"), level).replace("\ue000", "«").replace("\ue001", "»")
    )
    assert marked(data.encode(), find(data.encode(), BODY)) == expected


@pytest.mark.parametrize("row", [row for row in JSON if _complete(row)])
@pytest.mark.parametrize("level", range(4))
def test_what_takes_its_place_is_json_at_every_level(row: str, level: int) -> None:
    from recorder.redact.leaf import splice

    data = _nested(bare(row).decode(), level).encode()
    new, _ = splice(data, find(data, BODY), PLACEHOLDERS, "body", binary=False)
    value: Any = json.loads(new)
    for _ in range(level):
        value = json.loads(value["a"])
    assert "hunter" not in json.dumps(value)
    assert find(new, BODY) == []


@pytest.mark.parametrize(
    ("row", "style"),
    [('{"password":«12»}', NUMBER), ('{"password":«{"a":7}»}', QUOTED), ('{"password":«[7]»}', QUOTED)],
)
def test_a_number_stays_one_and_a_structure_becomes_a_string(row: str, style: int) -> None:
    (span,) = find(bare(row), BODY)
    assert span.style == style


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ('{"password":"«a\\"b»"}', 'a"b'),
        ('{"password":"«\\u017e\\/»"}', "ž/"),
        ('{\\"password\\":\\"«a\\\\\\"b»\\"}', 'a"b'),
        ('{"a":"{\\"b\\":\\"{\\\\\\"password\\\\\\":\\\\\\"«x\\\\\\\\n»\\\\\\"}\\"}"}', "x\n"),
        ('{"password":"Bearer «abc»"}', "abc"),
    ],
)
def test_the_plain_value_of_a_json_string_is_told(row: str, value: str) -> None:
    check(row, BODY)
    (span,) = find(bare(row), BODY)
    assert span.value.decode() == value


def test_where_the_data_ends_before_the_value_it_says_so() -> None:
    for row, is_open in (
        ('{"password":"«ab', True),
        ('{"password":"«ab»"', False),
        ('{"password":«{"a":1', True),
        ('{"password":«12', True),
        ('{"password":«12»}', False),
    ):
        (span,) = find(bare(row), BODY)
        assert span.open is is_open, row


@pytest.mark.parametrize("quote_mark", ["%22", "%2522", "%252522", "&quot;", "&#34;", "\\u0022"])
def test_json_with_escaped_quotes(quote_mark: str) -> None:
    colon = "%3A" if quote_mark.startswith("%") else ":"
    row = '{"password"@"«hunter2»","b"@"c"}'.replace('"', quote_mark).replace("@", colon)
    check(row, BODY)
    check(row.replace("«hunter2»", ""), BODY)
    check(row.replace("password", "passenger").replace("«hunter2»", "x"), BODY)


# Queries and forms.

QUERIES: Final = [
    "https://h.example/p?password=«hunter2»",
    "https://h.example/p?a=b&password=«hunter2»&c=d",
    "https://h.example/p?a=b;password=«hunter2»;c=d",
    "/p?api_key=«k1»&API-Key=«k2»&apiKey=«k3»&x-amz-signature=«k4»&sig=«k5»",
    "/p?password=«a+b%20c»#part",
    "/p?user[password]=«hunter2»&a=b",
    "/p?user%5Bpassword%5D=«hunter2»&a=b",
    "/p#access_token=«abc»&token_type=bearer",
    "/p;password=«hunter2»/q",
    "/p;jsessionid=«abc»?a=b",
    "/p?next=%2Fq%3Fpassword%3D«hunter2»%26a%3Db",
    "/p?next=%252Fq%253Fpassword%253D«hunter2»%2526a%253Db",
    "/p?%70assword=«hunter2»",
    "/p?pass%77ord=«hunter2»&b=c",
    "https://«user:hunter2»@h.example/p",
    "https://«hunter2»@h.example/p",
    "see https://«user:hunter2»@h.example/p and more",
    "/p?to=https%3A%2F%2F«user:hunter2»%40h.example",
]
NO_QUERIES: Final = [
    "/p?password=",
    "/p?password&a=b",
    "/p?zipcode=12345&code=404",
    "/p?code=abc",
    "/password/hunter2",
    "/p?a=password",
    "/p?password=***&token=REDACTED",
    "/p?max_tokens=10",
    "https://h.example/p@q?a=b@c",
    "https://h.example:8080/p",
    "mailto:someone@h.example",
    "/p?page_token=abc",
]


@pytest.mark.parametrize("row", [*QUERIES, *NO_QUERIES])
def test_urls(row: str) -> None:
    check(row, URL)


@pytest.mark.parametrize(
    "row", [row for row in QUERIES if not row.startswith("/p;") and "%70" not in row and "pass%77" not in row]
)
def test_urls_in_json_with_escaped_slashes_and_ampersands(row: str) -> None:
    check('{"next":"' + row.replace(" ", "").replace(";", "&").replace("/", "\\/") + '"}', BODY)
    if "://«" not in row:
        spelled = row.replace(" ", "").replace(";", "&").replace("&", "\\u0026").replace("=", "\\u003d")
        check('{"next":"' + spelled.replace("«\\", "\\") + '"}', BODY)


@pytest.mark.parametrize(
    "row",
    [
        '<a href="/p?a=b&amp;password=«hunter2»&amp;c=d">',
        "GET /p?password=«hunter2» HTTP/1.1",
        "(/p?password=«hunter2»)",
        "'/p?password=«hunter2»'",
    ],
)
def test_urls_in_texts(row: str) -> None:
    check(row, BODY)


@pytest.mark.parametrize(
    "row",
    [
        "password=«hunter2»",
        "password=«hunter2»&a=b",
        "a=b&password=«hunter2 with blanks»&c=d",
        "a=b&password=«a%26b+c»",
        "user[password]=«hunter2»",
        "user%5Bpassword%5D=«hunter2»",
        "grant_type=password&client_secret=«abc»&username=u",
        "a=b&%70assword=«hunter2»",
        "password=",
        "zipcode=12345",
        "code=abc",
        "passwords=x",
        "a=password",
    ],
)
def test_forms(row: str) -> None:
    check(row, FORM)


def test_the_first_pair_counts_in_a_form_only_at_its_beginning() -> None:
    check("password=«hunter2»&b=c", FORM)
    check("password=hunter2&b=«c»".replace("«c»", "c"), FORM._replace(form_start=False))
    check("password=hunter2", BODY)


@pytest.mark.parametrize(
    ("row", "context"),
    [
        ("grant_type=authorization_code&code=«abc»", TOKEN_FORM),
        ("code=«abc»&a=b", TOKEN_FORM),
        ("/oauth/token?code=«abc»", TOKEN_URL),
        ('{"code":"«abc»"}', TOKEN_FORM._replace(form=False)),
        ("zipcode=abc", TOKEN_FORM),
        ('{"error_code":"abc"}', TOKEN_FORM._replace(form=False)),
    ],
)
def test_a_code_is_secret_at_token_endpoints_only(row: str, context: Context) -> None:
    check(row, context)
    check(row.replace("«", "").replace("»", ""), context._replace(token_endpoint=False))


# XML and HTML.


@pytest.mark.parametrize(
    "row",
    [
        "<password>«hunter2»</password>",
        "<a><password>«hunter2»</password><b>c</b></a>",
        "<password>\n  «hunter2»\n</password>",
        '<password type="x">«hunter2»</password>',
        "<Password>«hunter2»</Password>",
        "<ns:password>«hunter2»</ns:password>",
        "<client-secret>«abc»</client-secret>",
        "<api_key>«abc»</api_key>",
        "<password><![CDATA[«hun<ter>2»]]></password>",
        "<password>«a&amp;b»</password>",
        "<password>«<a>b</a>»</password>",
        '<user password="«hunter2»"/>',
        "<user password='«hunter2»'/>",
        '<user a="b" api-key = "«abc»" c="d">x</user>',
        '<user ns:password="«hunter2»"/>',
        '<user\n  password="«hunter2»"\n/>',
        '<input type="hidden" name="csrf_token" value="«abc»">',
        '<input name="password" type="x" value="«abc»"/>',
        '<input value="«abc»" name="password">',
        "<input name='password' value='«abc»'>",
        "<input value='«abc»' name='password'>",
        "<input name='username' value='me'>",
        '<field name="password">«hunter2»</field>',
        '<property key="password">«hunter2»</property>',
        '<meta name="csrf-token" value="«abc»"/>',
        "&lt;password&gt;«hunter2»&lt;/password&gt;",
        "<a><password>«hunter2»",
        '<a><user password="«hunter2»',
        "<password></password>",
        "<password/>",
        "<password>   </password>",
        "<password>***</password>",
        "<zipcode>12345</zipcode>",
        "<a>password</a>",
        "<passwordHint>a cat</passwordHint>",
        '<input name="username" value="me">',
        '<input name="password">',
        "<br>password = 'x'<br>",
        "token=<TOKEN>",
    ],
)
def test_markup(row: str) -> None:
    check(row, BODY)


@pytest.mark.parametrize(
    "row",
    [
        "<password>«hunter2»</password>",
        '<user password=\\"«hunter2»\\"/>',
        "\\u003cpassword\\u003e«hunter2»\\u003c/password\\u003e",
        "<soap:password>«hunter2»<\\/soap:password>",
    ],
)
def test_markup_in_json(row: str) -> None:
    if row.endswith("<\\/soap:password>"):
        return  # another spelling of the end tag: below
    check('{"xml":"<a>' + row + '</a>"}', BODY)


def test_the_plain_value_of_markup_is_told() -> None:
    (span,) = find(b"<password>a&amp;b&#33;</password>", BODY)
    assert span.value == html.unescape("a&amp;b&#33;").encode()


# Multipart.

PART: Final = "--cut\r\nContent-Disposition: form-data; {name}\r\n{more}\r\n{value}\r\n--cut--\r\n"


@pytest.mark.parametrize(
    "name",
    [
        'name="password"',
        "name=password",
        'name="user[password]"',
        'name="api_key"',
        'name="API-KEY"',
        'name="password"; filename="x.txt"',
    ],
)
@pytest.mark.parametrize("more", ["", "Content-Type: text/plain\r\n"])
@pytest.mark.parametrize("value", ["hunter2", "two\r\nlines", "ž--cut"])
def test_multipart(name: str, more: str, value: str) -> None:
    check(PART.format(name=name, more=more, value=f"«{value}»"), MULTIPART)
    other = name.replace("password", "zipcode").replace("api_key", "zip_key").replace("API-KEY", "ZIP-KEY")
    check(PART.format(name=other, more=more, value=value), MULTIPART)


def test_a_part_without_content_or_with_a_mask_stays_and_one_that_is_cut_off_goes() -> None:
    for value in ("", "***"):
        check(PART.format(name='name="password"', more="", value=value), MULTIPART)
    check(PART.format(name='name="password"', more="", value="«hunter2»").partition("»")[0] + "»", MULTIPART)


# YAML.


@pytest.mark.parametrize(
    "row",
    [
        "password: «hunter2»\n",
        "a: b\npassword: «hunter2»\nc: d\n",
        "a:\n  password: '«hunter2»'\n",
        'a:\n  password: "«hunter2»"\n',
        "- password: «hunter2»\n",
        "'password': «hunter2»\n",
        "headers:\n  Authorization:\n  - «abc-def»\n",
        "headers:\n  X-Api-Key: ['«abc»']\n",
        "password:\n",
        "password: null\n",
        "password: '***'\n",
        "zipcode: 12345\n",
        "# password of nobody\n",
    ],
)
def test_yaml(row: str) -> None:
    check(row, YAML)
    if "«" in row:
        data = bare(row)
        assert find(data, BODY) == [], "in other bodies a colon says nothing"


# Names, masks, and what is no place at all.


@given(st.sampled_from(sorted(CONTEXTS)), st.binary(max_size=120))
@settings(deadline=None)
def test_any_bytes_give_spans_within_them_in_order(context: str, data: bytes) -> None:
    at = 0
    for span in find(data, CONTEXTS[context]):
        assert at <= span.start < span.end <= len(data)
        at = span.end


SYNTAX: Final = r"""
" \ { } [ ] : , password token = & ? < > / %22 %3D \u0022 &quot; name value x1 form-data;name= --cut @ :// -
"""
pieces = st.sampled_from([*SYNTAX.split(), " ", "\n", "\r\n\r\n", "\r\n--cut", "- "])


@given(st.sampled_from(sorted(CONTEXTS)), st.lists(pieces, max_size=25).map("".join))
@settings(deadline=None, max_examples=300)
def test_pieces_of_all_syntaxes_give_spans_within_them_in_order(context: str, text: str) -> None:
    at = 0
    for span in find(text.encode(), CONTEXTS[context]):
        assert at <= span.start < span.end <= len(text)
        at = span.end


@pytest.mark.parametrize(
    "value",
    [
        *["REDACTED", "redacted", "[REDACTED]", "<redacted>", "{FILTERED}", "***", "xxxxx", "XXX", "---", "•••", "..."],
        *["Removed", "(hidden)", "{{masked}}"],
        PLACEHOLDERS.text(b"v", "secret"),
        PLACEHOLDERS.number(b"v"),
        PLACEHOLDERS.shaped(b"v", "email"),
        PLACEHOLDERS.shaped(b"v", "jwt"),
    ],
)
def test_a_mask_stays_wherever_a_secret_might_stand(value: str) -> None:
    assert is_masked(value.encode())
    check(f'{{"password":"{value}"}}', BODY)
    check(f"password={quote(value)}&a=b", FORM)


@pytest.mark.parametrize(
    "value", ["", "*", "xx", "redact", "REDACTED!", "not redacted", "***a", "REDACTED-x", "hidden-treasure"]
)
def test_what_only_resembles_a_mask_is_none(value: str) -> None:
    assert not is_masked(value.encode())


def test_a_name_in_any_bytes_is_asked_for_without_an_error() -> None:
    names = Names(body=frozenset({"password"}), query=frozenset({"q"}), header=frozenset({"mine"}))
    assert names.in_body(b"pass_word")
    assert names.in_body(b"pass\\u0077ord")
    assert not names.in_body(b"\xff\xfe\\u00")
    assert names.in_query(b"Q")
    assert not names.in_query(b"password")
    assert names.in_header(b"X-Mine")
    assert names.in_header(b"mine")
    assert not names.in_header(b"y-mine")


def test_answers_are_remembered_within_bounds() -> None:
    names = Names(body=frozenset({"password"}), query=frozenset(), header=frozenset())
    for number in range(10_000):
        assert not names.in_body(b"name-%d" % number)
        assert not names.may_be_in(b"name-%d of" % number)
    assert len(names._remembered) <= 4096
    assert len(names._words) <= 4096
    assert names.in_body(b"password")
    assert names.may_be_in(b"the password is")
    assert names.may_be_in(b"pass word")


def test_a_harmless_word_is_looked_at_once_and_a_name_beside_it_is_found() -> None:
    scanner = Scanner(Rules(Policy(environment=False)), [Index(())])
    text = '{"tokenizer":"x","keyboard":"y","token":"«z1»"} '
    check(text * 200, BODY, scanner)
    check(text * 200, BODY, scanner)


HOSTILE: Final = {
    "names without values": b'"password":',
    "names in front of brackets": b'"password":{',
    "brackets in brackets": b'{"password":[',
    "names": b"password",
    "names and equals signs": b"&password",
    "tags": b"<password>",
    "tags that close": b"<password></token>",
    "names that name": b'{"name":"password",',
    "inputs": b'<input name="password"',
    "parts": b'; name="password"\r\n',
    "quotes": b'\\"password\\":\\"',
    "coded quotes": b"%22password",
    "backslashes": b'"password":"\\\\',
    "users": b"://a:",
    "yaml": b"password:\n",
}


@pytest.mark.parametrize("context", ["body", "form", "url", "multipart", "yaml"])
@pytest.mark.parametrize("case", HOSTILE)
def test_four_times_the_bytes_cost_about_four_times_the_time(case: str, context: str) -> None:
    part = HOSTILE[case]

    def cost(size: int) -> float:
        data = (part * (size // len(part) + 1))[:size]
        best = 60.0
        for _ in range(2):
            begin = time.process_time()
            find(data, CONTEXTS[context])
            best = min(best, time.process_time() - begin)
        return best

    assert cost(48_000) < 9 * max(cost(12_000), 0.004)
