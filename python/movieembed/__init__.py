"""Item embeddings from a ratings table."""
