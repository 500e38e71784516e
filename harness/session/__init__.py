"""The steps of one invocation: prepare, start, measure, finish."""
