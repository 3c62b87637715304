"""What names say of the values beside them: time, an id, a hash, a plan; and which headers are volatile.

Law: a name alone is looked at, never a value. What a name does not say plainly it does not say.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = [
    "NOTHING",
    "WORD",
    "header_rule",
    "is_planned",
    "kept_under",
    "name_of_id",
    "name_of_time",
    "plain_name",
    "words_of",
]

NOTHING: Final[frozenset[str]] = frozenset()


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_UNNAMED: Final = re.compile(r"[-. $@\[\]]|%24|(?<=.)_|^[^:]*:")
WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TIME_WORDS: Final = _listed("""
    at time timestamp date datetime ts created updated modified changed accessed expires expiry expiration
    exp iat nbf epoch now reset utc millis seen
""")
_PLANNED_WORDS: Final = _listed("""
    start starts begin begins end ends due deadline birth birthday birthdate born dob scheduled planned
    departure arrival valid effective from to until since checkin checkout target release released holiday
    event
""")


@lru_cache(maxsize=4_096)
def plain_name(name: str) -> str:
    """Give a name without letter case and separators; a leading underscore stays alone only: `_`."""
    if name == "_":
        return name
    return _UNNAMED.sub("", name).lower().lstrip("_")


@lru_cache(maxsize=4_096)
def words_of(name: str) -> tuple[str, ...]:
    """Give the words of a name, in small letters: `createdAt` and `created_at` have the same."""
    return tuple(word.lower() for word in WORD.findall(name))


def name_of_time(name: str) -> bool:
    """Tell whether a name says time by its last word: `created_at`, `lastSeen`, `ts`, `exp`."""
    return bool(_TIME_WORDS.intersection(words_of(name)[-1:]))


_STEADY_WORDS: Final = _listed("""
    sha sha1 sha256 md5 hash digest checksum integrity version revision commit build sku isbn ean asin
    model
