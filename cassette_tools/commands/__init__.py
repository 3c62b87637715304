"""One file a command: it parses its arguments, calls the pure modules, and hands the result to a view."""
