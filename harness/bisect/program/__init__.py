"""Which commit of the user's own repository makes the change, and which requirement of go.mod."""
