r"""The well-known formats of tokens: how each looks, and how it is found.

Law: a pattern tells a token from anything else by itself, in time linear in what it looks at, and looks at a bounded
number of bytes. It never matches a placeholder of ours. This module knows no place and no name: what is secret only
for where it stands is not here.

A token in a recording stands in escaped text more often than not: after `%3D`, after the two bytes `\n` of a JSON
string inside a JSON string, after a colour code in a log. The letter that ends such an escape is no part of a word, so
that a token after it is one. Within a token, `/`, `=`, `+`, `:` and `$` are also taken percent-encoded or, `/`, with a
backslash before it.

Facts of the formats: the vendors' documentation where they publish it, else the lengths and alphabets of tokens that
are in use. Lengths are bounded on both sides; where a vendor reserves the right to longer tokens, so do the bounds.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import chain
from typing import Final

__all__ = ["AFTER_ESCAPE", "FORMATS", "LOOK_BACK", "Format", "kind_of", "span_at"]

LOOK_BACK: Final = 10
"""Bytes: the most that may stand between the beginning of a token and its needle in a format with offset -1."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format of tokens.

    `slug` is the kind in placeholders, `[a-z0-9-]`. `needles` are literals in lower case, of three bytes and more, one
    of which stands in every token: they are looked for in lower-cased data. The token begins `offset` bytes before the
    needle; -1 says that this varies, from 1 to `LOOK_BACK`. `pattern` is matched at the token's beginning in the
    data as it is, with what stands before left in view (`pattern.match(data, start)`, never a slice): it checks its own
    boundaries. Its group "secret", else the whole match, is what has to go. `whole` is how `kind_of` knows the secret
    when it stands alone, which is `pattern` unless that needs words around it; None when it cannot be told.
    """

    slug: str
    title: str
    needles: tuple[bytes, ...]
    offset: int
    expression: bytes
    whole_expression: bytes | None

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """The expression, compiled when it is first needed: a recording should not wait for fifty of them."""
        return _compiled(self.expression)

    @property
    def whole(self) -> re.Pattern[bytes] | None:
        """What `kind_of` matches with; None where a value alone tells nothing."""
        return None if self.whole_expression is None else _compiled(self.whole_expression)


@functools.cache
def _compiled(expression: bytes) -> re.Pattern[bytes]:
    return re.compile(expression)


def span_at(form: Format, data: bytes, needle: int) -> tuple[int, int] | None:
    """Give the span of the secret of the token whose needle stands at byte `needle`, or None when there is no token."""
    offsets = (form.offset,) if form.offset >= 0 else range(min(LOOK_BACK, needle), 0, -1)
    for offset in offsets:
        found = form.pattern.match(data, needle - offset) if offset <= needle else None
        if found is not None:
            return found.span(_GROUP if _GROUP in form.pattern.groupindex else 0)
    return None


def kind_of(value: bytes) -> str | None:
    """Give the slug of the format that the whole of `value` has, or None. Costs about a microsecond."""
    head = bytes(value[:3]).lower()
    for form in chain(_BY_HEAD.get(head, ()), _OTHERS):
        if form.whole is not None and form.whole.fullmatch(value):
            return form.slug
    return None


# What patterns are made of.

_GROUP: Final = "secret"

AFTER_ESCAPE: Final = (
    rb"(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})|(?<=%2525[0-9A-Fa-f]{2})"
    rb"|(?<=\\[abfnrtv0])|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})|(?<=[\[;]\dm)|(?<=[\[;]\d\dm)"
)
"""Part of a pattern: right after an escape (%3D, %253D, \\n, \\u003d, \\x3d, a terminal's colour code), whose last
character looks like one of a word and is none."""

# Nothing that belongs to a word stands before.
_LEFT = rb"(?:(?<![A-Za-z0-9])|" + AFTER_ESCAPE + rb")"
# For prefixes that are words or close to some: no "-" and no "_" either.
_STRICT_LEFT = rb"(?:(?<![A-Za-z0-9_-])|" + AFTER_ESCAPE + rb")"
_END = rb"(?![A-Za-z0-9])"
_END_URL = rb"(?![A-Za-z0-9_-])"

_SLASH = rb"(?:\\{0,8}/|%(?:25){0,2}2[Ff])"
_COLON = rb"(?::|%(?:25){0,2}3[Aa])"
_TILDE = rb"(?:~|%(?:25){0,2}7[Ee])"
_EQUALS = rb"(?:=|%(?:25){0,2}3[Dd]|\\{1,8}u003[Dd])"
_DOLLAR = rb"(?:\$|%(?:25){0,2}24)"
_BASE64 = rb"(?:[A-Za-z0-9+/]|%(?:25){0,2}2[BbFf]|\\{1,8}/|\\{1,8}u002[BbFf])"


_NAMED = {
    b"<slash>": _SLASH,
    b"<colon>": _COLON,
    b"<tilde>": _TILDE,
    b"<equals>": _EQUALS,
    b"<dollar>": _DOLLAR,
    b"<base64>": _BASE64,
}


def _form(
    slug: str,
    title: str,
    needles: str | tuple[str, ...],
    body: bytes,
    *,
    left: bytes = _LEFT,
    end: bytes = _END,
    offset: int = 0,
    whole: bytes | None = b"",
) -> Format:
    """Make a format; `needles` may be separated by spaces; `whole` of b"" says that `body` tells by itself.

    `<slash>` and its like in `body` stand for that character however it is escaped.
    """
    literals = needles.split() if isinstance(needles, str) else needles
    for name, escaped in _NAMED.items():
        body = body.replace(name, escaped)
    expression = left + body + end
    alone = None if whole is None else whole + end if whole else expression
    return Format(slug, title, tuple(literal.encode() for literal in literals), offset, expression, alone)


# A PEM private key (RFC 7468, and RFC 1421 for the headers in it), to its END line or, cut off, to the end of the
# base64. Between the lines: real line ends, escaped ones, blanks, or the quotes of a list of lines. There is no "-----"
# between BEGIN and END, so that no byte is looked at from two beginnings; and a key has a run of base64 in it, which
# the two lines alone in a program's text have not. In the loops, one alternative at most fits at each byte: where two
# do, what follows a long key is looked at in exponentially many ways.
_SPACE = rb"(?:[ +]|%20)"
_LABEL = rb" (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----".replace(b" ", _SPACE)
_PEM_TEXT = rb"[A-Za-z0-9+/=\s\\%:,.;&#()<>@\"'_]"
_PEM_RUN = rb"(?=(?:(?!-----)[\x00-\xff]){0,600}?(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24})"
_PEM_WHOLE = _PEM_RUN + _PEM_TEXT + rb"{0,65536}+(?:-(?!----)" + _PEM_TEXT + rb"{0,65536}+){0,64}-----END" + _LABEL
_PEM_BREAK = rb"(?:[\r\n\t]|\\{1,8}[nrt]|%(?:25){0,2}0[AaDd]| (?=[A-Za-z0-9+/]{40}))"
_PEM_HEADER = rb"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\r\n\\%]{0,200}+"
_PEM_CUT = (
    rb"(?:" + _PEM_BREAK + rb"{1,4}" + _PEM_HEADER + rb"){0,6}" + _PEM_BREAK + rb"{0,8}(?=[A-Za-z0-9+/%\\]{16})"
    rb"(?:[A-Za-z0-9+/=]{1,65536}+|"
    + _PEM_BREAK
    + rb"|%(?:25){0,2}(?:2[BbFf]|3[Dd])|\\{1,8}(?:/|u00[23][BbDdFf])){1,4096}"
)
_PEM = rb"-----BEGIN" + _LABEL + rb"(?:" + _PEM_WHOLE + rb"|" + _PEM_CUT + rb")"

# JWS and JWE, compact (RFC 7515, RFC 7516), unsigned ones too. The header is JSON with a member "alg": the base64url of
# `"alg"` stands in it at the place of one of the three ways in which bytes and letters can meet. Ours is none.
_JWT_OURS = (
    rb"(?!eyJhbGciOiJub25lIn0\.eyJzdWIiOiJSRURBQ1RFRC1qd3Qt[\w-]{8,32}\.REDACTED-jwt-[a-z2-7]{10,12}(?![A-Za-z0-9_-]))"
)
_JWT_ALG = rb"(?=(?:[\w-]{4}){0,512}?(?:ImFsZyI|[\w-][CSiy]JhbGci|[\w-]{2}[AEIMQUYcgkosw048]iYWxnI))"
_JWT = (
    _JWT_OURS + rb"(?=eyJ|eyA|ew0|ewo)" + _JWT_ALG + rb"[\w-]{8,4096}+"
    rb"(?:(?:\.[\w-]{0,65536}+){2,4}|\.eyJ[\w-]{8,65536}+)"
)

# Needles of two letters and a digit would be met in every other word, so these stand for them one by one.
_HEX = "0123456789abcdef"
_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"
_TWILIO_NEEDLES = " ".join(f"sk{digit}" for digit in _HEX)
_AIRTABLE_NEEDLES = " ".join(
    [f"pat{letter}" for letter in _ALPHANUMERIC if letter not in "ht"]
    + [f"pat{letter}{after}" for letter in "ht" for after in _ALPHANUMERIC]
)

_VAULT_OLD = rb"s\.(?=[A-Za-z]{0,23}\d)(?=[A-Z0-9]{0,23}[a-z])(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}"
_TELEGRAM = rb"\d{8,10}<colon>AA[\w-]{32,33}"
_DISCORD = (
    rb"[MNO][DTjz][AEIMQUYcgk][wxyz0-5](?:[MNO][DTjz][AEIMQUYcgk][wxyz0-5]){4,5}[\w-]{0,3}"
    rb"\.[\w-]{6,7}\.[\w-]{27,40}"
)

FORMATS: Final[tuple[Format, ...]] = (
    # Clouds
    _form("aws-key", "AWS access key id", "akia asia", rb"(?:AKIA|ASIA)[A-Z0-9]{16}"),
    _form(
        "aws-session-token",
        "AWS session token",
        "iqojb3jpz2lux2vj fwogzxivyxdz",
        rb"(?:IQoJb3JpZ2luX2Vj|FwoGZXIvYXdz)(?:<base64>){80,4096}(?:<equals>){0,2}",
        end=rb"(?![A-Za-z0-9+/])",
    ),
    _form("google-api-key", "Google API key", "aiza", rb"AIza[\w-]{35}", end=_END_URL),
    _form("google-access-token", "Google OAuth access token", "ya29.", rb"ya29\.[\w.-]{20,2048}+", end=b""),
    _form("google-client-secret", "Google OAuth client secret", "gocspx-", rb"GOCSPX-[\w-]{28}", end=_END_URL),
    _form(
        "google-refresh-token",
        "Google OAuth refresh token",
        r"1//0 1\/\/0 1\\/\\/0 1%2f%2f0 1%252f%252f0",
        rb"1" + _SLASH + _SLASH + rb"0[\w-]{30,512}+",
        end=_END_URL,
    ),
    _form(
        "azure-key",
        "Azure storage account key or shared access key",
        "accountkey sharedaccesskey",
        rb"(?:AccountKey|SharedAccessKey)<equals>(?P<secret>(?:<base64>){86}(?:<equals>){2}|(?:<base64>){43}<equals>)",
        end=rb"(?![A-Za-z0-9+/=])",
        whole=None,
    ),
    _form(
        "azure-client-secret",
        "Microsoft Entra (Azure AD) client secret",
        " ".join(f"{digit}q{tilde}" for digit in range(10) for tilde in ("~", "%7e")),
        rb"[A-Za-z0-9_~.-]{3}\dQ<tilde>(?:[A-Za-z0-9_.-]|<tilde>){30,33}[A-Za-z0-9_~-]",
        left=rb"(?:(?<![A-Za-z0-9_~.-])|" + AFTER_ESCAPE + rb")",
        end=rb"(?![A-Za-z0-9_~-])",
        offset=3,
    ),
    _form("digitalocean-token", "DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", rb"do[opr]_v1_[a-f0-9]{64}"),
    _form(
        "heroku-key",
        "Heroku API key",
        "hrku-",
        rb"HRKU-(?:AA[\w-]{58}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        end=_END_URL,
    ),
    _form("databricks-token", "Databricks token", "dapi", rb"dapi[a-f0-9]{32}(?:-\d{1,2})?"),
    _form("vault-token", "HashiCorp Vault token", "hvs. hvb. hvr.", rb"hv[sbr]\.[\w-]{24,512}+", end=b""),
    _form(
        "vault-token-old",
        "HashiCorp Vault token, as before 1.10",
        "\"s. =s. :s. 's.",
        rb"[\"'=:](?P<secret>" + _VAULT_OLD + rb")",
        left=b"",
        end=rb"(?![\w.$(\[=])",
        whole=_VAULT_OLD,
    ),
    _form(
        "terraform-token",
        "Terraform Cloud token",
        ".atlasv1.",
        rb"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}+",
        offset=14,
        end=b"",
    ),
    # Forges and package registries
    _form(
        "github-token",
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        rb"(?:gh[pousr]_[A-Za-z0-9]{36,255}+|github_pat_\w{36,255}+|ghs_\d{1,12}_eyJ[\w.-]{60,2048}+)",
    ),
    _form(
        "gitlab-token",
        "GitLab token",
        "glpat- gldt- glrt- glptt- glcbt- glsoat- glft- glimt- glagent- glffct- gloas-",
        rb"gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent|ffct|oas)-[\w-]{20,300}+"
        rb"(?:\.[0-9a-z]{2}\.[0-9a-z]{9}|\.[0-9a-z]{9})?",
    ),
    _form(
        "atlassian-token",
        "Atlassian or Bitbucket token",
        "atbb atctt3 atatt3",
        rb"(?:ATBB[A-Za-z0-9]{24,32}+|AT(?:C|A)TT3[\w+/-]{60,500}+(?:<equals>[A-F0-9]{8})?)",
    ),
    _form("npm-token", "npm token", "npm_", rb"npm_[A-Za-z0-9]{36}"),
    _form("pypi-token", "PyPI token", "pypi-age", rb"pypi-AgE[\w-]{50,2048}+", end=b""),
    _form("docker-token", "Docker Hub token", "dckr_pat_ dckr_oat_", rb"dckr_(?:pat|oat)_[\w-]{27,40}+", end=b""),
    _form("postman-key", "Postman API key", "pmak-", rb"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    # Payment and commerce
    _form(
        "stripe-key",
        "Stripe secret or restricted key, webhook secret",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        rb"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}+|whsec_(?:<base64>){24,128}(?:<equals>){0,2})",
    ),
    _form("shopify-token", "Shopify token", "shpat_ shpss_ shpca_ shppa_", rb"shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}"),
    _form(
        "square-token",
        "Square access token or OAuth secret",
        "eaaa sq0atp- sq0csp-",
        rb"(?:EAAA[\w-]{60}|sq0atp-[\w-]{22}|sq0csp-[\w-]{43})",
        left=_STRICT_LEFT,
        end=rb"(?![\w+/-])",
    ),
    _form(
        "braintree-token",
        "PayPal Braintree access token",
        "access_token$ access_token%24 access_token%2524",
        rb"access_token<dollar>(?:production|sandbox)<dollar>[0-9a-z]{16}<dollar>[0-9a-f]{32}",
    ),
    # Chat, mail and telephony
    _form(
        "slack-token",
        "Slack token",
        "xoxa- xoxb- xoxp- xoxr- xoxs- xoxc- xoxd- xoxe- xoxe. xapp-",
        rb"(?:(?:xoxe\.)?xox[abceprs]-[A-Za-z0-9-]{10,512}+"
        rb"|xoxd-(?:<base64>){16,512}(?:<equals>){0,2}"
        rb"|xapp-\d-[A-Z0-9]{8,16}-\d{8,16}-[a-z0-9]{32,128}+)",
    ),
    _form(
        "slack-webhook",
        "Slack webhook (the last part of its URL)",
        "hooks.slack",
        rb"hooks\.slack(?:-gov)?\.com<slash>(?:services|workflows|triggers)<slash>[TE][A-Z0-9]{6,14}"
        rb"<slash>[A-Z0-9]{6,20}<slash>(?:\d{6,20}<slash>)?(?P<secret>[A-Za-z0-9]{16,64}+)",
        left=b"",
        whole=None,
    ),
    _form(
        "discord-token",
        "Discord bot token",
        ("bot ", "bot%20", "bot+"),
        rb"[Bb][Oo][Tt](?: |\+|%20)(?P<secret>" + _DISCORD + rb")",
        end=_END_URL,
        whole=_DISCORD,
    ),
    _form(
        "discord-webhook",
        "Discord webhook (the last part of its URL)",
        "webhooks",
        rb"webhooks<slash>\d{17,20}<slash>(?P<secret>[\w-]{60,80}+)",
        left=b"",
        end=b"",
        whole=None,
    ),
    _form(
        "telegram-token",
        "Telegram bot token",
        ":aa %3aaa",
        _TELEGRAM,
        left=rb"(?:(?<!\d)|" + AFTER_ESCAPE + rb")",
        end=_END_URL,
        offset=-1,
    ),
    _form("twilio-key", "Twilio API key", _TWILIO_NEEDLES, rb"SK[0-9a-f]{32}", left=_STRICT_LEFT, end=_END_URL),
    _form("sendgrid-key", "SendGrid API key", "sg.", rb"SG\.[\w-]{22}\.[\w-]{43}", left=_STRICT_LEFT, end=_END_URL),
    _form("mailgun-key", "Mailgun API key", "key-", rb"key-[0-9a-f]{32}", left=_STRICT_LEFT, end=_END_URL),
    _form(
        "mailchimp-key",
        "Mailchimp API key",
        " ".join(f"-us{digit}" for digit in range(1, 10)),
        rb"[0-9a-f]{32}-us[1-9]\d?",
        left=_STRICT_LEFT,
        end=_END_URL,
        offset=32,
    ),
    # AI providers
    _form(
        "anthropic-key", "Anthropic API key or token", "sk-ant-", rb"sk-ant-[a-z]{2,10}\d{2}-[\w-]{24,255}+", end=b""
    ),
    _form(
        "openai-key",
        "OpenAI API key, or one of the same form",
        "sk-",
        rb"sk-(?:(?:proj|svcacct|admin|None)-[\w-]{32,255}+|or-v1-[a-f0-9]{64}|[A-Za-z0-9]{32,64}+)",
        end=_END_URL,
    ),
    _form("huggingface-token", "Hugging Face token", "hf_ api_org_", rb"(?:hf_|api_org_)[A-Za-z0-9]{34,40}+"),
    _form("replicate-token", "Replicate token", "r8_", rb"r8_[A-Za-z0-9]{37}"),
    _form("groq-key", "Groq API key", "gsk_", rb"gsk_[A-Za-z0-9]{52}"),
    _form("xai-key", "xAI API key", "xai-", rb"xai-\w{70,100}+"),
    # Services
    _form(
        "facebook-token",
        "Facebook access token",
        "eaa",
        rb"EAA[A-Za-z0-9]{90,500}+",
        left=rb"(?:(?<![\w+/-])|(?<=[^\w+/-]/)|" + AFTER_ESCAPE + rb")",
        end=rb"(?![\w+/=-])",
    ),
    _form(
        "linear-key", "Linear API key", "lin_api_ lin_oauth_", rb"(?:lin_api_[A-Za-z0-9]{40}|lin_oauth_[a-f0-9]{64})"
    ),
    _form(
        "notion-token",
        "Notion token",
        "ntn_ secret_",
        rb"(?:ntn_[A-Za-z0-9]{40,50}+|secret_[A-Za-z0-9]{43})",
        left=_STRICT_LEFT,
    ),
    _form(
        "airtable-token", "Airtable token", _AIRTABLE_NEEDLES, rb"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}", left=_STRICT_LEFT
    ),
    _form("newrelic-key", "New Relic key", "nrak-", rb"NRAK-[A-Z0-9]{27}"),
    _form(
        "grafana-token",
        "Grafana token",
        "glsa_ glc_",
        rb"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_(?:<base64>){32,400}(?:<equals>){0,2})",
    ),
    _form("sentry-token", "Sentry token", "sntrys_ sntryu_", rb"(?:sntryu_[a-f0-9]{64}|sntrys_[\w+/=-]{60,600}+)"),
    _form("figma-token", "Figma token", "figd_", rb"figd_[\w-]{38,80}+", end=b""),
    # Keys and tokens of no vendor
    _form("age-key", "age secret key", "age-secret-key-1", rb"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    _form("jwt", "JSON Web Token", "eyj eyai ewog ewok ew0k ewoj", _JWT, end=b""),
    _form("private-key", "PEM private key", "-----begin", _PEM, left=b"", end=b""),
)
"""All formats, each slug once."""


def _heads() -> dict[bytes, tuple[Format, ...]]:
    heads: dict[bytes, tuple[Format, ...]] = {}
    for form in FORMATS:
        if form.offset == 0 and form.whole_expression == form.expression:
            for head in dict.fromkeys(needle[:3] for needle in form.needles):
                heads[head] = (*heads.get(head, ()), form)
    return heads


_BY_HEAD = _heads()
_OTHERS = tuple(
    form
    for form in FORMATS
    if form.whole_expression is not None and (form.offset or form.whole_expression != form.expression)
)
