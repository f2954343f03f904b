"""Every Numba function of the package: arrays in, arrays filled, no classes, no checks.

The caller owns memory and validation. Each kernel has a slow NumPy twin in the tests. None is
parallel, so Numba threads never multiply with a sweep's workers.
"""
