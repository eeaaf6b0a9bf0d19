"""A review in CI: from the event to the comments."""
