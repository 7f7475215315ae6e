"""Cython kernels: borrow, compute, report."""
