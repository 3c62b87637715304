"""What changed between two cassettes: fingerprints, their alignment, and a comparison field by field."""
