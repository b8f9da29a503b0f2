"""Sparse autoencoders: load, encode, pursue."""
