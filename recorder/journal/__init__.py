"""Format version 1 of the cassette: `append` writes it, `read` reads it. `docs/format.md` is the specification."""
