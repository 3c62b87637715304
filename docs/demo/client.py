"""The program that the demo records: an ordinary requests client. It knows nothing of recording."""

from __future__ import annotations

import sys

import requests


def main() -> None:
    """Do what clients do: pages, a form, a download as a stream, a redirect, and two things that go wrong."""
    url, bundle = sys.argv[1:]
    with requests.Session() as session:
        session.trust_env = False
        session.verify = bundle
        pages = [session.get(f"{url}/json", params={"page": page}).json() for page in range(40)]
        created = session.post(f"{url}/echo", json={"name": "žluťoučký kůň", "price": 1.10})
        with session.get(f"{url}/bytes/20000000", stream=True) as download:
            size = sum(len(part) for part in download.iter_content(65536))
        session.get(f"{url}/gzip")
        session.get(f"{url}/redirect/2")
        missing = session.get(f"{url}/status/404")
        try:
            session.get("http://127.0.0.1:9/nobody-listens-here")
        except requests.ConnectionError:
            print("one server was not there, as expected")
    print(f"{len(pages)} pages, {created.status_code} for a POST, {size} bytes streamed, {missing.status_code} for one")


if __name__ == "__main__":
    main()
