"""The operator over likes that are spread by user over the workers of a Dask cluster.

``part.py`` is what a worker holds and does; ``operator.py`` sums the parts; ``statistics.py`` pairs
them, for what does not sum.
"""
