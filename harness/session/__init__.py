"""The steps of one invocation: prepare, start, execute, conclude."""
