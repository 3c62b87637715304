"""Personal data: what is found, what must not be, and check digits."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.redact.personal import KINDS, find


def _found(kind: str, text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [data[start:end].decode("utf-8", "replace") for start, end in find(kind, data)]


# Text, with what is to be found between « and ».
_POSITIVE: dict[str, list[str]] = {
    "email": [
        "«john@example.com»",
        "Mail «john.doe+tag@mail.example.co.uk».",
        '{"email":"«j_d-1@x-y.example»"}',
        r"{\"email\":\"«john@example.com»\"}",
        "<«john@example.com»>",
        "mailto:«john@example.com»",
        "?email=«john%40example.com»&x=1",
        "email%3D«john%40example.com»%26x",
        "email%3D«john%2540example.com»",
        "email=«john%2Bnews%40example.com»",
        "email%3D«a%2Bb%2Bc%40example.com»",
        r"from:\n«john@example.com»\nto",
        r"a\u003c«john@example.com»\u003e",
        r"«john\u0040example.com»",
        "«john&#64;example.com»",
        "'«o'brien@example.com»'",
        "«a@b.example»,«c@d.example»;«e@f.example»",
        "«j\u00f6rg@b\u00fccher.example»",
        "\u8054\u7cfb\u6211«john@example.com»\u8c22\u8c22",
        "«john@xn--bcher-kva.xn--p1ai»",
        "«JOHN@EXAMPLE.COM»",
        "https://host/users/«john@example.com»/posts",
        "https://host/?q=«john@example.com»",
        "user:«john@example.com»",
    ],
    "card": [
        "«4111111111111111»",
        "«4111 1111 1111 1111»",
        "«4111-1111-1111-1111»",
        "card=«4111+1111+1111+1111»&x",
        "card=«4111%201111%201111%201111»&x",
        "card%3D«4111111111111111»%26",
        r"\n«4111111111111111»\n",
        '{"n":«378282246310005»,"m":"«3782 822463 10005»"}',
        "«5555555555554444»,«2223003122003222»",
        "«30569309025904» «3056 930902 5904»",
        "«6011111111111117». «3530111333300000»!",
        "«4222222222222»",
        "«6200000000000005»",
        "«2200000000000004»",
        "No:«4000000000000000006»",
    ],
    "iban": [
        "«DE89370400440532013000»",
        "«DE89 3704 0044 0532 0130 00»",
        "«GB82 WEST 1234 5698 7654 32» and more",
        "«GB82WEST12345698765432».",
        "iban=«DE89+3704+0044+0532+0130+00»&x",
        "iban%3D«DE89%203704%200044%200532%200130%2000»",
        r"\n«NL91ABNA0417164300»\n",
        '"«FR1420041010050500013M02606»"',
        "«NO9386011117947»,«MT84MALT011000012345MTLCAST001S»",
        "«BE68 5390 0754 7034»",
        "«BE68-5390-0754-7034»",
    ],
    "phone": [
        "«+14155552671»",
        "tel:«+1-415-555-2671»",
        "«+49 30 123456»",
        "«+44 (0)20 7946 0958»",
        "«+1 (415) 555-2671»",
        "phone=«%2B14155552671»&x",
        "phone=«%2B49%2030%20123456»",
        "«(415) 555-2671» «(415)555-2671»",
        "call «415-555-2671» or «415.555.2671»",
        "«01 23 45 67 89»",
        "«020 7946 0958»",
        "«(030) 123456»",
        "«0049 30 123456»",
        '"«+420777123456»"',
        r"\n«+420777123456»\n",
    ],
    "ip": [
        "«93.184.216.34»",
        "http://«10.0.0.1»:8080/x",
        '"ip":"«192.168.1.20»"',
        "https://api.example/ip/«8.8.8.8»/json",
        "for=«203.0.113.7», «198.51.100.4»",
        "ip%3D«203.0.113.7»%26",
        r"\n«203.0.113.7»\n",
        "«203.0.113.0»/24",
        "Connected to «203.0.113.7».",
        "peer:«203.0.113.7»",
        "«2001:db8::1»",
        "http://[«2001:db8:85a3::8a2e:370:7334»]:443/",
        "«2001:0db8:85a3:0000:0000:8a2e:0370:7334»",
        "ip=«2001%3Adb8%3A%3A1»&x",
        "«::ffff:203.0.113.7»",
        "«fe80::1»%eth0",
        '"«2001:DB8::A:B»"',
        "«2001:db8:1:2::» is a network",
    ],
}

_NEGATIVE: dict[str, list[str]] = {
    "email": [
        "icon@2x.png",
        "https://cdn.example/icon@3x.webp",
        "lodash@4.17.21",
        "pkg@1.2.3-beta.next",
        "npm:@scope/name@1.0.0",
        "https://user:pass@host.example/",
        "https://user@host.example/",
        r"https:\/\/user:pass@host.example\/",
        "https%3A%2F%2Fuser%3Apass%40host.example%2F",
        "git@github.com:owner/repository.git",
        "@app.route",
        r"\n@media.print",
        r"\\t@pytest.mark",
        "john@localhost",
        "john@.com",
        "@example.com",
        "a @ b.com",
        "redacted-abcdefghij@redacted.invalid",
        "redacted-abcdefghij%40redacted.invalid",
        "REDACTED-email-abcdefghij",
        "john.@example.com",
    ],
    "card": [
        "4111111111111112",
        "41111111111111110",
        "14111111111111111",
        "4111111111111111.5",
        "0.4111111111111111",
        "x4111111111111111",
        "4111111111111111x",
        "4111 11111111 1111",
        "4111 1111-1111 1111",
        "4111  1111 1111 1111",
        "4111 1111 1111 1111 1111",
        "1234567890123452",
        "0000000000000000",
        "1700000000000",
        "404000000012345",
        "411111111111",
        "+4111111111111111",
        "-4111111111111111",
        "id-4111111111111111",
    ],
    "iban": [
        "DE88370400440532013000",
        "DE8937040044053201300",
        "DE893704004405320130000",
        "XX89370400440532013000",
        "ADE89370400440532013000",
        "de89370400440532013000",
        "DE89 37040 044 0532 0130 00",
        "US00 0000 0000",
        "GB82 WEST 1234 5698 7654 33",
    ],
    "phone": [
        "2024-01-31",
        "2024-01-31T10:20:30+01:00",
        "+0100",
        "+1000",
        "31.01.2024",
        "1.2.3.4",
        "3.14159265",
        "+1.2345678",
        "-122.4194155",
        "4155552671",
        "0123456789",
        "1700000000",
        "123-45-6789",
        "550e8400-e29b-41d4-a716-446655440000",
        "192.168.100.200",
        "v10.20.3000",
        "978-3-16-148410-0",
        "a+4155552671",
        "x415-555-2671",
        "415-555-26711",
        "9415-555-2671",
        "415-155-2671",
        "415-555.2671",
        "10:20:30",
        "(2024) 123",
        "+1234567890123456",
        "404000000012345",
        "REDACTED-phone-abcdefghij",
    ],
    "ip": [
        "Chrome/120.0.0.0 Safari/537.36",
        "Mozilla%2F5.0 Chrome%2F120.0.0.0",
        '"version":"1.2.3.4"',
        r"{\"version\": \"1.2.3.4\"}",
        "appVersion=1.2.3.4",
        "release 10.20.30.40",
        "v1.2.3.4",
        "1.2.3.4.5",
        "1.2.3",
        "256.1.1.1",
        "1.2.3.400",
        "01.2.3.4",
        "1.2.3.4-beta",
        "0.0.0.0",
        "127.0.0.1",
        "127.1.2.3",
        "255.255.255.0",
        "::",
        "::1",
        "10:20:30",
        "2024-01-31T10:20:30",
        "aa:bb:cc:dd:ee:ff",
        "00:11:22:33:44:55:66:77",
        "std::vector",
        "a::b",
        "Abc::Def::Fee",
        "face::book",
        "1:2:3:4:5:6:7:8:9",
        "12345::1:2",
        "key:value",
        "REDACTED-ip-abcdefghij",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in _POSITIVE.items() for text in texts])
def test_personal_data_is_found_from_its_first_byte_to_its_last(kind: str, text: str) -> None:
    expected = [part.split("»")[0] for part in text.split("«")[1:]]
    assert _found(kind, text.replace("«", "").replace("»", "")) == expected


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in _NEGATIVE.items() for text in texts])
def test_what_only_looks_like_personal_data_is_left_alone(kind: str, text: str) -> None:
    assert _found(kind, text) == []
    assert _found(kind, f'{{"a":"{text}","b":1}}') == []


def test_the_tables_cover_every_kind() -> None:
    assert set(_POSITIVE) == set(_NEGATIVE) == set(KINDS) == {"email", "card", "iban", "phone", "ip"}


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'mail'.*email"):
        find("mail", b"")


# The check digits, computed here in another way than there.


def _luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


@given(st.from_regex(r"\A4[0-9]{14}\Z|\A5[1-5][0-9]{13}\Z|\A6011[0-9]{11}\Z"), st.integers(1, 9))
def test_a_card_is_found_with_its_check_digit_and_with_no_other(digits: str, off: int) -> None:
    right = _luhn_digit(digits)
    wrong = str((int(right) + off) % 10)
    grouped = " ".join((digits + right)[start : start + 4] for start in range(0, 16, 4))
    assert _found("card", f"pay {digits}{right} now") == [digits + right]
    assert _found("card", f"pay {grouped} now") == [grouped]
    assert _found("card", f"pay {digits}{wrong} now") == []


def _iban(country: str, bban: str) -> str:
    number = int("".join(str(int(sign, 36)) for sign in bban + country + "00"))
    return f"{country}{98 - number % 97:02d}{bban}"


_bbans = st.sampled_from([("DE", 18), ("NO", 11), ("GB", 18), ("MT", 27), ("FR", 23)]).flatmap(
    lambda entry: st.tuples(st.just(entry[0]), st.text("0123456789ABCXYZ", min_size=entry[1], max_size=entry[1]))
)


@given(_bbans, st.integers(1, 96))
def test_an_iban_is_found_with_its_check_digits_and_with_no_others(parts: tuple[str, str], off: int) -> None:
    iban = _iban(*parts)
    wrong = f"{iban[:2]}{(int(iban[2:4]) - 2 + off) % 97 + 2:02d}{iban[4:]}"
    grouped = " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
    assert _found("iban", f"to {iban}, now") == [iban]
    assert _found("iban", f"to {grouped}, now") == [grouped]
    assert _found("iban", f"to {wrong}, now") == []


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=300) | st.text(alphabet="+-.:@%40 1229aDE/\\n", max_size=300).map(str.encode),
)
def test_any_bytes_give_spans_in_order_and_no_error(kind: str, data: bytes) -> None:
    end_before = 0
    for start, end in find(kind, data):
        assert end_before <= start < end <= len(data)
        end_before = end


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_found_in_its_short_and_long_form(address: object) -> None:
    long = getattr(address, "exploded", "")
    short = getattr(address, "compressed", "")
    if getattr(address, "is_loopback", False) or getattr(address, "is_unspecified", False):
        assert _found("ip", long) == _found("ip", short) == []
    elif any(sign in "123456789" for sign in short) and len([group for group in short.split(":") if group]) >= 3:
        assert _found("ip", f"[{short}]") == [short]
        assert _found("ip", f"[{long}]") == [long]


_HOSTILE = {
    "email": [
        b"@",
        b"a@",
        b"a.",
        b"a@b.",
        b"%40",
        b"a%40",
        b"%2B",
        b"%2Ba@",
        b"a@b.c",
        b"://a@b.cd",
        b"\\n",
        b"a@a-.",
        b"x@" + b"a." * 9,
    ],
    "card": [b"4", b"4 ", b"4111 ", b"4111-1111-", b"4111111111111112 ", b"%204111"],
    "iban": [b"DE", b"DE89", b"DE89 ", b"DE89 3704 0044 ", b"A1", b"%20DE89"],
    "phone": [b"+", b"+1", b"+1 ", b"+1 23 ", b"0", b"00 ", b"(1)", b"01 ", b"415-", b"(0", b"%2B1", b"+12(3)"],
    "ip": [b"1.", b"1.1.1.1.", b":", b"::", b"a:", b"1:", b"a::", b"%3A", b"1.1.1.", b"A/1.1.1.1 ", b"%3A1"],
}


@pytest.mark.parametrize(("kind", "unit"), [(kind, unit) for kind, units in _HOSTILE.items() for unit in units])
def test_hostile_input_is_read_in_linear_time(kind: str, unit: bytes) -> None:
    data = unit * (200_000 // len(unit))
    begun = time.process_time()
    sum(1 for _ in find(kind, data))
    assert time.process_time() - begun < 2
