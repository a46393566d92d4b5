"""Spleeter's network of four stems: the pack spleeter with other weights."""
