"""Redaction: which values are secret, where they hide, and what stands in their place."""
