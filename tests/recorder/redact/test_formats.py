"""Each format against tokens of its form, near misses, escaped surroundings and hostile input.

No token stands here in one piece: each is put together, so that scanners of repositories pass this file by.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest

from recorder.redact.formats import FORMATS, Format, kind_of, span_at

if TYPE_CHECKING:
    from collections.abc import Iterator

_BY_SLUG = {form.slug: form for form in FORMATS}


def _mixed(size: int) -> str:
    """Letters of both cases and digits."""
    return ("a1B2c3D4e5" * (size // 10 + 1))[:size]


def _hex(size: int) -> str:
    return ("0a1b2c3d4e5f" * (size // 12 + 1))[:size]


def _upper(size: int) -> str:
    return ("A2B3C4D5E6" * (size // 10 + 1))[:size]


def _url(size: int) -> str:
    """The alphabet of base64url."""
    return ("a1B2-c3_D4" * (size // 10 + 1))[:size]


def _json64(value: object, **options: Any) -> str:
    return urlsafe_b64encode(json.dumps(value, **options).encode()).decode().rstrip("=")


def _pem(label: str, lines: int = 5, end: str = "\n") -> str:
    body = "".join(_mixed(64) + end for _ in range(lines))
    return f"-----BEGIN {label}-----{end}{body}{_mixed(22)}=={end}-----END {label}-----"


_UUID = f"{_hex(8)}-{_hex(4)}-{_hex(4)}-{_hex(4)}-{_hex(12)}"
_DISCORD_ID = urlsafe_b64encode(b"123456789012345678").decode()
_JWT = f"{_json64({'alg': 'HS256', 'typ': 'JWT'})}.{_json64({'sub': '42'})}.{_url(43)}"
_AGE = ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2)[:58]

# Slug, tokens that are one, text that is none. The secret is the whole token, or what stands between « and ».
_TABLE: list[tuple[str, list[str], list[str]]] = [
    (
        "aws-key",
        ["AKIA" + _upper(16), "ASIA" + _upper(16), "AKIA" + "IOSFODNN7" + "EXAMPLE"],
        ["AKIA" + _upper(15), "AKIA" + _upper(17), "akia" + _upper(16), "xAKIA" + _upper(16), "AKIA" + _hex(16)],
    ),
    (
        "aws-session-token",
        ["IQoJb3JpZ2luX2Vj" + _mixed(300) + "==", "FwoGZXIvYXdz" + _mixed(60) + "/+" + _mixed(200)],
        ["IQoJb3JpZ2luX2Vj" + _mixed(30), "FwoGZXIvYXdz"],
    ),
    (
        "google-api-key",
        ["AIza" + _url(35), "AIza" + _mixed(35)],
        ["AIza" + _mixed(34), "AIza" + _mixed(36), "aiza" + _mixed(35)],
    ),
    (
        "google-access-token",
        ["ya29." + _url(150), "ya29.a0" + _mixed(40)],
        ["ya29." + _mixed(10), "YA29." + _mixed(40), "maya29." + _mixed(40)],
    ),
    (
        "google-client-secret",
        ["GOCSPX-" + _url(28), "GOCSPX-" + _mixed(28)],
        ["GOCSPX-" + _url(20), "gocspx-" + _url(28)],
    ),
    (
        "google-refresh-token",
        ["1//0" + _url(60), "1//0g" + _mixed(90), "1%2F%2F0" + _url(60), r"1\/\/0" + _url(60)],
        ["1//0" + _mixed(20), "11//0" + _mixed(60), "1/0" + _mixed(60)],
    ),
    (
        "azure-key",
        [
            "AccountName=x;AccountKey=«" + _mixed(40) + "+/" + _mixed(44) + "==»;EndpointSuffix=x",
            "AccountKey%3D«" + _mixed(40) + "%2B%2F" + _mixed(44) + "%3D%3D»%3B",
            "SharedAccessKeyName=x;SharedAccessKey=«" + _mixed(43) + "=»",
        ],
        ["AccountKey=" + _mixed(30) + "==", "AccountKey=" + _mixed(90) + "==", "SharedAccessKeyName=" + _mixed(43)],
    ),
    (
        "azure-client-secret",
        [
            "abc8" + "Q~" + _mixed(34),
            "A.17" + "Q~" + _url(31),
            "x~_7" + "Q~" + _mixed(31) + ".ab",
            "abc8" + "Q%7E" + _mixed(34),
        ],
        [
            "abc8" + "Q~" + _mixed(20),
            "abc8" + "q~" + _mixed(34),
            "abcd" + "Q~" + _mixed(34),
            "abc8" + "Q~" + _mixed(35),
        ],
    ),
    (
        "digitalocean-token",
        ["dop_v1_" + _hex(64), "dor_v1_" + _hex(64)],
        ["dop_v1_" + _hex(63), "dop_v1_" + _upper(64)],
    ),
    (
        "heroku-key",
        ["HRKU-AA" + _url(58), "HRKU-" + _UUID],
        ["HRKU-" + _mixed(20), "hrku-" + _UUID, _UUID],
    ),
    (
        "databricks-token",
        ["dapi" + _hex(32), "dapi" + _hex(32) + "-2"],
        ["dapi" + _hex(31), "dapi" + _hex(33), "lorem dapibus " + _hex(32), "xdapi" + _hex(32)],
    ),
    (
        "vault-token",
        ["hvs." + _url(90), "hvb." + _mixed(140)],
        ["hvs." + _mixed(20), "hvx." + _mixed(90), "HVS." + _mixed(90)],
    ),
    (
        "vault-token-old",
        ['"«s.' + _mixed(24) + '»"', "token=«s." + _mixed(24) + "»", "X-Vault-Token:«s." + _mixed(24) + "»"],
        [
            '"s.' + _mixed(23) + '"',
            '"s.' + "getElementsByClassesName" + '"',
            "x=s." + _mixed(24) + "(1)",
            "x=s." + _mixed(24) + ".y",
            '"ds.' + _mixed(24) + '"',
        ],
    ),
    (
        "terraform-token",
        [_mixed(14) + ".atlasv1." + _mixed(67), _mixed(14) + ".atlasv1." + _url(60)],
        [
            _mixed(13) + ".atlasv1." + _mixed(67),
            _mixed(14) + ".atlasv1." + _mixed(20),
            _mixed(15) + ".atlasv1." + _mixed(67),
        ],
    ),
    (
        "github-token",
        [
            *("gh" + kind + "_" + _mixed(36) for kind in "pousr"),
            "github_pat_" + _mixed(22) + "_" + _mixed(59),
            "ghr_" + _mixed(76),
            "ghs_" + "123456_" + _JWT,
        ],
        [
            "ghp_" + _mixed(35),
            "ghx_" + _mixed(36),
            "GHP_" + _mixed(36),
            "xghp_" + _mixed(36),
            "github_pat_" + _mixed(20),
        ],
    ),
    (
        "gitlab-token",
        [
            *(kind + "-" + _url(20) for kind in ("glpat", "gldt", "glrt", "glptt", "glcbt", "glsoat", "glft", "gloas")),
            "glpat-" + _url(30) + ".01." + _hex(9),
            "glrt-t1_" + _url(27) + "." + _hex(9),
            "glcbt-64_" + _url(20),
        ],
        ["glpat-" + _mixed(19), "GLPAT-" + _mixed(20), "glxyz-" + _mixed(20)],
    ),
    (
        "atlassian-token",
        [
            "ATBB" + _mixed(32),
            "ATCTT3xFfGN0" + _url(170) + "=" + _upper(8),
            "ATATT3xFfGF0" + _url(170) + "%3D" + _upper(8),
        ],
        ["ATBB" + _mixed(20), "atbb" + _mixed(32), "ATATT3" + _mixed(20)],
    ),
    (
        "npm-token",
        ["npm_" + _mixed(36), "npm_" + _upper(36)],
        ["npm_" + _mixed(35), "npm_" + _mixed(37), "npm_config_registry"],
    ),
    (
        "pypi-token",
        ["pypi-AgE" + "IcHlwaS5vcmc" + _url(120), "pypi-AgE" + _mixed(60)],
        ["pypi-AgE" + _mixed(20), "pypi-age" + _mixed(60)],
    ),
    (
        "docker-token",
        ["dckr_pat_" + _url(27), "dckr_oat_" + _url(32)],
        ["dckr_pat_" + _mixed(20), "dckr_xxx_" + _mixed(27)],
    ),
    (
        "postman-key",
        ["PMAK-" + _hex(24) + "-" + _hex(34), "PMAK-" + _hex(12) * 2 + "-" + _hex(34)],
        ["PMAK-" + _hex(24), "PMAK-" + _mixed(24) + "-" + _hex(34)],
    ),
    (
        "stripe-key",
        [
            *(kind + "_" + mode + "_" + _mixed(24) for kind in ("sk", "rk") for mode in ("live", "test")),
            "whsec_" + _mixed(32),
            "whsec_" + _mixed(42) + "+/==",
        ],
        ["pk_live_" + _mixed(24), "sk_live_" + _mixed(8), "task_live_" + _mixed(24), "whsec_" + _mixed(10)],
    ),
    (
        "shopify-token",
        [kind + "_" + _hex(32) for kind in ("shpat", "shpss", "shpca", "shppa")],
        ["shpat_" + _hex(31), "shpat_" + _mixed(33), "shpxx_" + _hex(32)],
    ),
    (
        "square-token",
        ["EAAA" + _url(60), "sq0atp-" + _url(22), "sq0csp-" + _url(43)],
        [
            "EAAA" + _mixed(59),
            "EAAA" + _mixed(61),
            "sq0idp-" + _mixed(22),
            "xEAAA" + _mixed(60),
            "sq0atp-" + _mixed(21),
        ],
    ),
    (
        "braintree-token",
        [
            f"access_token{dollar}{mode}{dollar}{_hex(16)}{dollar}{_hex(32)}"
            for mode in ("production", "sandbox")
            for dollar in ("$", "%24")
        ],
        ["access_token$" + _hex(16), "access_token=production", f"access_token$staging${_hex(16)}${_hex(32)}"],
    ),
    (
        "slack-token",
        [
            *("xox" + kind + "-" + "1234567890-" + _mixed(24) for kind in "bpars"),
            "xoxe.xoxp-1-" + _mixed(160),
            "xoxd-" + _mixed(40) + "%2B" + _mixed(60) + "%3D",
            "xapp-1-" + _upper(11) + "-1234567890123-" + _hex(64),
        ],
        ["xoxb-" + _mixed(5), "xoxo-" + _mixed(30), "xapp-1-" + _mixed(11), "XOXB-" + _mixed(30)],
    ),
    (
        "slack-webhook",
        [
            "https://hooks.slack.com/services/" + f"T{_upper(8)}/B{_upper(8)}/«{_mixed(24)}»",
            r"https:\/\/hooks.slack.com\/services\/" + rf"T{_upper(8)}\/B{_upper(10)}\/«{_mixed(24)}»",
            "https%3A%2F%2Fhooks.slack.com%2Fservices%2F" + f"T{_upper(8)}%2FB{_upper(8)}%2F«{_mixed(24)}»",
            "https://hooks.slack.com/workflows/" + f"T{_upper(8)}/A{_upper(8)}/123456789012345678/«{_mixed(24)}»",
        ],
        [f"https://hooks.slack.com/services/T{_upper(8)}/B{_upper(8)}/short", "https://hooks.slack.com/" + _mixed(60)],
    ),
    (
        "discord-token",
        [
            "Authorization: Bot «" + _DISCORD_ID + ".GaBcDe." + _url(38) + "»",
            "bot%20«" + _DISCORD_ID + ".X_bCdE." + _url(27) + "»",
        ],
        ["Bot " + _mixed(24) + ".GaBcDe." + _url(38), "Bot " + _DISCORD_ID + ".abc", "robot parts"],
    ),
    (
        "discord-webhook",
        [
            "https://discord.com/api/webhooks/123456789012345678/«" + _url(68) + "»",
            r"https:\/\/discordapp.com\/api\/webhooks\/1234567890123456789\/«" + _mixed(68) + "»",
        ],
        ["https://x/webhooks/123/" + _url(68), "https://x/webhooks/123456789012345678/" + _url(20)],
    ),
    (
        "telegram-token",
        ["123456789:AA" + _url(33), "1234567890%3AAA" + _url(33), "12345678:AA" + _mixed(32)],
        ["1234567:AA" + _mixed(33), "123456789:AB" + _mixed(33), "123456789:AA" + _mixed(20), "00:AA:11:22:33:44"],
    ),
    (
        "twilio-key",
        ["SK" + _hex(32), "SK" + _hex(12)[::-1] + _hex(20)],
        ["SK" + _hex(31), "SK" + _hex(33), "AC" + _hex(32), "sk" + _hex(30), "TASK" + _hex(32)],
    ),
    (
        "sendgrid-key",
        ["SG." + _url(22) + "." + _url(43), "SG." + _mixed(22) + "." + _mixed(43)],
        ["SG." + _mixed(21) + "." + _mixed(43), "MSG." + _mixed(22) + "." + _mixed(43), "SG.1"],
    ),
    (
        "mailgun-key",
        ["key-" + _hex(32), "key-" + _hex(12)[::-1] + _hex(20)],
        ["key-" + _hex(31), "key-" + _hex(33), "cache-key-" + _hex(32), "key-" + _upper(32)],
    ),
    (
        "mailchimp-key",
        [_hex(32) + "-us12", _hex(32) + "-us1"],
        [_hex(31) + "-us12", _hex(33) + "-us12", _hex(32) + "-use", "en-us1"],
    ),
    (
        "anthropic-key",
        ["sk-ant-" + "api03-" + _url(93) + "AA", "sk-ant-" + "oat01-" + _url(93) + "AA"],
        ["sk-ant-" + "api03-" + _mixed(10), "sk-ant-" + _mixed(10), "ask-ant-" + "api03-" + _url(93)],
    ),
    (
        "openai-key",
        [
            "sk-" + _mixed(48),
            "sk-proj-" + _url(150),
            "sk-svcacct-" + _url(60),
            "sk-or-v1-" + _hex(64),
            "sk-" + _hex(32),
        ],
        ["sk-" + _mixed(20), "task-" + _mixed(48), "sk-" + "fading-circle-" + _mixed(10), "SK-" + _mixed(48)],
    ),
    (
        "huggingface-token",
        ["hf_" + _mixed(34), "api_org_" + _mixed(34)],
        ["hf_" + _mixed(20), "hf_" + "hub_download", "HF_" + _mixed(34)],
    ),
    (
        "replicate-token",
        ["r8_" + _mixed(37), "r8_" + _upper(37)],
        ["r8_" + _mixed(36), "r8_" + _mixed(38), "xr8_" + _mixed(37)],
    ),
    ("groq-key", ["gsk_" + _mixed(52), "gsk_" + _upper(52)], ["gsk_" + _mixed(51), "gsk_" + _mixed(53)]),
    (
        "xai-key",
        ["xai-" + _mixed(80), "xai-" + _mixed(40) + "_" + _mixed(39)],
        ["xai-" + _mixed(40), "XAI-" + _mixed(80)],
    ),
    (
        "facebook-token",
        ["EAA" + "C" + _mixed(180), "access_token=«EAA" + "B" + _upper(120) + "»&x"],
        ["EAA" + _mixed(60), "xEAA" + _mixed(180), "+EAA" + _mixed(180), "EAA" + _mixed(180) + "+"],
    ),
    (
        "linear-key",
        ["lin_api_" + _mixed(40), "lin_oauth_" + _hex(64)],
        ["lin_api_" + _mixed(39), "lin_xyz_" + _mixed(40)],
    ),
    (
        "notion-token",
        ["ntn_" + "12345678901" + _mixed(35), "secret_" + _mixed(43)],
        ["ntn_" + _mixed(20), "client_secret_" + _mixed(43), "secret_" + _mixed(42)],
    ),
    (
        "airtable-token",
        [
            "pat" + _mixed(14) + "." + _hex(64),
            "patH" + _mixed(13) + "." + _hex(64),
            "patt" + _mixed(13) + "." + _hex(64),
        ],
        ["path" + _mixed(5) + "." + _hex(64), "pat" + _mixed(14) + "." + _hex(60), "pattern"],
    ),
    (
        "newrelic-key",
        ["NRAK-" + _upper(27), "NRAK-" + "X" + _upper(26)],
        ["NRAK-" + _upper(26), "NRAK-" + _mixed(27), "NRJS-" + _upper(27)],
    ),
    (
        "grafana-token",
        ["glsa_" + _mixed(32) + "_" + _hex(8), "glc_" + _mixed(80) + "=="],
        ["glsa_" + _mixed(32), "glc_" + _mixed(10)],
    ),
    (
        "sentry-token",
        ["sntrys_" + "eyJ" + _mixed(80) + "=_" + _mixed(43), "sntryu_" + _hex(64)],
        ["sntrys_" + _mixed(20), "sntryu_" + _hex(63)],
    ),
    ("figma-token", ["figd_" + _url(40), "figd_" + _mixed(43)], ["figd_" + _mixed(20), "FIGD_" + _mixed(40)]),
    (
        "age-key",
        ["AGE-SECRET-KEY-1" + _AGE, "AGE-SECRET-KEY-1" + _AGE[::-1]],
        ["AGE-SECRET-KEY-1" + _AGE[:-1], "AGE-SECRET-KEY-1" + "B" * 58],
    ),
    (
        "jwt",
        [
            _JWT,
            f"{_json64({'typ': 'JWT', 'alg': 'none'})}.{_json64({'sub': '42'})}.",
            f"{_json64({'typ': 'JWT', 'alg': 'none'})}.{_json64({'sub': '42'})}",
            f"{_json64({'kid': '1', 'alg': 'ES256'})}.{_json64({'sub': '42'})}.{_url(86)}",
            f"{_json64({'kid': '12', 'alg': 'ES256'})}.{_json64({'sub': '42'})}.{_url(86)}",
            f"{_json64({'kid': '123', 'alg': 'ES256'})}.{_json64({'sub': '42'})}.{_url(86)}",
            f"{_json64({'alg': 'HS256'}, indent=1)}.{_json64({'sub': '42'})}.{_url(43)}",
            f"{_json64({'alg': 'dir', 'enc': 'A256GCM'})}..{_url(16)}.{_url(60)}.{_url(22)}",
            f"{_json64({'alg': 'HS256'})}..{_url(43)}",
        ],
        [
            f"{_json64({'typ': 'JWT', 'enc': 'HS256'})}.{_json64({'sub': '42'})}.{_url(43)}",
            f"{_json64({'user': 'me'})}.{_url(6)}.{_url(27)}",
            _json64({"alg": "HS256"}),
            f"x{_JWT}",
        ],
    ),
    (
        "private-key",
        [
            *(
                _pem(f"{label}PRIVATE KEY{tail}")
                for label, tail in (
                    ("", ""),
                    ("RSA ", ""),
                    ("EC ", ""),
                    ("OPENSSH ", ""),
                    ("ENCRYPTED ", ""),
                    ("PGP ", " BLOCK"),
                )
            ),
            *(_pem("RSA PRIVATE KEY", end=end) for end in ("\r\n", r"\n", r"\\n", r"\\\\n", " ", "%0A", "%0D%0A")),
            quote_plus(_pem("PRIVATE KEY")),
            quote(_pem("PRIVATE KEY")),
            _pem("RSA PRIVATE KEY").replace(
                "KEY-----\na1", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\na1"
            ),
            # Cut off: to the end of the base64.
            "«" + _pem("RSA PRIVATE KEY")[:150] + "»",
            "«" + _pem("RSA PRIVATE KEY", end=r"\n")[:150] + '»", "next": 1',
            "«" + _pem("EC PRIVATE KEY")[:100] + "»<br>",
            "«" + _pem("RSA PRIVATE KEY")[:180] + "» ... and so on",
        ],
        [
            _pem("CERTIFICATE"),
            _pem("PUBLIC KEY"),
            'pem.replace("-----BEGIN PRIVATE KEY-----", "").replace("-----END PRIVATE KEY-----", "")',
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY----- is how the file of a key begins",
        ],
    ),
]


def _found(form: Format, data: bytes) -> list[tuple[int, int]]:
    """What an engine does: look for the needles in lower-cased data, then ask the format."""
    spans: list[tuple[int, int]] = []
    lower = data.lower()
    for at in sorted(_places(form, lower)):
        span = span_at(form, data, at)
        if span is not None and not (spans and span[0] < spans[-1][1]):
            spans.append(span)
    return spans


def _places(form: Format, lower: bytes) -> Iterator[int]:
    for needle in form.needles:
        at = lower.find(needle)
        while at >= 0:
            yield at
            at = lower.find(needle, at + 1)


def _marked(text: str) -> tuple[str, str]:
    """Split the marks off: the text, and the secret in it."""
    if "«" not in text:
        return text, text
    before, rest = text.split("«")
    secret, after = rest.split("»")
    return before + secret + after, secret


_POSITIVE = [(slug, *_marked(token)) for slug, tokens, _ in _TABLE for token in tokens]
# A key that is cut off ends where the base64 does, whatever follows.
_EMBEDDED = [row for row in _POSITIVE if row[0] != "private-key" or "-----END" in row[1]]
_NEGATIVE = [(slug, text) for slug, _, texts in _TABLE for text in texts]
_ALONE = [(slug, secret) for slug, text, secret in _POSITIVE if _BY_SLUG[slug].whole is not None]


def test_the_table_has_two_examples_and_two_counter_examples_of_each_format() -> None:
    assert [slug for slug, _, _ in _TABLE] == [form.slug for form in FORMATS]
    assert all(len(tokens) >= 2 and len(texts) >= 2 for _, tokens, texts in _TABLE)


def test_slugs_and_needles_are_what_the_engine_builds_on() -> None:
    assert len({form.slug for form in FORMATS}) == len(FORMATS) >= 30
    for form in FORMATS:
        assert set(form.slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert form.title
        assert all(len(needle) >= 3 and needle == needle.lower() for needle in form.needles), form.slug
        assert -1 <= form.offset <= 32


@pytest.mark.parametrize(("slug", "text", "secret"), _POSITIVE)
def test_a_token_is_found_whole_and_alone(slug: str, text: str, secret: str) -> None:
    data = text.encode()
    start = data.index(secret.encode())
    assert _found(_BY_SLUG[slug], data) == [(start, start + len(secret.encode()))]


@pytest.mark.parametrize(("slug", "text"), _NEGATIVE)
def test_what_only_looks_like_a_token_is_left_alone(slug: str, text: str) -> None:
    assert _found(_BY_SLUG[slug], text.encode()) == []


@pytest.mark.parametrize(("slug", "text", "secret"), _EMBEDDED)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("token=", "&next=1"),
        ("token%3D", "%26next"),
        ("token%253D", "%2526next"),
        ('{"token":"', '"}'),
        (r"{\"token\":\"", r"\"}"),
        (r"first line\n", r"\nlast line"),
        (r"first line\\n", r"\\nlast line"),
        (r"a\tb\t", r"\t"),
        (r"x\u003d", r"\u0026"),
        ("https://host/", "/path"),
        (r"https:\/\/host\/", r"\/path"),
        ("\x1b[32m", "\x1b[0m"),
        (r"\u001b[1;31m", r"\u001b[0m"),
        ("Bearer ", "\r\n"),
        ("user:", "@host"),
        ("<token>", "</token>"),
        ("\u00e9", "\u00e9"),
        ("('", "')"),
    ],
)
def test_a_token_is_found_in_escaped_text(slug: str, text: str, secret: str, before: str, after: str) -> None:
    if after[0] in "/\\%" and slug in _OPEN_ENDED:
        after = '"'
    if slug == "facebook-token" and before == "https://host/":
        before = "https://host/?"  # in a path it cannot be told from base64
    data = (before + text + after).encode()
    start = len(before.encode()) + text.encode().index(secret.encode())
    assert _found(_BY_SLUG[slug], data) == [(start, start + len(secret.encode()))]


_OPEN_ENDED = {
    # Their alphabet has "/", which `\/` and `%2F` stand for.
    "aws-session-token", "atlassian-token", "facebook-token", "grafana-token", "sentry-token", "slack-token",
    "square-token", "stripe-key", "azure-key",
}  # fmt: skip


@pytest.mark.parametrize(("slug", "secret"), _ALONE)
def test_a_whole_value_is_known_by_its_format(slug: str, secret: str) -> None:
    assert kind_of(secret.encode()) == slug


@pytest.mark.parametrize(("slug", "secret"), _ALONE)
def test_a_value_with_more_to_it_is_of_no_format(slug: str, secret: str) -> None:
    assert kind_of(b"! " + secret.encode()) is None
    assert kind_of(secret.encode() + b" !") is None


@pytest.mark.parametrize("value", [b"", b"a", b"hunter2", b"correct horse battery staple", bytes(range(256)), b"sk-"])
def test_a_value_of_no_format_has_no_kind(value: bytes) -> None:
    assert kind_of(value) is None


def test_placeholders_of_every_kind_match_no_format() -> None:
    for slug in [*_BY_SLUG, "secret", "email", "card", "iban", "phone", "ip"]:
        for digits in ("abcdefghij", "2222222222", "a2b3c4d5e6f7", "deadbeefabc"):
            common = f"REDACTED-{slug}-{digits}"
            claims = _json64({"sub": common}, separators=(",", ":"))
            jwt = f"{_json64({'alg': 'none'}, separators=(',', ':'))}.{claims}.{common}"
            ours = [common, jwt] if slug == "jwt" else [common]
            for text in ours:
                for around in (text, f"token={text}&x", f"/{text}/", f'"{text}"', f"Bot {text}", f"AccountKey={text}"):
                    for form in FORMATS:
                        assert _found(form, around.encode()) == [], form.slug
                assert kind_of(text.encode()) is None


def test_a_foreign_token_that_only_begins_like_a_placeholder_is_found() -> None:
    head = _json64({"alg": "none"}, separators=(",", ":"))
    claims = _json64({"sub": "42"})
    for text in (
        f"{head}.{claims}.",
        f"{head}.{claims}.REDACTED-jwt-abcdefghij",
        f"{head}.{_json64({'sub': 'REDACTED-jwt-'})}.{_url(43)}",
    ):
        assert _found(_BY_SLUG["jwt"], text.encode()) == [(0, len(text))]


def test_each_byte_of_a_key_goes_from_begin_to_end_line() -> None:
    key = _pem("RSA PRIVATE KEY", lines=60)
    data = f'{{"a": {json.dumps(key)}, "b": {json.dumps(json.dumps(key))}, "c": 1}}'.encode()
    spans = _found(_BY_SLUG["private-key"], data)
    assert len(spans) == 2
    assert all(
        data[start:end].startswith(b"-----BEGIN") and data[start:end].endswith(b"KEY-----") for start, end in spans
    )


def test_two_keys_in_a_row_are_two() -> None:
    data = (_pem("RSA PRIVATE KEY") + "\n" + _pem("CERTIFICATE") + "\n" + _pem("PRIVATE KEY") + "\n").encode()
    assert len(_found(_BY_SLUG["private-key"], data)) == 2
    start, end = _found(_BY_SLUG["private-key"], data)[0]
    assert b"CERTIFICATE" not in data[start:end]


def _hostile(form: Format, megabyte: int) -> Iterator[bytes]:
    """Much that nearly matches: needles in a row, tokens without their ends, runs of the alphabet."""
    token = next(text for slug, text, _ in _POSITIVE if slug == form.slug).encode()
    yield (b" " + token[:-1] + b"\xff") * (megabyte // (len(token) + 1))
    for needle in (form.needles[0], form.needles[0].upper()):
        yield needle * (megabyte // len(needle))
        yield (needle + b"_") * (megabyte // (len(needle) + 1))
        yield (b"%3D" + needle) * (megabyte // (len(needle) + 3))
    yield b" " + token[: max(4, len(token) // 2)] + b"A" * megabyte
    head = token[: max(4, len(token) // 2)]
    yield (b"_" + head) * (megabyte // (len(head) + 1))
    yield (b"/" + head) * (megabyte // (len(head) + 1))
    if form.slug == "jwt":
        yield b"_eyJhbGciOi" * (megabyte // 11)
        yield b"%3DeyJ" + b"A" * megabyte
        yield b"/eyJhbGciOiJ." * (megabyte // 13)
    if form.slug == "private-key":
        begin = b"-----BEGIN PRIVATE KEY-----"
        yield begin * (megabyte // len(begin))
        yield (begin + b"\n" + b"A" * 64) * (megabyte // 92)
        yield (begin + b"-" * 4 + b"a") * (megabyte // 32)
        yield (begin + (b"A" * 23 + b" ") * 25) * (megabyte // 627)
        yield begin + b"- " * (megabyte // 2)
        yield (begin + b"\nVersion:" * 12) * (megabyte // 135)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.slug)
def test_near_misses_are_read_in_linear_time(form: Format) -> None:
    _read_hostile(form, 100_000, seconds=1)


@pytest.mark.full
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.slug)
def test_a_megabyte_of_near_misses_is_read_in_linear_time(form: Format) -> None:
    _read_hostile(form, 1_000_000, seconds=5)


def _read_hostile(form: Format, size: int, seconds: float) -> None:
    for data in _hostile(form, size):
        lower = data.lower()
        begun = time.process_time()
        done = 0
        for at in sorted(_places(form, lower)):
            if at < done:
                continue
            span = span_at(form, data, at)
            done = span[1] if span else done
        assert kind_of(data) is None
        assert time.process_time() - begun < seconds, (form.slug, data[:80])
