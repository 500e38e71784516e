"""Statistics of paired differences. Pure."""
