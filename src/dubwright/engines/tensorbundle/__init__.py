"""TensorFlow's V2 checkpoints (tensor bundles), read without TensorFlow; see ``bundle.Checkpoint``."""
