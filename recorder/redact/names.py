"""Which names say that their value is a secret.

Law: a name is normalized (letter case, `-`, `_`, blanks) and compared whole: `zipcode` is not `code`, `max_tokens` is
not `token`. The built-in lists are data, each name once. To find names quickly, each has a stem: letters that stand in
every spelling of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "COOKIE_HEADERS",
    "CREDENTIAL_HEADERS",
    "FRAMING_HEADERS",
    "HEADERS",
    "NAMES",
    "QUERY_NAMES",
    "TOKEN_ENDPOINT_NAMES",
    "is_token_endpoint",
    "normalize",
    "stems_of",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMES: Final = _words(
    """
    password passwd pwd passphrase passcode userpassword newpassword oldpassword currentpassword
    passwordconfirmation confirmpassword loginpassword dbpassword databasepassword adminpassword rootpassword
    proxypassword smtppassword hashpassword privatekeypassword privatekeypassphrase keypassphrase keypassword
    secret secrets clientsecret appsecret apisecret consumersecret sharedsecret secretkey secrettoken
    webhooksecret signingsecret mastersecret sessionsecret jwtsecret totpsecret oauthclientsecret appsecretproof
    secretaccesskey awssecretaccesskey awssecretkey secretstring token accesstoken refreshtoken idtoken
    authtoken authenticationtoken authorizationtoken apitoken sessiontoken securitytoken bearertoken usertoken
    useraccesstoken pageaccesstoken personalaccesstoken privatetoken csrftoken xsrftoken csrfmiddlewaretoken
    authenticitytoken requestverificationtoken oauthtoken oauthtokensecret oauthaccesstoken fbexchangetoken
    inputtoken logintoken resettoken passwordresettoken invitetoken devicetoken identitytoken jobtoken
    deploytoken bottoken servicetoken storagetoken storageapitoken subjecttoken actortoken verificationtoken
    awssessiontoken xamzsecuritytoken jwt jwttoken accessjwt refreshjwt bearer apikey apikeys appkey
    applicationkey accesskey accesskeyid awsaccesskeyid authkey authorizationkey subscriptionkey
    ocpapimsubscriptionkey developerkey licensekey privatekey privkey sshprivatekey signingkey encryptionkey
    masterkey servicekey accountkey sharedkey sharedaccesskey sharedaccesssignature storagekey apiprivatekey
    xapikey hmackey authorization proxyauthorization credentials credential authcredentials connectionstring
    sessionid sessionkey sessioncookie phpsessid jsessionid aspsessionid sessid cookie cookies setcookie
    clientassertion assertion samlresponse samlassertion codeverifier devicecode otp otpcode totp totpcode
    mfacode onetimepassword twofactorcode recoverycode backupcode cvv cvc cvv2 cardcvc cardnumber securitycode
    socialsecuritynumber ssn
    """
)
"""Sensitive in queries, forms, JSON, XML and multipart, and as a header (with or without `X-`)."""

QUERY_NAMES: Final = _words(
    """
    sig signature hmac xamzsignature xamzcredential xgoogsignature xgoogcredential googleaccessid oauthsignature
    oauthverifier ticket keypairid sign
    """
)
"""Sensitive in queries only: elsewhere these are ordinary words."""

TOKEN_ENDPOINT_NAMES: Final = frozenset({"code"})
"""Sensitive in requests to token endpoints only (RFC 6749 section 4.1.3)."""

HEADERS: Final = _words(
    """
    xapikey apikey xauthtoken xaccesstoken xauthkey xauthemail xcsrftoken xxsrftoken xamzsecuritytoken
    xgoogapikey xvaulttoken privatetoken jobtoken deploytoken xgitlabtoken xshopifyaccesstoken xstorageapitoken
    xkbcmanageapitoken xfunctionskey ocpapimsubscriptionkey xhubsignature xhubsignature256 xslacksignature
    xtwiliosignature stripesignature xsessionid xsessiontoken xrequestverificationtoken xopenaiapikey
    xanthropicapikey xrapidapikey xalgoliaapikey xalgoliaapplicationkey ddapikey ddapplicationkey xmbxapikey
    xoktasessiontoken xfigmatoken xairtablekey xnotionsecret xsentryauth xservicetoken xaccesskey xappkey
    xsecretkey xjwt xjwtassertion xamznoidcdata xamznoidcaccesstoken xmsclientprincipal xforwardedaccesstoken
    xplextoken xredmineapikey xwsse authenticationinfo proxyauthenticationinfo sectokenbinding xsignature
    signature
    """
)
"""Sensitive headers beyond `NAMES`: the whole value goes."""

CREDENTIAL_HEADERS: Final = frozenset(
    {"authorization", "proxyauthorization", "xauthorization", "xforwardedauthorization"}
)
"""The scheme stays, the credentials go."""

FRAMING_HEADERS: Final = frozenset(
    {"contentlength", "contenttype", "contentencoding", "transferencoding", "host", "connection"}
)
"""Headers that an allow list leaves alone: without them nobody can read the message."""

COOKIE_HEADERS: Final = frozenset({"cookie", "setcookie", "setcookie2"})
"""Names and attributes stay, the values go, crumb by crumb."""

_STEMS: Final = tuple(
    sorted(
        _words(
            """
            token secret pass pwd key jwt bearer authoriz credential connection sess cookie
            assertion saml verifier otp mfa factor recovery backup cvv cvc card security ssn sig hmac ticket device
            google
            """
        )
    )
)

_DROPPED: Final = {ord("-"): None, ord("_"): None, ord(" "): None}
_TOKEN_ENDPOINT: Final = re.compile(
    r"/(?:token|accesstoken|oauthtoken|tokenexchange|exchangetoken|oauth2token|tokens|refreshtoken)$"
)
_SHORTEST_STEM: Final = 3


def normalize(name: str) -> str:
    """Fold a name: lower case, without `-`, `_` and blanks, the last part of `a[b]` and of an XML name `ns:b`."""
    if name.endswith("]") and "[" in name:
        inner = name[:-1].rpartition("[")[2]
        name = inner or name[: name.index("[")]
    if ":" in name:
        name = name.rpartition(":")[2]
    return name.lower().translate(_DROPPED)


def stems_of(names: Iterable[str], *, known_only: bool = False) -> frozenset[str]:
    """Give needles, in lower case, of which each spelling of each (normalized) name contains one.

    For a built-in name that is a known stem, else the first letters of the name: no spelling puts a `-` or `_` there.
    `known_only` leaves out names without a known stem.
    """
    stems = {_known_stem(name) or ("" if known_only else name[:_SHORTEST_STEM]) for name in names}
    return frozenset(stems - {""})


def is_token_endpoint(url: str) -> bool:
    """Tell whether a URL's path ends like an OAuth token endpoint's."""
    place = url.partition("://")[2] or url
    path = place[place.find("/") :] if "/" in place else ""
    path = path.split("?", 1)[0].split("#", 1)[0].rstrip("/").lower()
    return _TOKEN_ENDPOINT.search(path.translate(_DROPPED)) is not None


def _known_stem(name: str) -> str:
    return next((stem for stem in _STEMS if stem in name), "")
