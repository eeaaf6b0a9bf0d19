"""Hostile input for a long time: what reads it must not fail, hang or let anything through."""
