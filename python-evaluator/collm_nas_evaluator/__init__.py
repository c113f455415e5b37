"""Measures neural architectures for a search and answers over gRPC. Importing it does nothing."""

__version__ = "0.1.0"
