"""Readers of published tables of cells, strict about every number. Knows no space and no transport."""
