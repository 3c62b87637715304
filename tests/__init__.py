"""The tests, as a package, so that `tests.servers` has one name everywhere."""
