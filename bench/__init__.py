"""Speed, memory and size, measured as ratios within one run. Not tests."""
