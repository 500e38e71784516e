"""What people read: words, and foreign text made visible."""
