"""From two releases or commits to the commit between them that made the change."""
