"""Where toolchains come from; each module knows one source."""
