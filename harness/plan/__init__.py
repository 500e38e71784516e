"""What will run: variants, cells, rounds, order; and the question that it answers. Pure."""
