"""What a repository says of its reviews: settings, and checklists by name."""
