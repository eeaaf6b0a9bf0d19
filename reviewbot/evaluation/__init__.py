"""How good the reviews are: changes with known problems are reviewed, and a model judges."""
