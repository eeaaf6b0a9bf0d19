"""The one comment that sums a review up, and is written over at each run."""
