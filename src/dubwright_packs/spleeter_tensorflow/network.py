"""The official graph with its weights, in one session that stays.

Spleeter's Separator is left aside: it fetches weights, reads the checkpoint anew for every sound and
is given the sound whole. Its model functions and masks are used as they are (``spleeter.model``), on
an STFT of our own without the zeros before it, because a slice has real sound there.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import warnings
from pathlib import Path
from typing import Any, Dict

from dubwright_kit import NextAction, Problem
from dubwright_packs.spleeter_tensorflow.slices import F32, FRAME, HOP, Stems
from dubwright_packs.spleeter_tensorflow.weights import again

CONFIGURATION = "spleeter:2stems"
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "2",  # errors only
    "CUDA_VISIBLE_DEVICES": "-1",  # the memory of a graphics card is not asked for
}


class SpleeterNetwork:
    """Callable: see :data:`dubwright_packs.spleeter_tensorflow.slices.Network`.

    ``prefix`` is the checkpoint's path without suffix. Raises Problem ``weights-wrong`` when the
    checkpoint is damaged or of another model, ``pack-broken`` or ``pack-unavailable`` when TensorFlow
    or Spleeter cannot be loaded.
    """

    def __init__(self, prefix: Path) -> None:
        tf = _tensorflow()
        threads = _processors()
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        )
        graph = tf.Graph()
        with graph.as_default():
            self._sound = tf.compat.v1.placeholder(tf.float32, (None, 2))
            self._stems = _stems(tf, self._sound)
            self._session = tf.compat.v1.Session(graph=graph, config=config)
            try:
                tf.compat.v1.train.Saver().restore(self._session, str(prefix))
            except (tf.errors.OpError, ValueError) as error:
                self._session.close()
                raise Problem(
                    "weights-wrong",
                    f"Spleeter's weights cannot be read: {prefix.parent}.",
                    again(),
                    str(error)[:2000],
                ) from error

    def __call__(self, sound: F32) -> Stems:
        made = self._session.run(self._stems, {self._sound: sound})
        return made["vocals"], made["accompaniment"]


def _stems(tf: Any, sound: Any) -> Dict[str, Any]:
    """Build the graph: ``sound`` to one waveform a stem, as long."""
    from spleeter.model import EstimatorSpecBuilder
    from spleeter.utils.configuration import load_configuration
    from spleeter.utils.tensor import pad_and_partition

    params = load_configuration(CONFIGURATION)
    if (params["frame_length"], params["frame_step"]) != (FRAME, HOP):
        raise ValueError("this Spleeter has another STFT")
    spectrum = tf.transpose(
        tf.signal.stft(tf.transpose(sound), FRAME, HOP, window_fn=_window(tf)), perm=[1, 2, 0]
    )
    magnitude = tf.abs(pad_and_partition(spectrum, params["T"]))[:, :, : params["F"], :]
    mix = params["mix_name"]
    features = {f"{mix}_stft": spectrum, f"{mix}_spectrogram": magnitude}
    builder = EstimatorSpecBuilder(features, params)
    made = {}
    for name, masked in builder.masked_stfts.items():
        wave = tf.signal.inverse_stft(
            tf.transpose(masked, perm=[2, 0, 1]), FRAME, HOP, window_fn=_window(tf)
        )
        made[name] = tf.transpose(wave) * builder.WINDOW_COMPENSATION_FACTOR
    return made


def _window(tf: Any) -> Any:
    def hann(length: Any, dtype: Any) -> Any:
        return tf.signal.hann_window(length, periodic=True, dtype=dtype)

    return hann


def _tensorflow() -> Any:
    """Import TensorFlow and Spleeter's model quietly, or say why that cannot be."""
    if not has_avx():
        raise Problem(
            "pack-unavailable",
            "spleeter-tensorflow cannot be used here: TensorFlow needs a processor with AVX.",
            NextAction("use the separation that is built in", "packs", {}),
        )
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", module=r"(tensorflow|keras|spleeter)")
    ipv6, socket.has_ipv6 = socket.has_ipv6, False  # else urllib3, when imported, tries a socket
    try:
        import tensorflow as tf

        importlib.import_module("spleeter.model")
    except Exception as error:  # NumPy's ABI, protobuf, a missing system library: all kinds
        raise Problem(
            "pack-broken",
            f"TensorFlow does not start in the pack spleeter-tensorflow: {error}",
            again(),
            f"{type(error).__name__}: {error}",
        ) from error
    finally:
        socket.has_ipv6 = ipv6
    tf.get_logger().setLevel("ERROR")
    return tf


def has_avx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """False where Linux lists the processor's abilities and AVX is not among them.

    TensorFlow for x86 ends the process on such a machine, without an exception to catch.
    """
    try:
        text = cpuinfo.read_text("ascii", "replace")
    except OSError:
        return True
    flags = [line for line in text.splitlines() if line.startswith("flags")]
    return not flags or any("avx" in line.split() for line in flags)


def _processors() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
