"""The exercise's objective: the co-occurrence matrix X, and the cost of an embedding."""
