"""The probe: Go files that a build gets by overlay, without a change to any source file."""
