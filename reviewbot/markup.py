"""Text of any origin as Markdown that shows, and does nothing else."""
