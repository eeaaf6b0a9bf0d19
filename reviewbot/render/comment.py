"""One finding as the text of a comment at its lines."""
