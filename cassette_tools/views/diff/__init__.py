"""The views of a comparison: a terminal, text like `diff -u`, JSON, Markdown for a pull request, a page of HTML.

Law: each takes the comparison as a stream and holds one pairing at a time; each escapes what was recorded by itself,
for what it writes. None decides what a difference is, or how grave.
"""
