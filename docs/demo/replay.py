"""Plays a converted cassette back through vcrpy, to requests: nothing goes to the network (record mode `none`)."""

from __future__ import annotations

import sys
from collections import Counter

import requests
import vcr


def main() -> None:
    """Ask again for everything that is in the cassette, and count the answers."""
    with vcr.use_cassette(sys.argv[1], record_mode="none") as cassette:
        answers = Counter(
            requests.request(
                asked.method, asked.uri, headers=dict(asked.headers), data=asked.body, allow_redirects=False, timeout=5
            ).status_code
            for asked in list(cassette.requests)
        )
    print(f"{answers.total()} requests answered from the file: {dict(answers)}")


if __name__ == "__main__":
    main()
