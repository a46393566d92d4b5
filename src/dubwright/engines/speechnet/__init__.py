"""The network that comes with the program: speech out of any sound, chunk by chunk.

What it was trained on and how is in ``training/``; here is what runs it.
"""
