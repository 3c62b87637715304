"""Certificates for loopback servers: a throw-away authority, and the certificates that a client must refuse.

Law: every key is made for this process and lives in a directory that is removed when it ends. Only tests ever trust
anything made here.
"""

from __future__ import annotations

import atexit
import datetime as dt
import functools
import os
import shutil
import ssl
import tempfile
from pathlib import Path

import trustme

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Authority:
    """A certificate authority. `bundle` is the PEM file that makes a client trust it; `directory` holds its files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bundle = directory / "ca.pem"
        self._ca = trustme.CA(organization_name="loopback test authority")
        directory.mkdir(parents=True, exist_ok=True)
        self._ca.cert_pem.write_to_path(str(self.bundle))

    def server(self, *names: str, expired: bool = False, ask_client: bool = False) -> ssl.SSLContext:
        """Return a server's context for these names (default: the loopback names).

        `expired` gives a certificate whose time is over; `ask_client` refuses clients that have no certificate of this
        authority.
        """
        over = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        leaf = self._ca.issue_cert(
            *(names or LOOPBACK),
            not_before=over - dt.timedelta(days=30) if expired else None,
            not_after=over if expired else None,
        )
        context = _server_context()
        leaf.configure_cert(context)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        return context

    def client(self, name: str = "client@example.org") -> Path:
        """Write a client's key and certificate chain into one PEM file and return its path."""
        path = self.directory / f"client-{name.replace('@', '-at-')}.pem"
        if not path.exists():
            self._ca.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(path))
            path.chmod(0o600)
        return path


def self_signed() -> ssl.SSLContext:
    """Return a server's context whose certificate no authority signed: it is the root of an authority of its own."""
    ca = trustme.CA(organization_name="nobody")
    context = _server_context()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "self.pem")
        path.write_bytes(ca.private_key_pem.bytes() + ca.cert_pem.bytes())
        context.load_cert_chain(path)
    return context


@functools.cache
def authority() -> Authority:
    """Return this process's authority, made at the first call and removed when the process ends."""
    directory = Path(tempfile.mkdtemp(prefix="loopback-authority-"))
    atexit.register(_remove, directory, os.getpid())
    return Authority(directory)


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _remove(directory: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child inherits the hook, but not the files
        shutil.rmtree(directory, ignore_errors=True)
