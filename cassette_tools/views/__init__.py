"""The only renderers: a terminal, JSON, and the pieces that they share. Nothing outside this package prints."""
