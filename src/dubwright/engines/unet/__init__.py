"""Spleeter's U-Nets without TensorFlow: checkpoint to ONNX, and any sound through it block by block.

Hennequin, Khlif, Voituret, Moussallam, "Spleeter: a fast and efficient music source separation tool
with pre-trained models", JOSS 2020, after Jansson et al., "Singing voice separation with deep U-Net
convolutional networks", ISMIR 2017.
"""
