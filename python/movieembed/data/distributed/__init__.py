"""Likes on the workers of a Dask cluster, for those that outgrow one machine.

==============  ================================================================================
module          what it holds
==============  ================================================================================
``cluster``     the client, sums over parts in a fixed tree, one error for a cluster that is lost
``interrupts``  workers of this process outlive its Ctrl-C
``ids``         ids of many blocks: joined, ordered, found and hashed
``blocks``      what a worker does to read ratings, number items and gather users
``reading``     which blocks there are, and their way to parts with whole users
``likes``       `DistributedLikes`
==============  ================================================================================

The operator of a fit is in ``movieembed.operators.dask``.
"""
