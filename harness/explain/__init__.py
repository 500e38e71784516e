"""One command from two versions and a program to the cause of what changed between them."""
