"""The operator on a GPU, through CuPy (``pip install 'movieembed[cuda12]'``).

=================  ===============================================================================
file               what it holds
=================  ===============================================================================
``operator.py``    the operator, over an array module that is CuPy's (or NumPy's, in tests)
``statistics.py``  rows of X, a block at a time, their sums and largest entries
``likes.py``       L on the device, whole or a chunk of users at a time
``upload.py``      the likes on their way there: rows go up, columns are made of them
``sides.py``       rows or columns of L, as the kernels take them
``geometry.py``    how rows are cut into tasks, likes into chunks and kernels into blocks
``kernels.py``     the calls of the kernels
``kernels.cu``     the kernels
``device.py``      CuPy itself: the one file that imports it
=================  ===============================================================================
"""
