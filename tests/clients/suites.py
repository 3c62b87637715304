"""Which test suites are run: the clients that the recorder taps, as their authors test them.

Law: a suite is named here once. Nothing of it is changed: a test that cannot pass here fails bare too, and is listed.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMMON_REQUIREMENTS", "SUITES", "Suite"]

COMMON_REQUIREMENTS = ("ahocorasick_rs", "jsonschema", "orjson", "pytest", "pytest-timeout")
"""For every suite: what the recorder needs, what runs the tests, and what judges the cassettes."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite. Paths are relative to the unpacked source distribution, or to the standard library's tests."""

    name: str
    package: str | None
    """Name of the source distribution, None for the standard library."""
    paths: tuple[str, ...]
    """What pytest collects."""
    requirements: tuple[str, ...] = ()
    """Besides the package itself, in the version that this environment has, and COMMON_REQUIREMENTS."""
    options: tuple[str, ...] = ()
    """More arguments for pytest."""
    plugins: tuple[str, ...] = ()
    """Modules of `inside/` that pytest loads besides `each_test`."""
    own_configuration: bool = True
    """Whether pytest reads the suite's own configuration."""


_UNIT_OF_BOTOCORE = (
    "awsrequest",
    "credentials",
    "endpoint",
    "eventstream",
    "history",
    "http_client_exception_mapping",
    "http_session",
    "httpchecksum",
    "response",
    "stub",
    "utils",
)

SUITES = (
    Suite(
        name="urllib3",
        package="urllib3",
        paths=("test",),
        requirements=(
            "anyio[trio]",
            "backports.zstd; python_version < '3.14'",
            "brotli",
            "cryptography",
            "h2",
            "httpx",
            "hypercorn",
            "idna",
            "pyopenssl",
            "pysocks",
            "pytest-socket",
            "quart",
            "quart-trio",
            "trio",
            "trustme",
        ),
        # It hangs, bare too, where the network answers for the host that is meant to swallow what is sent to it.
        options=("-k", "not test_http2_probe_blocked_per_thread"),
        # urllib3 tests with a fork of hypercorn that no package index has.
        plugins=("hypercorn_fork",),
    ),
    Suite(
        name="requests",
        package="requests",
        paths=("tests",),
        requirements=("httpbin~=0.10.0", "pysocks", "pytest-httpbin==2.1.0", "pytest-mock", "trustme"),
    ),
    Suite(
        name="http.client",
        package=None,
        paths=(
            "test_httplib.py",
            "test_urllib.py",
            "test_urllib2.py",
            "test_urllib2_localnet.py",
            "test_httpservers.py",
            "test_xmlrpc.py",
            "test_docxmlrpc.py",
            "test_robotparser.py",
            "test_http_cookiejar.py",
        ),
        own_configuration=False,
    ),
    Suite(
        name="httplib2",
        package="httplib2",
        paths=("tests",),
        requirements=("cryptography", "pysocks"),
        options=("--ignore=tests/_TODO_legacy", "--noconftest"),
        own_configuration=False,
    ),
    Suite(
        name="botocore",
        package="botocore",
        paths=(*(f"tests/unit/test_{name}.py" for name in _UNIT_OF_BOTOCORE), "tests/unit/retries"),
        own_configuration=False,
    ),
)
