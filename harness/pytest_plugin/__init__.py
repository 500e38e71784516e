"""The pytest plugin: when each step of an invocation is taken, and in which process."""
