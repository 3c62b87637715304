"""Real servers on loopback: what the tests, the demo and the benchmarks talk to.

Law: nothing here uses `http.client` or anything above it. These servers run inside processes whose HTTP clients are
being recorded, and must not appear in what they record.
"""
