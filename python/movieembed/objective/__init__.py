"""The co-occurrence matrix X, and the cost and gradient of an embedding."""
