"""Reviews a branch like a careful colleague, through your own LiteLLM key."""

__version__ = "0.1.0"
