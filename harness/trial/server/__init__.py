"""Servers: wait until ready, put under load, observe."""
