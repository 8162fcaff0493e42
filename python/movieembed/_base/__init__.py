"""Checks, threads, files, progress: what all else stands on, and what knows nothing of likes."""
