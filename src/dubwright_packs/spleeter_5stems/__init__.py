"""Spleeter's network of five stems: the pack spleeter with other weights."""
