"""The pytest plugin: when each step is taken, and in which process."""
