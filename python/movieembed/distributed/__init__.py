"""Likes on the workers of a Dask cluster, for those that outgrow one machine.

==============  ================================================================================
module          what it holds
==============  ================================================================================
``cluster``     the client, sums over parts in a fixed tree, one error for a cluster that is lost
``interrupts``  workers of this process outlive its Ctrl-C
``blocks``      what a worker does to read ratings, number items and gather users
``reading``     which blocks there are, and their way to parts with whole users
``likes``       `DistributedLikes`
``evaluation``  splits, metrics and recommendations by part
==============  ================================================================================

The operator of a fit is in ``movieembed.backends.dask``.
"""

from __future__ import annotations

from movieembed.distributed.evaluation import DistributedSplit
from movieembed.distributed.likes import DistributedLikes

__all__ = ["DistributedLikes", "DistributedSplit"]
