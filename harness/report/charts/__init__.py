"""The charts of a report; those of many numbers come with a table of them."""
