"""What changed between two cassettes: fingerprints of interactions, their alignment, and a comparison field by field."""
