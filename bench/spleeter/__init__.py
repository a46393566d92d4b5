"""Our Spleeter engine against the official package and sherpa-onnx: one run, same files, same weights.

``python -m bench.spleeter --help`` says what can be left out; ``bench/separation.py`` is the same command.
"""
