"""How Go releases are written."""

import re

RELEASE = re.compile(
    r"go1\.([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:(beta|rc)([0-9]{1,4}))?(?![0-9A-Za-z_.])"
)
"""``go1.24.3``, ``go1.25rc1`` or ``go1.24``; groups: minor, patch, stage and its number."""
