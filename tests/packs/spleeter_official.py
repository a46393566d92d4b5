"""Run by the Python of Spleeter's environment, not by the tests' own: what only TensorFlow can do.

``write CONFIG FOLDER [FILTERS]`` makes a checkpoint with random weights, with the files and variables
of the official one; FILTERS, like 2,3,4,5,6,7, make the network small. ``stems CONFIG MODELS
SOUNDS.npz STEMS.npz`` lets the official Separator separate whole sounds, each [n, channels]; a stem is
kept as ``sound/stem``. ``separate CONFIG MODELS SOUND.wav OUTDIR`` is a run as from the official
command line, ffmpeg aside, and says as one line of JSON what it took. CONFIG is 2stems, 4stems or
5stems; MODELS holds a folder of that name.
"""

from __future__ import annotations

import time

START_S = time.perf_counter()

import json  # noqa: E402  # the imports count too
import os  # noqa: E402
import sys  # noqa: E402
import wave  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

SEED = 3
SMALL = "config.json"
"""Beside a small network: the official configuration with ``conv_n_filters``."""

_FRAMES = 64  # enough for the network's six halvings


def write(config: str, folder: str, filters: str = "") -> None:
    """Every weight is drawn here, none by TensorFlow: the graph gives all its kernels one seed, so
    that those of different stems would be the same."""
    import tensorflow as tf
    from spleeter.model import EstimatorSpecBuilder, InputProviderFactory
    from spleeter.utils.configuration import load_configuration

    params = load_configuration(f"spleeter:{config}")
    if filters:
        params["model"]["params"]["conv_n_filters"] = [int(one) for one in filters.split(",")]
        Path(folder, SMALL).write_text(json.dumps(params, indent=1) + "\n", "utf-8")
    random = np.random.RandomState(SEED + len(params["instrument_list"]))
    sound = _calibration(random, params)
    settings = tf.compat.v1.ConfigProto()
    settings.graph_options.rewrite_options.disable_meta_optimizer = True  # many short runs
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(config=settings) as session:
        step = tf.compat.v1.train.get_or_create_global_step()
        features = InputProviderFactory.get(params).get_input_dict_placeholders()
        builder = EstimatorSpecBuilder(features, {**params, "T": _FRAMES})
        assert set(builder.outputs) >= set(params["instrument_list"])
        session.run(step.initializer)  # the others get their values one by one
        _draw(graph, session, {features["waveform"]: sound}, random)
        saver = tf.compat.v1.train.Saver(save_relative_paths=True)  # so that it can be moved
        saver.save(session, str(Path(folder) / "model"))


