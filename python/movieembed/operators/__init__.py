"""X without forming it: operators with one interface, a file or a folder for each place.

A solver needs the co-occurrence matrix X only in products with blocks of vectors. An operator makes
those from the likes: ``cpu.py`` on this machine's cores, ``cuda/`` on a GPU, ``dask/`` on the
workers of a cluster, ``explicit.py`` where X itself is given. ``protocol.py`` states the interface,
``weighting.py`` how X is made of the likes, and ``build.py`` makes the operator of a fit.
"""
