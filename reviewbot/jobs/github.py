"""The job of GitHub Actions that this is, and what it can be told."""
