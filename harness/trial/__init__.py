"""One execution: from a request to a record."""