def _calibration(random: np.random.RandomState, params: dict[str, Any]) -> Any:
    """Noise that changes its level from -60 to -10 dB all the time and has less of high frequencies."""
    frames = _FRAMES * params["frame_step"] - params["frame_length"]
    level = 10 ** random.uniform(-3, -0.5, (frames // 2048, 1, 2))
    noise = random.standard_normal((frames // 2048, 2048, 2)) * level
    flat = noise.reshape(-1, 2)
    return (flat + 3 * np.roll(flat, 1, 0) + 3 * np.roll(flat, 2, 0)).astype(np.float32) / 3


def _draw(graph: Any, session: Any, feed: dict[Any, Any], random: np.random.RandomState) -> None:
    """Give each layer, in their order, weights that keep it alive on the sound in ``feed``.

    Biases put the median of each channel near zero, the gain its 90th percentile near one; the
    statistics of batch normalisation are about the real ones. So activations bend what they get and
    masks differ from place to place.
    """
    import tensorflow as tf

    variables = {one.name: one for one in tf.compat.v1.global_variables()}
    values: dict[str, Any] = {}

    def load() -> None:  # all at once: a run takes longer than what it does
        starts = {variables[name].initializer: value for name, value in values.items()}
        session.run(list(starts), {start.inputs[1]: starts[start] for start in starts})
        values.clear()

    measured = np.zeros(0)
    for name, variable in variables.items():
        layer, _, kind = name.rpartition("/")
        shape = variable.shape.as_list()
        if kind == "kernel:0":
            output = graph.get_tensor_by_name(f"{layer}/BiasAdd:0")
            bias = f"{layer}/bias:0"
            values[name] = kernel = random.uniform(-1, 1, shape).astype(np.float32)
            drift = 0.3 * random.standard_normal(output.shape[-1])
            values[bias] = np.zeros(len(drift), np.float32)
            load()
            found = session.run(output, feed).reshape(-1, len(drift))
            middle = np.median(found, axis=0)
            gain = float(f"{1 / np.percentile(np.abs(found - middle), 90):.3g}")
            values[name] = gain * kernel
            values[bias] = (drift - np.round(gain * middle, 3)).astype(np.float32)
            measured = gain * found + values[bias]
            if "transpose" in layer:  # here the normalisation comes after the activation
                zero = any(one.type == "Relu" for one in output.consumers())
                below = 0 if zero else np.expm1(np.minimum(measured, 0))
                measured = np.where(measured > 0, measured, below)
        elif kind == "moving_mean:0":
            mean = measured.mean(axis=0) + 0.3 * random.standard_normal(shape)
            values[name] = np.round(mean, 3).astype(np.float32)
        elif kind == "moving_variance:0":
            variance = measured.var(axis=0) * random.uniform(0.5, 1.5, shape)
            values[name] = np.maximum(variance, 1e-3).round(4).astype(np.float32)
        elif kind == "gamma:0":
            values[name] = random.uniform(0.5, 1.5, shape).astype(np.float32)
        elif kind == "beta:0":
            values[name] = (0.3 * random.standard_normal(shape)).astype(np.float32)
    load()


def descriptor(config: str, models: str) -> str:
    """What the official package takes for a configuration, with the weights in ``models``, which it
    then never fetches. To be asked before ``spleeter`` is imported."""
    os.environ["MODEL_PATH"] = models
    small = Path(models, config, SMALL)
    return str(small) if small.exists() else f"spleeter:{config}"


def separator(config: str, models: str, **options: Any) -> Any:
    described = descriptor(config, models)
    from spleeter.separator import Separator

    return Separator(described, **options)


def stems(config: str, models: str, sounds: str, kept: str) -> None:
    """The first sound by ``Separator.separate``; all, if there are more, by the estimator that it
    uses: it makes a new graph for each sound, which takes longer than separating it."""
    with np.load(sounds) as found:
        waveforms = {name: found[name] for name in found.files}
    first = next(iter(waveforms))
    official = separator(config, models, multiprocess=False)  # no processes just for saving
    made = {first: official.separate(waveforms[first], "")}
    if len(waveforms) > 1:
        again = dict(zip(waveforms, _predict(config, models, [*waveforms.values()]), strict=True))
        for stem, samples in made[first].items():
            assert np.array_equal(samples, again[first][stem]), "not what Separator computes"
        made = again
    np.savez(
        kept,
        **{f"{name}/{stem}": one for name, all_ in made.items() for stem, one in all_.items()},
    )


def _predict(config: str, models: str, waveforms: list[Any]) -> Iterator[dict[str, Any]]:
    import tensorflow as tf
    from spleeter.audio.convertor import to_stereo
    from spleeter.separator import create_estimator
    from spleeter.utils.configuration import load_configuration

    def data() -> Any:
        sounds = [{"waveform": to_stereo(one), "audio_id": ""} for one in waveforms]
        kinds = {
            "waveform": tf.TensorSpec((None, 2), tf.float32),
            "audio_id": tf.TensorSpec((), tf.string),
        }
        return tf.data.Dataset.from_generator(lambda: iter(sounds), output_signature=kinds)

    params = load_configuration(descriptor(config, models))
    for found in create_estimator(params, False).predict(data, yield_single_examples=False):
        found.pop("audio_id")
        yield found


class WaveAdapter:
    """16-bit WAVE files without ffmpeg, which is not everywhere. Pickled for Spleeter's Pool."""

    def load(
        self, path: str, offset: float, duration: float, sample_rate: int, **_: Any
    ) -> tuple[Any, int]:
        with wave.open(path) as file:
            if (file.getsampwidth(), file.getframerate(), offset) != (2, sample_rate, 0):
                sys.exit(f"{path}: not 16 bits at {sample_rate} Hz")
            raw = file.readframes(min(file.getnframes(), int(duration * sample_rate)))
            whole = np.frombuffer(raw, "<i2").reshape(-1, file.getnchannels())
        return whole.astype(np.float32) / 32768, sample_rate

    def save(self, path: str, data: Any, sample_rate: int, *_: Any) -> None:
        with wave.open(path, "wb") as file:
            file.setnchannels(data.shape[1])
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            scaled = np.clip(np.rint(data * 32768), -32768, 32767)
            file.writeframes(scaled.astype("<i2").tobytes())


def separate(config: str, models: str, sound: str, folder: str) -> None:
    """Write ``folder/<sound's name>/<stem>.wav``; as officially, no more than 600 s of them."""
    import resource  # only where a bench runs

    official = separator(config, models)
    adapter = WaveAdapter()
    official.separate_to_file(sound, folder, audio_adapter=adapter, synchronous=False)
    official.join()
    unit = 1 if sys.platform == "darwin" else 1024
    took = {
        "wall_s": round(time.perf_counter() - START_S, 3),
        "peak_rss_bytes": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    commands: dict[str, Callable[..., None]] = {
        "write": write,
        "stems": stems,
        "separate": separate,
    }
    commands[sys.argv[1]](*sys.argv[2:])
