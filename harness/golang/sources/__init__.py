"""Sources: where a workload's source is, and every file that its build reads."""
