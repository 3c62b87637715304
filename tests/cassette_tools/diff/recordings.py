"""Two recordings of the same calls on two days, for many kinds of APIs: what is volatile, and what really changed.

Law: a function here is given a day and writes one cassette. What the API draws anew each time comes from the day's
random numbers; what really changed between the days goes through `day.really(old, new)`, and through nothing else.
"""

from __future__ import annotations

import gzip
import json
import random
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from tests.cassette_tools.cassettes import Cassette

__all__ = ["KINDS", "Day", "exchange"]

_Value = TypeVar("_Value")
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Day:
    """The day of a recording, 0 or 1: its clock and its random numbers. `changed`: real changes show on day 1."""

    def __init__(self, number: int, *, changed: bool = True) -> None:
        self.number = number
        self._random = random.Random(4711 + number)
        self._changed = changed and number > 0
        self._now = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC) + timedelta(days=11 * number, seconds=1_234 * number)

    def really(self, old: _Value, new: _Value) -> _Value:
        """Give what is another thing on the second day."""
        return new if self._changed else old

    def letters(self, length: int, alphabet: str = LETTERS) -> str:
        """Draw a token."""
        return "".join(self._random.choice(alphabet) for _ in range(length))

    def hex(self, length: int) -> str:
        """Draw hexadecimal digits."""
        return self.letters(length, "0123456789abcdef")

    def base64(self, size: int) -> str:
        """Draw bytes, and give them in base64."""
        return b64encode(self._random.randbytes(size)).decode()

    def base64url(self, size: int) -> str:
        """Draw bytes, and give them in base64 for URLs, without padding."""
        return urlsafe_b64encode(self._random.randbytes(size)).decode().rstrip("=")

    def uuid(self) -> str:
        """Draw a UUID of version 4."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def digits(self, length: int) -> str:
        """Draw digits, of which the first is not 0."""
        return self.letters(1, "123456789") + self.letters(length - 1, "0123456789")

    def below(self, limit: int) -> int:
        """Draw a number."""
        return self._random.randrange(limit)

    def moment(self) -> datetime:
        """Give the time, some seconds later each time."""
        self._now += timedelta(milliseconds=self._random.randrange(1_000, 9_000))
        return self._now

    def stamp(self) -> str:
        """Give the time as in RFC 3339."""
        return self.moment().strftime("%Y-%m-%dT%H:%M:%SZ")

    def http_date(self) -> str:
        """Give the time as in HTTP."""
        return self.moment().strftime("%a, %d %b %Y %H:%M:%S GMT")

    def epoch(self) -> int:
        """Give the time in seconds since 1970."""
        return int(self.moment().timestamp())


def exchange(
    cassette: Cassette,
    method: str,
    url: str,
    answer: Any = None,
    *,
    status: int = 200,
    asked: Any = None,
    asked_type: str = "application/json",
    answer_type: str = "application/json",
    sent: dict[str, str] | None = None,
    got: dict[str, str] | None = None,
    **more: Any,
) -> None:
    """Add an interaction: bodies as JSON unless they are texts or bytes."""
    request, response = _body(asked), _body(answer)
    headers = [*({"Content-Type": asked_type} if request is not None else {}).items(), *(sent or {}).items()]
    back = [*({"Content-Type": answer_type} if response is not None else {}).items(), *(got or {}).items()]
    cassette.interaction(
        method=method,
        url=url,
        status=status,
        sent=request,
        body=response,
        request_headers=headers,
        headers=back,
        **more,
    )


def _body(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


# -- the kinds


def github(day: Day, to: Cassette) -> None:
    """REST with node ids, ETags, rate limits, pages by Link; a title and a star count that changed."""
    base = "https://api.github.com/repositories/41881900/issues"
    for page in (1, 2):
        issues = [
            {
                "id": 1_700_000_000 + 10 * page + at,
                "node_id": f"I_kwDOAn8RLM5{'ABCD'[at]}{page}xQ",
                "number": 10 * page + at,
                "title": "It fails" if (page, at) != (2, 1) else day.really("It fails", "It fails on Windows"),
                "state": "open",
                "comments": 3,
                "created_at": "2026-01-02T03:04:05Z",
                "updated_at": day.stamp(),
                "assignee": None if (page, at) != (1, 0) else day.really(None, {"login": "octocat"}),
            }
            for at in range(3)
        ]
        links = f'<{base}?page={page + 1}>; rel="next", <{base}?page=9>; rel="last"'
        got = {
            "Date": day.http_date(),
            "ETag": f'W/"{day.hex(64)}"',
            "Link": links,
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(4_000 - day.below(900)),
            "X-RateLimit-Reset": str(day.epoch()),
            "X-RateLimit-Used": str(day.below(900)),
            "X-RateLimit-Resource": "core",
            "X-GitHub-Request-Id": f"{day.hex(4).upper()}:{day.hex(6).upper()}:{day.hex(8).upper()}",
            "X-GitHub-Media-Type": "github.v3; format=json",
        }
        exchange(to, "GET", f"{base}?page={page}", issues, got=got)


def stripe(day: Day, to: Cassette) -> None:
    """Ids with prefixes, in URLs too, epochs, idempotency keys; an amount and an enumerated value that changed."""
    customer, intent = f"cus_{day.letters(14)}", f"pi_3{day.letters(23)}"
    version = {"Stripe-Version": "2026-01-28"}

    def told() -> dict[str, str]:
        return {"Request-Id": f"req_{day.letters(14)}", "Date": day.http_date(), "Idempotency-Key": day.uuid()}

    exchange(
        to,
        "POST",
        "https://api.stripe.com/v1/customers",
        {
            "id": customer,
            "object": "customer",
            "created": day.epoch(),
            "email": "a@example.com",
            "invoice_prefix": day.hex(8).upper(),
        },
        asked="email=a%40example.com",
        asked_type="application/x-www-form-urlencoded",
        sent=version | {"Idempotency-Key": day.uuid()},
        got=told(),
    )
    exchange(
        to,
        "POST",
        "https://api.stripe.com/v1/payment_intents",
        {
            "id": intent,
            "object": "payment_intent",
            "amount": day.really(2000, 2500),
            "client_secret": f"{intent}_secret_{day.letters(25)}",
            "created": day.epoch(),
            "customer": customer,
            "latest_charge": f"ch_3{day.letters(23)}",
            "status": day.really("requires_capture", "succeeded"),
        },
        asked=f"customer={customer}&amount=2000",
        asked_type="application/x-www-form-urlencoded",
        sent=version,
        got=told(),
    )
    exchange(to, "GET", f"https://api.stripe.com/v1/customers/{customer}", {"id": customer, "livemode": False})
    exchange(to, "DELETE", f"https://api.stripe.com/v1/customers/{customer}", {"id": customer, "deleted": True})


def chat(day: Day, to: Cassette) -> None:
    """A streamed completion: ids, fingerprints, times and the cuts of the text differ; and its last words."""
    words = day.really("The capital of France is Paris.", "The capital of France is Paris, as ever.")
    cuts = [4, 11, 14] if day.number == 0 else [3, 8, 12, 20]
    texts = [words[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    head = {
        "id": f"chatcmpl-{day.letters(29)}",
        "object": "chat.completion.chunk",
        "created": day.epoch(),
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": f"fp_{day.hex(10)}",
    }
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts)]
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    exchange(
        to,
        "POST",
        "https://api.openai.com/v1/chat/completions",
        stream,
        asked={"model": "gpt-4o", "stream": True},
        answer_type="text/event-stream; charset=utf-8",
        got={"openai-processing-ms": str(day.below(900)), "x-request-id": f"req_{day.hex(32)}"},
    )


def completion(day: Day, to: Cassette) -> None:
    """Chat without a stream, with a tool that is called; its arguments changed."""
    call = f"call_{day.letters(24)}"
    exchange(
        to,
        "POST",
        "https://api.openai.com/v1/chat/completions",
        {
            "id": f"chatcmpl-{day.letters(29)}",
            "created": day.epoch(),
            "system_fingerprint": f"fp_{day.hex(10)}",
            "choices": [
                {
                    "message": {
                        "tool_calls": [
                            {"id": call, "function": {"name": "look", "arguments": day.really('{"at":1}', '{"at":2}')}}
                        ]
                    }
                }
            ],
            "usage": {"total_tokens": 17},
        },
        asked={"model": "gpt-4o", "messages": []},
    )
    exchange(
        to,
        "POST",
        "https://api.anthropic.com/v1/messages",
        {"id": f"msg_01{day.letters(22)}", "type": "message", "stop_reason": "end_turn"},
        asked={"messages": [{"role": "tool", "tool_call_id": call, "content": "x"}]},
        got={"request-id": f"req_011{day.letters(21)}", "anthropic-organization-id": "4b2c9d1e"},
    )


def s3(day: Day, to: Cassette) -> None:
    """A listing as XML on one line, signed headers, and an object; a key that is new, a size that changed."""

    def signed() -> dict[str, str]:
        date = day.moment().strftime("%Y%m%dT%H%M%SZ")
        return {
            "X-Amz-Date": date,
            "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/{date[:8]}/eu-west-1/s3/aws4_request, "
            f"SignedHeaders=host;x-amz-date, Signature={day.hex(64)}",
            "amz-sdk-invocation-id": day.uuid(),
            "amz-sdk-request": "attempt=1",
        }

    def told() -> dict[str, str]:
        return {
            "x-amz-request-id": day.letters(16, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
            "x-amz-id-2": day.base64(56),
            "Date": day.http_date(),
        }

    files = [("a.csv", 120), ("b.csv", day.really(200, 260)), *day.really([], [("c.csv", 9)])]
    entries = "".join(
        f"<Contents><Key>in/{name}</Key><LastModified>{day.stamp()}</LastModified>"
        f"<ETag>&quot;{md5(name.encode() * size).hexdigest()}&quot;</ETag><Size>{size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for name, size in files
    )
    listing = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>my-bucket</Name><Prefix>in/</Prefix><MaxKeys>1000</MaxKeys>{entries}"
        f"<NextContinuationToken>{day.base64(48)}</NextContinuationToken></ListBucketResult>"
    )
    exchange(
        to,
        "GET",
        "https://my-bucket.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=in%2F",
        listing,
        answer_type="application/xml",
        sent=signed(),
        got=told(),
    )
    missing = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not '
        f"exist.</Message><Key>x</Key><RequestId>{day.letters(16, 'ABCDEFGH0123456789')}</RequestId>"
        f"<HostId>{day.base64(56)}</HostId></Error>"
    )
    exchange(
        to,
        "GET",
        "https://my-bucket.s3.eu-west-1.amazonaws.com/x",
        missing,
        status=404,
        answer_type="application/xml",
        sent=signed(),
        got=told(),
    )


def sqs(day: Day, to: Cassette) -> None:
    """Messages of a queue with receipt handles, and a table; the body of a message changed."""
    url = "https://sqs.eu-west-1.amazonaws.com/"
    text = day.really("one", "two")
    message = {
        "MessageId": day.uuid(),
        "ReceiptHandle": day.base64(180),
        "MD5OfBody": md5(text.encode()).hexdigest(),
        "Body": text,
        "Attributes": {"SentTimestamp": str(day.epoch() * 1000 + 17)},
    }
    exchange(
        to,
        "POST",
        url,
        {"Messages": [message]},
        asked={"QueueUrl": f"{url}123456789012/q", "WaitTimeSeconds": 1},
        asked_type="application/x-amz-json-1.0",
        answer_type="application/x-amz-json-1.0",
        sent={"X-Amz-Target": "AmazonSQS.ReceiveMessage"},
        got={"x-amzn-RequestId": day.uuid()},
    )
    exchange(
        to,
        "POST",
        url,
        {},
        asked={"QueueUrl": f"{url}123456789012/q", "ReceiptHandle": message["ReceiptHandle"]},
        asked_type="application/x-amz-json-1.0",
        answer_type="application/x-amz-json-1.0",
        sent={"X-Amz-Target": "AmazonSQS.DeleteMessage"},
        got={"x-amzn-RequestId": day.uuid()},
    )
    exchange(
        to,
        "POST",
        "https://dynamodb.eu-west-1.amazonaws.com/",
        {"Item": {"pk": {"S": "a"}, "n": {"N": day.really("1", "2")}}},
        asked={"TableName": "t", "Key": {"pk": {"S": "a"}}},
        got={
            "x-amz-crc32": str(day.below(2**32)),
            "x-amzn-RequestId": day.letters(52, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
        },
    )


def google(day: Day, to: Cassette) -> None:
    """Pages by token, and a batch of parts whose boundary is drawn; a file that was renamed."""
    token = f"~!!~{day.base64url(60)}"
    base = "https://www.googleapis.com/drive/v3/files"
    exchange(
        to,
        "GET",
        f"{base}?pageSize=1",
        {"kind": "drive#fileList", "nextPageToken": token, "files": [{"id": "1aBcD_fixed", "name": "a"}]},
    )
    exchange(
        to,
        "GET",
        f"{base}?pageSize=1&pageToken={token}",
        {"kind": "drive#fileList", "files": [{"id": "2aBcD_fixed", "name": day.really("b", "b (1)")}]},
    )
    boundary, asked = f"batch_{day.base64url(24)}", f"==============={day.digits(19)}=="
    question = (
        f"--{asked}\r\nContent-Type: application/http\r\nContent-ID: <{day.uuid()} + 1>\r\n\r\n"
        f"GET /drive/v3/files/1aBcD_fixed HTTP/1.1\r\n\r\n--{asked}--\r\n"
    )
    answer = (
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <response-{day.uuid()} + 1>\r\n\r\nHTTP/1.1 "
        f'200 OK\r\nETag: "{day.base64url(20)}"\r\nDate: {day.http_date()}\r\nContent-Type: application/json\r\n\r\n'
        f'{{"id": "1aBcD_fixed", "starred": {day.really("false", "true")}}}\r\n--{boundary}--\r\n'
    )
    exchange(
        to,
        "POST",
        "https://www.googleapis.com/batch/drive/v3",
        answer,
        asked=question,
        asked_type=f'multipart/mixed; boundary="{asked}"',
        answer_type=f"multipart/mixed; boundary={boundary}",
    )


def graphql(day: Day, to: Cassette) -> None:
    """One URL, many operations, in another order on the second day; a field of one that changed."""
    url = "https://api.example.com/graphql"
    operations = [
        ("Viewer", {"viewer": {"login": "ann", "plan": day.really("FREE", "PRO")}}),
        (
            "Orders",
            {"orders": {"pageInfo": {"endCursor": day.base64(30), "hasNextPage": True}, "nodes": [{"total": 5}]}},
        ),
        ("Stock", {"stock": [{"sku": "a", "left": 3}]}),
    ]
    for name, data in operations if day.number == 0 else reversed(operations):
        exchange(
            to,
            "POST",
            url,
            {"data": data, "extensions": {"cost": {"requestedQueryCost": 2}, "requestId": day.uuid()}},
            asked={"operationName": name, "query": f"query {name} {{ x }}", "variables": {"traceId": day.hex(32)}},
        )


def oauth(day: Day, to: Cassette) -> None:
    """A token endpoint and a call with the token; the scope that was granted changed."""
    token = f"ya29.a0{day.base64url(90)}"
    exchange(
        to,
        "POST",
        "https://oauth2.example.com/token",
        {
            "access_token": token,
            "expires_in": 3599,
            "refresh_token": f"1//0{day.base64url(60)}",
            "scope": day.really("read write", "read"),
            "token_type": "Bearer",
            "id_token": f"eyJ{day.base64url(30)}.eyJ{day.base64url(90)}.{day.base64url(60)}",
            "session_state": day.uuid(),
        },
        asked=f"grant_type=authorization_code&code=4%2F0A{day.base64url(50)}&code_verifier={day.base64url(60)}",
        asked_type="application/x-www-form-urlencoded",
        sent={"Authorization": "Basic Y2xpZW50OnNlY3JldA=="},
        got={"Cache-Control": "no-store"},
    )
    exchange(to, "GET", "https://api.example.com/me", {"name": "Ann"}, sent={"Authorization": f"Bearer {token}"})


def slack(day: Day, to: Cassette) -> None:
    """Times as ids, warnings; a channel that was archived."""
    stamp = f"{day.epoch()}.{day.digits(6)}"
    exchange(
        to,
        "POST",
        "https://slack.com/api/chat.postMessage",
        {
            "ok": True,
            "channel": "C024BE91L",
            "ts": stamp,
            "message": {"type": "message", "text": "hi", "ts": stamp, "client_msg_id": day.uuid()},
        },
        asked={"channel": "C024BE91L", "text": "hi"},
        got={"x-slack-req-id": day.hex(32), "x-slack-backend": "r"},
    )
    exchange(
        to,
        "GET",
        f"https://slack.com/api/conversations.replies?channel=C024BE91L&ts={stamp}",
        {"ok": True, "messages": [{"ts": stamp, "thread_ts": stamp}], "response_metadata": {"next_cursor": ""}},
    )
    exchange(
        to,
        "GET",
        "https://slack.com/api/conversations.list",
        {
            "ok": True,
            "channels": [{"id": "C024BE91L", "name": "general", "is_archived": day.really(False, True)}],
            "response_metadata": {"next_cursor": f"dGVhbTpD{day.base64(12)}"},
        },
    )


def odata(day: Day, to: Cassette) -> None:
    """OData and Salesforce: ETags and continuations in JSON, queries by locator; a column that is gone."""
    base = "https://org.example.com/sap/opu/odata4/Orders"
    row: dict[str, Any] = {
        "@odata.etag": f'W/"{day.base64(15)}"',
        "OrderId": "A17",
        "Net": "10.00",
        "ModifiedAt": day.stamp(),
    }
    row |= day.really({"Tax": "1.90"}, {})
    exchange(
        to,
        "GET",
        base,
        {
            "@odata.context": "$metadata#Orders",
            "value": [row],
            "@odata.nextLink": f"Orders?$skiptoken={day.base64url(24)}",
        },
    )
    exchange(
        to,
        "GET",
        "https://org.example.com/services/data/v59.0/query?q=SELECT+Id+FROM+Account",
        {
            "totalSize": 1,
            "done": False,
            "nextRecordsUrl": f"/services/data/v59.0/query/01g{day.letters(15)}-2000",
            "records": [
                {
                    "attributes": {
                        "type": "Account",
                        "url": "/services/data/v59.0/sobjects/Account/001D000000IRFmaIAH",
                    },
                    "Id": "001D000000IRFmaIAH",
                }
            ],
        },
        got={"Sforce-Limit-Info": f"api-usage={day.below(900)}/15000"},
    )


def soap(day: Day, to: Cassette) -> None:
    """An envelope on one line, with a time, a nonce and ids of messages; a price that changed, a new element."""
    url = "https://soap.example.com/Quotes"

    def envelope(body: str) -> str:
        return (
            '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:wsa="http://www.w3.org/2005/08/addressing"><soap:Header>'
            f"<wsa:MessageID>urn:uuid:{day.uuid()}</wsa:MessageID><wsse:Security><wsu:Created>{day.stamp()}</wsu:Created>"
            f"<wsse:Nonce>{day.base64(16)}</wsse:Nonce></wsse:Security></soap:Header><soap:Body>{body}</soap:Body>"
            "</soap:Envelope>"
        )

    more = day.really("", "<Currency>EUR</Currency>")
    exchange(
        to,
        "POST",
        url,
        envelope(
            f"<QuoteResponse><Symbol>ACME</Symbol><Price>{day.really('10.5', '11.0')}</Price>{more}</QuoteResponse>"
        ),
        asked=envelope("<Quote><Symbol>ACME</Symbol></Quote>"),
        asked_type="text/xml; charset=utf-8",
        answer_type="text/xml; charset=utf-8",
        sent={"SOAPAction": '"Quote"'},
    )


def html(day: Day, to: Cassette) -> None:
    """A page with hidden fields, nonces, state of a view, tokens in scripts; a heading that changed."""
    page = f"""<!doctype html>