""")


@lru_cache(maxsize=4_096)
def kept_under(name: str) -> frozenset[str]:
    """Give the rules that do not hold under a name: moments that were chosen, ids where a hash or an article stands."""
    kept = {"date"} if is_planned(name) else set()
    if not _STEADY_WORDS.isdisjoint(words_of(name)):
        kept.add("id")
    return frozenset(kept)


_ID_WORDS: Final = _listed("id ids uid oid sid uuid guid key number no nr ref reference handle slug")


@lru_cache(maxsize=4_096)
def name_of_id(name: str) -> bool:
    """Tell whether a name says id by its last word: `id`, `contactId`, `order_number`."""
    return bool(_ID_WORDS.intersection(words_of(name)[-1:]))


@lru_cache(maxsize=4_096)
def is_planned(name: str) -> bool:
    """Tell whether a name says that a moment was chosen by somebody: `due_at`, `startTime`."""
    return not _PLANNED_WORDS.isdisjoint(words_of(name))


_OF_HEADER: Final[dict[str, str]] = {}
for _rule, _names in (
    (
        "date",
        """
        date last-modified if-modified-since if-unmodified-since x-amz-date x-ms-date x-goog-date
        x-slack-request-timestamp
        """,
    ),
    ("etag", "etag if-none-match if-match if-range x-ms-blob-etag"),
    (
        "request-id",
        """
        x-request-id request-id x-correlation-id correlation-id correlation-context x-trace-id trace-id x-trace
        x-transaction-id x-amzn-requestid x-amzn-request-id x-amz-request-id x-amz-id-2 x-amzn-trace-id
        x-amz-apigw-id x-amz-cf-id cf-ray cf-request-id x-cloud-trace-context traceparent tracestate b3
        x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled x-github-request-id x-ms-request-id
        x-ms-client-request-id x-ms-correlation-request-id x-ms-routing-request-id x-ms-activity-id x-fb-trace-id
        x-fb-debug x-fb-request-id x-guploader-uploadid x-shopify-request-id x-stripe-request-id
        x-vcap-request-id x-datadog-trace-id x-datadog-parent-id x-vercel-id fly-request-id x-nf-request-id
        x-zendesk-request-id x-hubspot-correlation-id x-slack-req-id x-slack-unique-id x-discord-request-id
        x-dropbox-request-id x-akamai-request-id x-req-id x-reqid x-ray sentry-trace baggage
        x-scraper-request-id x-envoy-attempt-count amz-sdk-invocation-id amz-sdk-request idempotency-key
        x-idempotency-key postman-token x-newrelic-id x-newrelic-transaction uber-trace-id
        """,
    ),
    (
        "timing",
        """
        x-runtime server-timing x-response-time x-envoy-upstream-service-time x-process-time
        x-processing-time x-request-time x-elapsed-time x-took x-server-elapsed x-upstream-response-time
        openai-processing-ms x-kong-upstream-latency x-kong-proxy-latency x-fb-request-duration
        x-backend-response-time x-timer x-fb-connection-quality x-execution-time x-duration
        """,
    ),
    (
        "rate-limit",
        """
        retry-after x-app-usage x-business-use-case-usage x-ad-account-usage x-page-usage
        x-fb-ads-insights-throttle ratelimit x-shopify-shop-api-call-limit sforce-limit-info
        """,
    ),
    (
        "cache",
        """
        age x-cache x-cache-hits x-cache-lookup x-cache-status x-served-by x-varnish cf-cache-status
        x-amz-cf-pop via x-proxy-cache x-drupal-cache x-fastly-request-id x-cache-remote x-akamai-cache-status
        x-nf-cache x-vercel-cache x-backend x-backend-server x-server-id x-host x-instance report-to
        reporting-endpoints x-edge-location alt-svc
        """,
    ),
    (
        "digest",
        """
        content-md5 digest content-digest repr-digest want-digest x-goog-hash x-amz-content-sha256
        x-amz-checksum-crc32 x-amz-checksum-crc32c x-amz-checksum-crc64nvme x-amz-checksum-sha1
        x-amz-checksum-sha256 x-amz-crc32 x-ms-content-crc64 x-content-digest
        """,
    ),
    ("length", "content-length"),
    ("coding", "content-encoding"),
    ("connection", "connection keep-alive proxy-connection transfer-encoding te"),
    (
        "client",
        """
        user-agent accept-encoding x-amz-user-agent x-goog-api-client x-client-data x-stainless-lang
        x-stainless-package-version x-stainless-os x-stainless-arch x-stainless-runtime
        x-stainless-runtime-version x-stainless-retry-count x-stainless-read-timeout x-stainless-async
        x-stripe-client-user-agent
        """,
    ),
    (
        "signature",
        """
        x-hub-signature x-hub-signature-256 x-signature signature signature-input x-slack-signature
        stripe-signature x-shopify-hmac-sha256 x-twilio-signature x-hmac x-hmac-signature x-webhook-signature
        x-goog-signature dpop x-line-signature x-signature-ed25519 x-signature-timestamp
        """,
    ),
    ("token", "x-amz-security-token"),
    ("csrf", "x-csrf-token x-xsrf-token csrf-token x-csrftoken"),
    ("nonce", "replay-nonce dpop-nonce x-nonce"),
):
    for _one in _names.split():
        _OF_HEADER[_one] = _rule
_RATE_LIMIT: Final = re.compile(
    r"(?:x-)?(?:[a-z]+-)?rate-?limit(?:-[a-z]+)*-(?:remaining|reset|used|reset-after|current)(?:-[a-z]+)*"
)


@lru_cache(maxsize=4_096)
def header_rule(name: str) -> str | None:
    """Give the rule of a header whose value is volatile whatever it is. `name` in small letters."""
    return _OF_HEADER.get(name) or ("rate-limit" if _RATE_LIMIT.fullmatch(name) else None)
