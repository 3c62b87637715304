"""The program that the demo records: an ordinary requests client. It knows nothing of recording, or of redaction.

With RELEASE=2 in the environment it is the program's next release, which does a few things differently.
"""

from __future__ import annotations

import os
import sys

import requests

PASSWORD = "correct-horse-battery-9"  # noqa: S105 -- made up


def main() -> None:
    """Do what clients do: log in, get pages, a download as a stream, a redirect, and meet two things that go wrong."""
    url, bundle = sys.argv[1:]
    is_next = os.environ.get("RELEASE") == "2"
    price = "1.10" if is_next else 1.10
    with requests.Session() as session:
        session.trust_env = False
        session.verify = bundle
        session.headers["Authorization"] = f"Bearer {os.environ['API_TOKEN']}"
        pages = [session.get(f"{url}/json", params={"page": page}).json() for page in range(41 if is_next else 40)]
        login = session.post(f"{url}/echo", json={"user": "žluťoučký kůň", "password": PASSWORD, "price": price})
        with session.get(f"{url}/bytes/20000000", stream=True) as download:
            size = sum(len(part) for part in download.iter_content(65536))
        if not is_next:
            session.get(f"{url}/gzip")
        session.get(f"{url}/redirect/2")
        missing = session.get(f"{url}/status/404")
        try:
            session.get("http://127.0.0.1:9/nobody-listens-here")
        except requests.ConnectionError:
            print("one server was not there, as expected")
    print(f"{len(pages)} pages, {login.status_code} for a POST, {size} bytes streamed, {missing.status_code} for one")


if __name__ == "__main__":
    main()
