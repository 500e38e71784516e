"""Everything that knows Go: versions, experiments, toolchains, builds."""
