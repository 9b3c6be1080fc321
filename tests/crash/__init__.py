"""Killed anywhere, everything ends as if nothing had happened."""
