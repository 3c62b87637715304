"""The clients' own test suites, run bare and then inside a recording: the best oracle of what a program can tell.

`python -m tests.clients` (or `make test-clients`) fetches the suites, runs them both ways and compares test by test.
"""
