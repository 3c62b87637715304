"""What is volatile: each kind by examples of what it takes and of what it leaves alone."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff import volatile, volatile_names
from cassette_tools.diff.volatile import (
    blanked,
    rules_between,
    settled_number,
    settled_text,
    volatile_header,
    volatile_parameter,
    volatile_value,
)
from cassette_tools.diff.volatile_kinds import KINDS

UUID: Final = "0e37df36-f698-41e6-8dd4-cb9ced3df976"
OTHER_UUID: Final = "7f9c24e8-3b12-4fef-91e0-5d6a2c48b1aa"
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
OTHER_JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI1Njc4In0.YW5vdGhlcg"

# name beside it, old value, new value, the rule by which they are the same
SAME: Final = [
    ("at", "2026-11-23T09:15:02Z", "2026-11-24T10:00:00Z", "date"),
    ("at", "2026-11-23T09:15:02.123Z", "2026-11-23T09:15:02.5Z", "date"),
    ("at", "2026-11-23T09:15:02.123456+01:00", "2026-07-23T09:15:02+02:00", "date"),
    ("at", "2026-11-23 09:15:02", "2026-11-24 09:15:03", "date"),
    ("timestamp", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z", "date"),
    ("at", "2026-11-23 09:15:02 UTC", "2026-11-24 09:15:03 UTC", "date"),
    ("at", "2026-11-23T09:15", "2026-11-23T09:16", "date"),
    ("", "Mon, 23 Nov 2026 03:30:47 GMT", "Tue, 24 Nov 2026 03:30:47 GMT", "date"),
    ("", "Sunday, 06-Nov-94 08:49:37 GMT", "Monday, 07-Nov-94 08:49:37 GMT", "date"),
    ("", "Mon Nov 23 03:30:47 2026", "Tue Nov 24 03:30:47 2026", "date"),
    ("", "Mon, 23 Nov 2026 03:30:47 +0100", "Mon, 23 Nov 2026 03:31:47 +0100", "date"),
    ("", "20261123T091502Z", "20261124T091502Z", "date"),
    ("", "[23/Nov/2026:03:30:47 +0000] up", "[24/Nov/2026:03:30:47 +0000] up", "date"),
    ("text", "made at 2026-11-23T09:15:02Z by us", "made at 2026-11-23T09:16:02Z by us", "date"),
    ("created_at", "1700000000", "1700000999", "epoch"),
    ("createdAt", "1700000000123", "1700000000999", "epoch"),
    ("timestamp", "1700000000123456", "1700000000123457", "cache-buster"),
    ("lastSeen", "1700000000", "1700000001", "epoch"),
    ("exp", "1700000000", "1700000001", "epoch"),
    ("iat", "1700000000.5", "1700000000.75", "epoch"),
    ("updated", "1700000000123456789", "1700000000123456790", "epoch"),
    ("id", UUID, OTHER_UUID, "uuid"),
    ("", UUID.upper(), OTHER_UUID.upper(), "uuid"),
    ("path", f"/files/{UUID}/raw", f"/files/{OTHER_UUID}/raw", "uuid"),
    ("", f"{{{UUID}}}", f"{{{OTHER_UUID}}}", "uuid"),
    ("", f"urn:uuid:{UUID}", f"urn:uuid:{OTHER_UUID}", "uuid"),
    ("", "018c2e5f-0a1b-7c3d-8e4f-5a6b7c8d9e0f", "018c2e60-0a1b-7c3d-8e4f-5a6b7c8d9e0f", "uuid"),
    ("workflow_id", UUID.replace("-", ""), OTHER_UUID.replace("-", ""), "uuid"),
    ("id", "cjld2cjxh0000qzrmn831i7rn", "ck9x3kq0h0001l5mf2z8ab7qd", "id"),
    ("id", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ", "ulid"),
    ("_id", "507f1f77bcf86cd799439011", "507f191e810c19729de860ea", "object-id"),
    ("userId", "507f1f77bcf86cd799439011", "507f191e810c19729de860ea", "object-id"),
    ("customer", "cus_NffrFeUfNV2Hib", "cus_9s6XKzkNRiz8i3", "id"),
    ("latest_charge", "ch_3MmlLrLkdIwHu7ix0snN0B15", "ch_3LQ2KC8OIC7PUY2jWU9hp3NL", "id"),
    ("id", "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "chatcmpl-I3fsjB2W7VqzxDTBbTs4V8u3siTLs", "id"),
    ("id", "msg_01XFDUDYJgAACzvnptvVoYEL", "msg_01tVNjVJpYpjVFNfgxBOsdwV", "id"),
    ("id", "resp_67ccd2bed1ec8190b14f964abc054267", "resp_77ccd2bed1ec8190b14f964abc054268", "id"),
    ("run_id", "run-1b5d378044", "run-fef3057f41", "id"),
    ("id", "V1StGXR8_Z5jdHi6B-myT", "hYGT4pQ_81Zk-vP02xWqa", "id"),
    (
        "client_secret",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH",
        "pi_3LQ2KC8OIC7PUY2jWU9hp3NL_secret_FNfgxBOsdwVeUYsnbfeqWPIug",
        "id",
    ),
    ("url", "/v1/customers/cus_NffrFeUfNV2Hib/cards", "/v1/customers/cus_9s6XKzkNRiz8i3/cards", "id"),
    ("", "No such customer: 'cus_NffrFeUfNV2Hib'", "No such customer: 'cus_9s6XKzkNRiz8i3'", "id"),
    ("system_fingerprint", "fp_1b5d378044", "fp_fef3057f41", "id"),
    ("etag", '"CJ3OhN7Y8f8CEAE="', '"CK7OhN7Y8f8CEAI="', "etag"),
    ("@odata.etag", 'W/"JzE5OzE2NTg3"', 'W/"uTNxfzcSUKpckcQI"', "etag"),
    ("eTag", 'W/"d587bbd6e38337f5accdd587bbd6e383"', 'W/"e587bbd6e38337f5accdd587bbd6e383"', "etag"),
    ("request_id", "req_8f3a51", "req_11aa92", "request-id"),
    ("wsa:RequestId", "8f3a5190", "11aa9212", "request-id"),
    ("HostId", "0czFsz07Na40NPZWnVPxR+f0WZcB35mviHmvk1yL", "9czFsz07Na40NPZWnVPxR+f0WZcB35mviHmvk1yM", "request-id"),
    ("@odata.nextLink", "Orders?$skiptoken=C0YlB1sB2dgP-7dbkFmg", "Orders?$skiptoken=l0kWXtIPciDBB8NwG4SB", "cursor"),
    (
        "nextRecordsUrl",
        "/services/data/v59.0/query/01gD0000002HU6KIAW-2000",
        "/services/data/v59.0/query/01gr3UpHXB0WpHEAx9-2000",
        "cursor",
    ),
    ("ReceiptHandle", "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a1", "AQEBzbVv1hnCwMFkK3rYigCgxlaS3SLy0b2", "token"),
    (
        "",
        '<input value="abcdefgh12" type="hidden" name="csrf_token">',
        '<input value="hgfedcba21" type="hidden" name="csrf_token">',
        "csrf",
    ),
    ("", "window.__CSRF__ = 'abcdefgh12';", "window.__CSRF__ = 'hgfedcba21';", "csrf"),
    (
        "",
        '<input type="hidden" name="__VIEWSTATE" value="/wEPDwUKLTE2">',
        '<input type="hidden" name="__VIEWSTATE" value="/wEPDwUKLTE3">',
        "csrf",
    ),
    ("requestId", "8f3a5190", "11aa9212", "request-id"),
    ("X-Request-Id", "f9a1", "b2c3", "request-id"),
    ("fbtrace_id", "AbCdEfGhIjKlMnOpQ", "ZyXwVuTsRqPoNmLkJ", "request-id"),
    ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7a3ce929d0e0e4736", "request-id"),
    ("csrf_token", "abcdefgh12", "hgfedcba21", "csrf"),
    ("authenticity_token", "abcdefgh==", "hgfedcba==", "csrf"),
    ("csrfmiddlewaretoken", "k3jh4k5j3h45", "9x8c7v9x8c7v", "csrf"),
    ("nonce", "8f3a51", "aa11bb", "nonce"),
    ("oauth_nonce", "36636389", "36636390", "nonce"),
    ("oauth_signature", "tnnArxj06cWHq44gCs1OSKk/jLY=", "unnArxj06cWHq44gCs1OSKk/jLY=", "signature"),
    ("oauth_timestamp", "1318622958", "1318622999", "signature"),
    ("X-Amz-Signature", "5d672d79c15b13162d9279b0855cfba6", "aeeed9bbccd4d02ee5c0109b86d86835", "signature"),
    ("X-Amz-Date", "20261123T091502Z", "20261124T091502Z", "signature"),
    (
        "X-Amz-Credential",
        "AKIA1/20261123/us-east-1/s3/aws4_request",
        "AKIA1/20261124/us-east-1/s3/aws4_request",
        "signature",
    ),
    ("X-Goog-Signature", "5d672d79c15b13162d9279b0855cfba6", "aeeed9bbccd4d02ee5c0109b86d86835", "signature"),
    ("X-Goog-Date", "20261123T091502Z", "20261124T091502Z", "signature"),
    ("sig", "Rcp6gQRfV7WDlURdVTqCa2qEArnfJxDgE2F8", "9cp6gQRfV7WDlURdVTqCa2qEArnfJxDgE2F8", "signature"),
    ("se", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z", "date"),
    ("Expires", "1700000000", "1700003600", "signature"),
    ("Policy", "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNl1", "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNl2", "signature"),
    ("oh", "00_AfBx1234567", "00_AfBx7654321", "signature"),
    ("oe", "6571AB12", "6572AB12", "signature"),
    ("access_token", "ya29.a0AfB_byC1234567", "ya29.a0AfB_byC7654321", "token"),
    ("refreshToken", "1//0gabcdefghijklm12", "1//0gabcdefghijklm34", "token"),
    ("sessionId", "abc123abc123abc123", "def456def456def456", "token"),
    ("state", "Zm9vYmFyMTIzNDU2Nzg5", "YmFyZm9vMTIzNDU2Nzg5", "token"),
    ("code", "4/0AX4XfWh1234567890", "4/0AX4XfWh0987654321", "token"),
    ("id_token", JWT, OTHER_JWT, "token"),
    ("x", JWT, OTHER_JWT, "jwt"),
    ("", f"Bearer {JWT}", f"Bearer {OTHER_JWT}", "jwt"),
    ("next_cursor", "QVFIUmx1WTBpMGpJ", "QVFIUjJkSDhKNXpR", "cursor"),
    ("next_cursor", "O9/KSsPNr8nVnpYZh1ELSyYf", "rUeTIy9EkHxSy35fNL1R5wGe", "cursor"),
    (
        "NextContinuationToken",
        "fJWFfRYYy7HbBOWMC0YlB1sB2dgP+7dbkFmg7Kq7/1di4Puq5AKczqnlO8Y4NG4M",
        "XJHECPSSel1UdpaTl0kWXtIPciDBB8NwG4SBriQirXu5b1/4rmr/re/mvd24mtBQ",
        "cursor",
    ),
    (
        "state",
        "fJWFfRYYy7HbBOWMC0YlB1sB2dgP7dbkFmg7Kq71di4Puq5AKczqnlO8Y4NG4M",
        "XJHECPSSEabcdefghKWXtkIPciDBB8NwG4SBriQirXu5b14rmremvd24mtBQab",
        "token",
    ),
    ("page_token", "CAUQAA8fcc1", "CAUQAA8fcc2", "cursor"),
    ("after", "MTAxNTExOTQ1MjAwNzI5NDE=", "NDMyNzQyODI3OTQw", "cursor"),
    ("nextPageToken", "CAEaAggB12", "CAEaAggB34", "cursor"),
    ("_", "1700000000123", "1700000000456", "cache-buster"),
    ("cb", "1700000000", "1700000001", "cache-buster"),
    ("ts", "1700000000", "1700000001", "cache-buster"),
    ("rnd", "0.8273645123", "0.1273645123", "cache-buster"),
    ("took", "12", "7", "timing"),
    ("elapsed_ms", "12.5", "7.25", "timing"),
    ("url", "http://127.0.0.1:43211/a", "http://127.0.0.1:43999/a", "port"),
    ("url", "http://localhost:8080/a", "http://localhost:8081/a", "port"),
    ("url", "http://[::1]:43211/a", "http://[::1]:43212/a", "port"),
    (
        "",
        "HTTPConnectionPool(host='127.0.0.1', port=43211): x",
        "HTTPConnectionPool(host='127.0.0.1', port=4): x",
        "port",
    ),
    ("", "('127.0.0.1', 43211)", "('127.0.0.1', 43212)", "port"),
    (
        "message",
        "<Connection object at 0x7f3a5c1d2e50>: refused",
        "<Connection object at 0x7f3a5c1d2e99>: refused",
        "address",
    ),
    ("x", "REDACTED-secret-k647p23mwi", "REDACTED-secret-aaaaaaaaaa", "placeholder"),
    ("x", "a REDACTED-github-token-k647p23mwi b", "a REDACTED-github-token-aaaaaaaaaa b", "placeholder"),
    ("x", "redacted-k647p23mwi@redacted.invalid", "redacted-aaaaaaaaaa@redacted.invalid", "placeholder"),
    (
        "u",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=5d672d79c15b&v=1",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=aeeed9bbccd4&v=1",
        "signature",
    ),
    ("u", "/a?b=1&amp;_=1700000000123", "/a?b=1&amp;_=1700000000124", "cache-buster"),
    (
        "",
        "<input type='hidden' name='csrf_token' value='abcdefgh12'>",
        "<input type='hidden' name='csrf_token' value='hgfedcba21'>",
        "csrf",
    ),
    ("", '<meta name="csrf-token" content="abcdefgh12">', '<meta name="csrf-token" content="hgfedcba21">', "csrf"),
    ("", "script-src 'nonce-8f3a51aa'", "script-src 'nonce-11bb22cc'", "nonce"),
    ("", "script-src 'nonce-js7GKGF2cpbyaWFSLWKDDw=='", "script-src 'nonce-+0y6Eb2o72dIaC5fD+NoFA=='", "nonce"),
    ("", '<script nonce="8f3a51aa">', '<script nonce="11bb22cc">', "nonce"),
]

# name beside it, old value, new value: a change
CHANGED: Final = [
    ("price", "10", "12"),
    ("id", "17", "18"),
    ("id", "1700000000", "1700000001"),
    ("count", "1700000000", "1700000001"),
    ("views", "1700000000123", "1700000000124"),
    ("version", "1.2.3", "1.2.4"),
    ("status", "active", "paused"),
    ("status", "ACTIVE", "active"),
    ("name", "Zoë", "Zoe"),
    ("file", "app.3f2a1b9c.js", "app.77ab01cd.js"),
    ("file", "/static/main.d587bbd6e38337f5accd.css", "/static/main.a587bbd6e38337f5accd.css"),
    ("sha", "d587bbd6e38337f5accd587bbd6e38337f5accd0", "e587bbd6e38337f5accd587bbd6e38337f5accd0"),
    ("md5", "9e107d9d372bb6826bd81d3542a419d6", "8e107d9d372bb6826bd81d3542a419d6"),
    ("hash", "507f1f77bcf86cd799439011", "507f191e810c19729de860ea"),
    ("date", "2026-11-23", "2026-11-24"),
    ("created_on", "2026-11-23", "2026-11-24"),
    ("at", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
    ("at", "2026-11-23T09:15:02Z", "2026-11-23T00:00:00Z"),
    ("at", "2026-11-23T09:15:02Z", "2026-11-23T09:15:02"),
    ("at", "2026-11-23T09:15:02Z", "2026-11-23T10:15:02+01:00"),
    ("at", "2026-11-23T09:15:02Z", "2026-11-23 09:15:02Z"),
    ("at", "2026-11-23T09:15:02Z", "Mon, 23 Nov 2026 09:15:02 GMT"),
    ("at", "2026-11-23T09:15:02Z", "1970-01-01T00:00:00Z"),
    ("at", "2026-11-23T09:15:02Z", "0001-01-01T00:00:00Z"),
    ("at", "2026-11-23T09:15:02Z", "9999-12-31T23:59:59Z"),
    ("at", "2026-11-23T09:15:02Z", ""),
    ("at", "2026-11-23T09:15:02Z", "never"),
    ("timestamp", "2026-11-23T09:15:02Z", "2026-11-23T09:15:02"),
    ("@timestamp", "2026-11-23T09:15:02Z", "not-before-2027"),
    ("due_at", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z"),
    ("start_time", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z"),
    ("endTime", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z"),
    ("birthDate", "1990-01-01T08:00:01Z", "1991-01-01T08:00:01Z"),
    ("scheduled_at", "1700000000", "1700000001"),
    ("since", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z"),
    ("expires", "-1", "0"),
    ("created_at", "17", "18"),
    ("created_at", "1700000000", "1700000000123"),
    ("created_at", "9900000000", "9900000001"),
    ("time", "12:30", "12:45"),
    ("time", "90", "91"),
    ("duration_ms", "201000", "202000"),
    ("expires_in", "3600", "7200"),
    ("ttl", "60", "120"),
    ("id", UUID, "00000000-0000-0000-0000-000000000000"),
    ("id", UUID, "17"),
    ("id", UUID, UUID[:-1]),
    ("id", UUID, f"x{UUID[1:]}"),
    ("path", f"/files/{UUID}/raw", f"/files/{OTHER_UUID}/thumb"),
    ("id", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "short"),
    ("word", "INTERNATIONALIZATIONMATTER", "INTERNATIONALIZATIONMATTES"),
    ("request_id", "", "abc1"),
    ("request", "abc123def456", "def456abc123"),
    ("state", "CA", "NY"),
    ("state", "running", "stopped"),
    ("code", "404", "500"),
    ("code", "not_found", "rate_limited"),
    ("code", "USD", "EUR"),
    ("token", "short", "other"),
    ("token", "none", "some"),
    ("token", "internationalization2", "internationalization3"),
    ("state", "waiting_for_approval_1", "waiting_for_approval_2"),
    ("state", "WaitingForApprovalStep2Final", "WaitingForApprovalStep3Final"),
    ("code", "ERR_QUOTA_EXCEEDED_17", "ERR_QUOTA_EXCEEDED_18"),
    ("previous", "release-2026-1", "release-2026-2"),
    ("next", "chapter-12-the-end", "chapter-13-the-end"),
    ("ticket", "PROJECT-123456-AB", "PROJECT-123457-AB"),
    ("signature", "Director2 of all", "Director3 of all"),
    ("policy", "retention-30-days-v2", "retention-60-days-v2"),
    ("oh", "Columbus", "Cleveland"),
    ("session", "autumn-2026-part-1", "autumn-2026-part-2"),
    ("session", "morning", "evening"),
    ("after", "17", "18"),
    ("before", "2026-11-23", "2026-11-24"),
    ("cursor", "100", "200"),
    ("cursor", "Items/Page2/ByName/Desc", "Items/Page3/ByName/Desc"),
    (
        "next_cursor",
        "Items/Page12/ByName/Desc/InAllCountriesOfTheWorld/2026",
        "Items/Page13/ByName/Desc/InAllCountriesOfTheWorld/2026",
    ),
    ("next_cursor", "/V1/Items/AllOfThem/2", "/V1/Items/AllOfThem/3"),
    ("next", "page2", "page3"),
    ("next", "/items?page=2", "/items?page=3"),
    ("next", "https://api.example.com/items?page=2", "https://api.example.com/items?page=3"),
    ("marker", "photos/2026", "photos/2027"),
    ("_", "1", "2"),
    ("ts", "12", "13"),
    ("sig", "yes", "no"),
    ("signature", "Zoe", "Ann"),
    ("policy", "strict", "lax"),
    ("Expires", "3600", "7200"),
    ("oe", "utf8", "latin"),
    ("took", "12", "over"),
    ("remaining", "41", "40"),
    ("url", "http://127.0.0.1:43211/a", "http://127.0.0.1:43211/b"),
    ("url", "http://api.example.com:8080/a", "http://api.example.com:8081/a"),
    ("url", "http://10.0.0.1:8080/a", "http://10.0.0.1:8081/a"),
    ("ratio", "10:30", "10:40"),
    ("host", "localhost", "127.0.0.1"),
    ("color", "0xff0000", "0x00ff00"),
    ("x", "REDACTED-secret-k647p23mwi", "REDACTED-jwt-k647p23mwi"),
    ("x", "REDACTED-secret-k647p23mwi", "hunter2"),
    ("x", "REDACTED-secret-short", "REDACTED-secret-other"),
    ("x", "404000000000001", "404000000000002"),
    ("x", "eyJhbGciOiJIUzI1", "eyJhbGciOiJIUzI2"),
    ("u", "https://x.com/?page=1&sig=5d672d79c15b", "https://x.com/?page=2&sig=5d672d79c15b"),
    ("", "<input type='hidden' name='amount' value='10'>", "<input type='hidden' name='amount' value='12'>"),
    ("", "<h1>10 items</h1>", "<h1>12 items</h1>"),
    ("", "release 2026.11.23", "release 2026.11.24"),
    ("phone", "+49 30 1234567", "+49 30 1234568"),
    ("iban", "DE89370400440532013000", "DE89370400440532013001"),
    ("ip", "10.0.0.1", "10.0.0.2"),
    ("status", "requires_capture", "requires_confirmation"),
    ("type", "payment_intent.created", "payment_intent.succeeded"),
    ("type", "evt_WaitingForApprovalStep2", "evt_WaitingForApprovalStep3"),
    ("event", "job_ExportUsers2026Q1", "job_ExportUsers2026Q2"),
    ("customer", "cus_NffrFeUfNV2Hib", "sub_9s6XKzkNRiz8i3"),
    ("customer", "cus_NffrFeUfNV2Hib", "cus_9s6XKzkNRiz8i3aa"),
    ("customer", "cus_NffrFeUfNV2Hib", ""),
    ("id", "item_00000000000017", "item_00000000000018"),
    ("id", "order-2026-17", "order-2026-18"),
    ("sku", "prod_NffrFeUfNV2Hib", "prod_9s6XKzkNRiz8i3"),
    ("sha256", "sha256_NffrFeUfNV2Hib12", "sha256_9s6XKzkNRiz8i312"),
    ("image", "sha256-NffrFeUfNV2Hib12", "sha256-9s6XKzkNRiz8i312"),
    ("commit", "dpl_NffrFeUfNV2Hib", "dpl_9s6XKzkNRiz8i3"),
    ("file", "chunk-NffrFeUfNV2Hib.js", "chunk-9s6XKzkNRiz8i3.js"),
    ("name", "build-1b5d378044fef305", "build-7f417fdcc1fef305"),
    ("id", "d587bbd6e38337f5accd587bbd6e38337f5accd0", "e587bbd6e38337f5accd587bbd6e38337f5accd0"),
    ("id", "9e107d9d372bb682cbd81d3542a419d6", "8e107d9d372bb682cbd81d3542a419d6"),
    ("hash", UUID.replace("-", ""), OTHER_UUID.replace("-", "")),
    ("id", "010-TryOldCentOS-b", "020-TryDebianVers"),
    ("id", "release-2026-11-23-beta-2", "release-2026-11-24-beta-2"),
    ("handler", "test_CachedHTTPFile", "test_RemoveHTTPFile"),
    ("class", "orig_HTTPSConnection", "orig_HTTPXConnection"),
    ("video", "dQw4w9WgXcQ", "oHg5SJYRHA0"),
    ("spreadsheetId", "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", "1CxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upmt"),
    ("etag", '"9e107d9d372bb6826bd81d3542a419d6"', '"8e107d9d372bb6826bd81d3542a419d6"'),
    ("ETag", '"9e107d9d372bb6826bd81d3542a419d6-3"', '"8e107d9d372bb6826bd81d3542a419d6-3"'),
    ("etag", "1", "2"),
    ("", '<input value="10" name="amount">', '<input value="12" name="amount">'),
    ("", "var token_limit = '100000';", "var token_limit = '200000';"),
    ("", "csrf = 'off'", "csrf = 'on'"),
    ("", "", " "),
]


def encoded(text: str, code: str) -> str:
    return text.encode().hex() if code == "hex" else b64encode(text.encode()).decode().rstrip("=" * (code == "bare"))


@pytest.mark.parametrize("code", ["hex", "base64", "bare"])
@pytest.mark.parametrize("lead", ["", "x", "xy", "user:"])
def test_placeholders_are_recognized_within_base64_and_hexadecimal_digits(code: str, lead: str) -> None:
    old, new, other = (
        encoded(f"{lead}REDACTED-secret-{value} and {rest}", code)
        for value, rest in (("k647p23mwi", "more"), ("aaaaaaaaaa", "more"), ("aaaaaaaaaa", "less"))
    )
    assert volatile_value(old, new) == "placeholder"
    assert volatile_value(new, other) is None
    assert blanked(new) != blanked(other)


@pytest.mark.parametrize(("name", "old", "new", "rule"), SAME)
def test_values_of_one_volatile_kind_are_the_same_in_both_orders(name: str, old: str, new: str, rule: str) -> None:
    assert volatile_value(old, new, name=name) == rule
    assert volatile_value(new, old, name=name) == rule
    assert blanked(old, name) == blanked(new, name)


@pytest.mark.parametrize(("name", "old", "new"), CHANGED)
def test_a_real_change_is_never_taken_for_a_volatile_one(name: str, old: str, new: str) -> None:
    assert volatile_value(old, new, name=name) is None
    assert blanked(old, name) != blanked(new, name)


def test_the_tables_are_long_enough_and_use_every_kind_that_values_have() -> None:
    assert len(SAME) + len(CHANGED) >= 150
    elsewhere = {
        "etag",
        "digest",
        "length",
        "connection",
        "client",
        "cookie",
        "boundary",
        "cache",
        "rate-limit",
        "coding",
        "renamed-id",
    }
    assert {rule for *_, rule in SAME} | elsewhere == {kind.name for kind in KINDS}


HEADERS: Final = [
    ("Date", "date"),
    ("last-modified", "date"),
    ("ETag", "etag"),
    ("If-None-Match", "etag"),
    ("X-Request-Id", "request-id"),
    ("x-amzn-RequestId", "request-id"),
    ("x-amz-id-2", "request-id"),
    ("CF-RAY", "request-id"),
    ("traceparent", "request-id"),
    ("X-B3-TraceId", "request-id"),
    ("X-Cloud-Trace-Context", "request-id"),
    ("x-github-request-id", "request-id"),
    ("X-Runtime", "timing"),
    ("Server-Timing", "timing"),
    ("x-envoy-upstream-service-time", "timing"),
    ("X-Timer", "timing"),
    ("X-Processing-Time", "timing"),
    ("openai-processing-ms", "timing"),
    ("X-Backend-Response-Time", "timing"),
    ("x-ms-client-request-id", "request-id"),
    ("X-Vcap-Request-Id", "request-id"),
    ("x-fb-ads-insights-throttle", "rate-limit"),
    ("Sforce-Limit-Info", "rate-limit"),
    ("X-Amz-Cf-Pop", "cache"),
    ("x-amz-checksum-crc32", "digest"),
    ("x-stainless-runtime-version", "client"),
    ("X-Stripe-Client-User-Agent", "client"),
    ("Content-Encoding", "coding"),
    ("Version", None),
    ("Agent", None),
    ("Time", None),
    ("Throttle", None),
    ("X-RateLimit-Remaining", "rate-limit"),
    ("x-ratelimit-reset", "rate-limit"),
    ("RateLimit-Remaining", "rate-limit"),
    ("x-ratelimit-remaining-tokens", "rate-limit"),
    ("anthropic-ratelimit-tokens-remaining", "rate-limit"),
    ("Retry-After", "rate-limit"),
    ("Age", "cache"),
    ("X-Cache", "cache"),
    ("X-Cache-Hits", "cache"),
    ("X-Served-By", "cache"),
    ("Via", "cache"),
    ("Content-MD5", "digest"),
    ("x-amz-content-sha256", "digest"),
    ("Content-Length", "length"),
    ("Transfer-Encoding", "connection"),
    ("Connection", "connection"),
    ("User-Agent", "client"),
    ("Accept-Encoding", "client"),
    ("X-Hub-Signature-256", "signature"),
    ("X-CSRF-Token", "csrf"),
    ("X-Amz-Security-Token", "token"),
    ("Content-Type", None),
    ("Location", None),
    ("Accept", None),
    ("Cache-Control", None),
    ("Server", None),
    ("X-RateLimit-Limit", None),
    ("X-Total-Count", None),
    ("X-Api-Version", None),
    ("Authorization", None),
    ("Set-Cookie", None),
    ("Expires", None),
    ("Vary", None),
    ("Allow", None),
    ("X-Frame-Options", None),
]


@pytest.mark.parametrize(("name", "rule"), HEADERS)
def test_headers_are_volatile_by_name_in_any_letter_case(name: str, rule: str | None) -> None:
    assert volatile_header(name) == rule
    assert volatile_header(name.upper()) == rule
    assert volatile_header(name.lower()) == rule


@pytest.mark.parametrize(
    ("name", "number", "rule"),
    [
        ("created", "1700000000", "epoch"),
        ("updatedAt", "1700000000123", "epoch"),
        ("took", "5", "timing"),
        ("query_time_ms", "5.5", "timing"),
        ("price", "1700000000", None),
        ("id", "1700000000", None),
        ("", "1700000000", None),
        ("created", "-1700000000", None),
        ("created", "17", None),
        ("token", "12345678901234567890", None),
        ("request_id", "17", None),
        ("x", "404000000000000", None),
    ],
)
def test_a_number_is_volatile_only_where_its_name_says_so(name: str, number: str, rule: str | None) -> None:
    found = settled_number(number, name)
    assert (found.rule if found else None) == rule


def test_a_placeholder_of_a_number_is_recognized_by_its_check_digits() -> None:
    from recorder.redact.placeholders import Placeholders

    numbers = [Placeholders(key).number(b"4711") for key in (b"a" * 16, b"b" * 16)]
    found = [settled_number(number, "account") for number in numbers]
    assert numbers[0] != numbers[1]
    assert [one.rule if one else None for one in found] == ["placeholder", "placeholder"]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [("_", "1700000000123", "cache-buster"), ("page", "1700000000123", None), ("sort", "created_at", None)],
)
def test_parameters_are_volatile_by_name_and_value(name: str, value: str, rule: str | None) -> None:
    assert volatile_parameter(name, value) == rule


def test_each_rule_that_two_texts_differ_in_is_told_once() -> None:
    old = settled_text(f"{UUID} {UUID} 2026-11-23T09:15:02Z")
    new = settled_text(f"{OTHER_UUID} {OTHER_UUID} 2026-11-24T09:15:02Z")
    assert rules_between(old, new) == ["uuid", "date"]
    assert rules_between(old, old) == []


@given(st.text(max_size=200), st.sampled_from(["", "id", "created_at", "token", "_", "price"]))
def test_blanking_any_text_is_stable_and_keeps_what_is_not_volatile(text: str, name: str) -> None:
    settled = settled_text(text, name)
    assert settled_text(text, name) == settled
    assert settled.found or settled.text == text


@given(st.integers(min_value=0, max_value=10**9 - 1), st.integers(min_value=0, max_value=10**9 - 1))
def test_two_small_numbers_are_never_the_same_under_any_name_that_says_time_or_id(one: int, other: int) -> None:
    for name in ("id", "created_at", "timestamp", "exp", "price"):
        if len(str(one)) < 8 and len(str(other)) < 8 and one != other:
            assert volatile_value(str(one), str(other), name=name) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_how_it_is_known_and_shows_an_example(kind: object) -> None:
    from cassette_tools.diff.volatile_kinds import Kind

    assert isinstance(kind, Kind)
    assert kind.known_by
    assert kind.example
    assert json.dumps(kind.name) == f'"{kind.name}"'


def test_hostile_texts_take_linear_time() -> None:
    from time import process_time

    def cost(text: str) -> float:
        begun = process_time()
        settled_text(text)
        return process_time() - begun

    for piece in (
        "?a=",
        "name='",
        "eyJaaaaaaaaa.",
        "2026-11-23T",
        "REDACTED-a-",
        "nonce-",
        "<x name='a' ",
        "Mon, ",
        "value='a ",
        "token",
        "csrf_",
        "a_Bc",
        "cus_AaAaAaAaAaAaAa-",
        "token='aB1",
    ):
        cost(piece * 100)
        half, whole = cost(piece * 10_000), cost(piece * 20_000)
        assert whole < 6 * half + 0.2, piece


NEARLY = [
    "2026-03-15T21:45:38Z",
    "2026-03-15T21:45:38.5Z",
    "2026-03-15T00:00:00Z",
    "2026-03-15T00:00:00.000Z",
    "2026-03-15T00:00:00.001Z",
    "1970-01-01T10:00:00Z",
    "2026-03-15T21:45:60Z",
    "2026-03-15T21:45Z",
    "2026-03-15 21:45:38Z",
    "2026-03-15T21:45:38+00:00",
    "2026-03-15T21:45:38Z.",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "20261231-d9cb-469f-a165-70867728950e",
    "0f8fad5b-d9cb-069f-a165-70867728950e",
    "00000000-0000-0000-0000-000000000000",
]


@pytest.mark.parametrize("text", NEARLY)
@pytest.mark.parametrize("name", ["", "at", "ts", "due_at", "timestamp", "request_id", "state", "expires", "_"])
def test_the_quick_look_at_a_whole_value_says_what_the_long_one_says(
    monkeypatch: pytest.MonkeyPatch, text: str, name: str
) -> None:
    quick = volatile._settled_short.__wrapped__(text, name)
    monkeypatch.setattr(volatile, "_tells_nothing", lambda name: False)
    assert quick == volatile._settled_short.__wrapped__(text, name)


def test_no_name_of_a_header_is_a_piece_of_one() -> None:
    assert [name for name in volatile_names._OF_HEADER if name.startswith("-") or name.endswith("-")] == []


def test_nearly_all_ids_of_the_usual_forms_are_taken() -> None:
    import random

    numbers = random.Random(17)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for lead, length in (("cus_", 14), ("pi_3", 23), ("chatcmpl-", 29), ("msg_01", 22), ("call_", 24)):
        drawn = [lead + "".join(numbers.choice(letters) for _ in range(length)) for _ in range(1_000)]
        assert sum(blanked(one) == blanked(f"{lead}{'aB3x9Zk1' * 9}"[: len(one)]) for one in drawn) > 960, lead


@pytest.mark.parametrize("name", ["etag", "token", "cursor", "id", "customer", "state"])
@pytest.mark.parametrize(
    "text", ["A" * 4_096, "aB" * 2_048, "1a" * 2_048, "a/" * 2_048, "A1b/" * 1_024 + "!", "a_" * 2_048]
)
def test_hostile_values_take_little_time(name: str, text: str) -> None:
    from time import process_time

    begun = process_time()
    volatile._settled_short.__wrapped__(text, name)
    assert process_time() - begun < 0.1
