"""What counts as a mask, and what may be somebody's password."""

from __future__ import annotations

import pytest

from cassette_tools.stand_ins import is_stand_in


@pytest.mark.parametrize(
    "value",
    [
        "***",
        "xxxxxxxx",
        "REDACTED",
        "REDACTED_BY_CI",
        "REDACTED-secret-abcdefghij",
        "<FILTERED>",
        "[MASKED]",
        "<API_KEY>",
        "{{ token }}",
        "<%= ENV['TOKEN'] %>",
        '<%=ENV.fetch("TOKEN")%>',
        "${API_TOKEN}",
        "%TOKEN%",
        "__SECRET__",
        "dummy",
        "fake-api-key",
        "dummy_token_1",
        "your-token-here",
        "YOUR_API_KEY",
        "example.token",
        " *** ",
        "*" * 1000,
    ],
)
def test_a_mask_is_one(value: str) -> None:
    assert is_stand_in(value.encode())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "test",
        "password",
        "secret",
        "token-1",
        "1234",
        "hunter2",
        "dummy-8f3a9c1b",
        "fakeXq2",
        "<script>alert(1)</script>",
        "REDACTED but not: hunter2",
        "{}",
        "<>",
        "<%= hunter2 %>",
        "<%= ENV['A'] %>hunter2",
        "examples of things",
        "dummy" * 100,
    ],
)
def test_what_may_be_a_secret_is_none(value: str) -> None:
    assert not is_stand_in(value.encode())