<html lang="en"><head>
<meta name="csrf-param" content="authenticity_token">
<meta content="{day.base64(48)}" name="csrf-token">
<script nonce="{day.base64(16)}">window.__CSRF__ = "{day.hex(40)}"; var requestId = '{day.uuid()}';</script>
<link rel="stylesheet" href="/app.3f2a1b9c.css">
</head><body>
<h1>{day.really("Sign in", "Log in")}</h1>
<form method="post" action="/login?state={day.base64url(30)}">
<input type="hidden" name="authenticity_token" value="{day.base64(64)}" autocomplete="off">
<input value="{day.base64(24)}" name="csrfmiddlewaretoken" type="hidden">
<input type="hidden" name="__VIEWSTATE" id="__VIEWSTATE" value="/wEP{day.base64(40)}">
<input type="hidden" name="__EVENTVALIDATION" value="/wEd{day.base64(40)}">
<input name="user" value="">
</form>
<!-- rendered in {day.below(90) + 10} ms by web-{day.below(9)} -->
</body></html>
"""
    policy = f"script-src 'nonce-{day.base64(16)}' 'strict-dynamic'"
    exchange(
        to,
        "GET",
        "https://www.example.com/login",
        page,
        answer_type="text/html; charset=utf-8",
        got={
            "Content-Security-Policy": policy,
            "Set-Cookie": f"_app_session={day.base64url(60)}; path=/; HttpOnly; Secure",
        },
    )


def presigned(day: Day, to: Cassette) -> None:
    """An address that is signed and goes stale, a redirect to it, the file there; the file changed."""
    key = "reports/2026/q1.csv"
    date = day.moment().strftime("%Y%m%dT%H%M%SZ")
    url = (
        f"https://bucket.s3.amazonaws.com/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F{date[:8]}%2Feu"
        f"%2Fs3%2Faws4_request&X-Amz-Date={date}&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={day.hex(64)}"
        f"&X-Amz-Security-Token={day.base64url(90)}"
    )
    exchange(to, "GET", "https://api.example.com/report", {"url": url, "expiresAt": day.stamp()})
    exchange(to, "GET", "https://api.example.com/report/raw", None, status=302, got={"Location": url})
    rows = f"id,amount\n1,10\n2,{day.really('20', '21')}\n3,30\n"
    exchange(to, "GET", url, rows, answer_type="text/csv", got={"ETag": f'"{md5(rows.encode()).hexdigest()}"'})
    cdn = (
        f"https://d111.cloudfront.net/a.bin?Expires={day.epoch()}&Signature={day.base64url(96)}~&Key-Pair-Id=APKAEIBA2J"
    )
    exchange(
        to, "GET", cdn, b"\x89\0\1\2" * 8, answer_type="application/octet-stream", got={"X-Amz-Cf-Id": day.base64(40)}
    )


def jsonapi(day: Day, to: Cassette) -> None:
    """JSON:API with ids in UUIDs and links to them; a relationship that is gone."""
    one, other = day.uuid(), day.uuid()
    relations: dict[str, Any] = {"author": {"data": {"type": "people", "id": other}}}
    relations |= day.really({"tags": {"data": []}}, {})
    article = {
        "type": "articles",
        "id": one,
        "attributes": {"title": "x", "created-at": day.stamp()},
        "relationships": relations,
        "links": {"self": f"https://api.example.com/articles/{one}"},
    }
    exchange(
        to,
        "POST",
        "https://api.example.com/articles",
        {"data": article},
        status=201,
        asked={"data": {"type": "articles", "attributes": {"title": "x"}}},
        answer_type="application/vnd.api+json",
        got={"Location": f"https://api.example.com/articles/{one}"},
    )
    exchange(
        to,
        "GET",
        f"https://api.example.com/articles/{one}?include=author",
        {"data": article, "included": [{"type": "people", "id": other, "attributes": {"name": "Ann"}}]},
        answer_type="application/vnd.api+json",
    )


def elastic(day: Day, to: Cassette) -> None:
    """A search with its time, scores and a scroll that goes on; a hit that is new."""
    scroll = f"FGluY2x1ZGVfY29udGV4dF91dWlkDXF1ZXJ5QW5kRmV0Y2gB{day.base64(40)}"
    hits = [{"_index": "logs", "_id": "a1", "_score": 1.25, "_source": {"level": "warn"}}]
    hits += day.really([], [{"_index": "logs", "_id": "b2", "_score": 1.1, "_source": {"level": "info"}}])
    exchange(
        to,
        "POST",
        "https://es.example.com/logs/_search?scroll=1m",
        {
            "_scroll_id": scroll,
            "took": day.below(90),
            "timed_out": False,
            "_shards": {"total": 5, "failed": 0},
            "hits": {"hits": hits},
        },
        asked={"query": {"match_all": {}}},
    )
    exchange(
        to,
        "POST",
        "https://es.example.com/_search/scroll",
        {"_scroll_id": scroll, "took": day.below(90), "hits": {"hits": []}},
        asked={"scroll": "1m", "scroll_id": scroll},
    )
    exchange(
        to,
        "PUT",
        "https://es.example.com/logs/_doc/a1",
        {"_index": "logs", "_id": "a1", "_version": 3, "result": "updated", "_seq_no": 362, "_primary_term": 2},
        asked={"level": "warn", "@timestamp": day.stamp()},
    )


def binary(day: Day, to: Cassette) -> None:
    """Protobuf and a packed file: the same bytes, but for one that changed; codings that were taken off differ."""
    exchange(
        to,
        "POST",
        "https://rpc.example.com/pb.Users/Get",
        b"\n\3Ann\x10\x11\xff",
        asked=b"\x08\x11\xff",
        answer_type="application/x-protobuf",
    )
    exchange(
        to,
        "GET",
        "https://rpc.example.com/icon",
        bytes(range(128, 200)) + day.really(b"\1", b"\2"),
        answer_type="image/png",
    )
    coding = day.really("gzip", "br") if day.number else "gzip"
    exchange(
        to,
        "GET",
        "https://rpc.example.com/data",
        {"a": 1},
        got={
            "Content-Encoding": coding,
            "Vary": "Accept-Encoding",
            "Content-Length": str(len(gzip.compress(b"x")) + day.number),
        },
    )


def crud(day: Day, to: Cassette) -> None:
    """Numbers as ids: made by POST, used in URLs and bodies later. The name of one changed; one was not deleted."""
    base = "https://crm.example.com/api/contacts"
    first = 1_204 + 37 * day.number
    for at, name in enumerate(("Ann", "Bob")):
        exchange(
            to,
            "POST",
            base,
            {"id": first + at, "name": name, "created_at": day.stamp()},
            status=201,
            asked={"name": name},
            got={"Location": f"{base}/{first + at}"},
        )
    exchange(to, "GET", f"{base}/{first}", {"id": first, "name": day.really("Ann", "Anne"), "tags": [17]})
    exchange(
        to,
        "POST",
        f"{base}/{first}/notes",
        {"id": 90_001 + day.number, "contact_id": first, "text": "x"},
        status=201,
        asked={"contact_id": first, "text": "x"},
    )
    exchange(to, "GET", f"{base}/{first}/notes", [{"id": 90_001 + day.number, "contact_id": first, "text": "x"}])
    exchange(to, "PUT", f"{base}/{first + 1}", {"id": first + 1, "name": "Bo"}, asked={"id": first + 1, "name": "Bo"})
    exchange(to, "DELETE", f"{base}/{first}", None, status=204)
    if day.really(True, False):
        exchange(to, "DELETE", f"{base}/{first + 1}", None, status=204)
    exchange(to, "GET", f"{base}/17", {"id": 17, "name": "Zoe", "seen": day.really(3, 4)})


def polling(day: Day, to: Cassette) -> None:
    """A job that is asked for until it is done, more often on the second day; a failure that was tried again."""
    job = f"job_{day.letters(20)}"
    exchange(to, "POST", "https://api.example.com/jobs", {"job_id": job, "status": "queued"}, asked={"kind": "export"})
    for _ in range(day.really(2, 4)):
        exchange(
            to, "GET", f"https://api.example.com/jobs/{job}", {"job_id": job, "status": "running", "at": day.stamp()}
        )
    exchange(to, "GET", f"https://api.example.com/jobs/{job}", {"job_id": job, "status": "done", "rows": 12})
    if day.really(False, True):
        exchange(to, "GET", "https://api.example.com/rows", {"error": "busy"}, status=503, got={"Retry-After": "1"})
    exchange(to, "GET", "https://api.example.com/rows", {"rows": [1, 2]})


def parallel(day: Day, to: Cassette) -> None:
    """Requests that several threads make at once end in any order, names of headers are small; a value changed."""
    order = [0, 1, 2, 3, 4, 5] if day.number == 0 else [3, 0, 5, 1, 4, 2]
    for at in order:
        got = {"Server": "nginx", "X-Request-Id": day.hex(32)}
        exchange(
            to,
            "GET",
            f"https://api.example.com/shops/{at}",
            {
                "shop": at,
                "digest": sha256(b"%d" % at).hexdigest(),
                "open": day.really(True, False) if at == 4 else True,
            },
            got=got if day.number == 0 else {name.lower(): value for name, value in got.items()},
        )


KINDS: Final = (
    github,
    stripe,
    chat,
    completion,
    s3,
    sqs,
    google,
    graphql,
    oauth,
    slack,
    odata,
    soap,
    html,
    presigned,
    jsonapi,
    elastic,
    binary,
    crud,
    polling,
    parallel,
)
"""All kinds."""
