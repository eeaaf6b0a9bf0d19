"""Which lines of a change are new since its last complete review, and where old ones went."""
