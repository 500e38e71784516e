"""What a run leaves behind: its directory, its records, and how runs are joined."""
