"""One file through our pack: ``python -m bench.spleeter.ours MODELS WAV FOLDER [float32]``.

What a guest does with one ask, in a process of its own: start, load the network, separate, write. The
official configuration's extension, so that the stems can be compared.
"""

from __future__ import annotations

import os
import sys


def main(models: str, wav: str, folder: str, subtype: str = "int16") -> None:
    os.environ["DUBWRIGHT_PACK_MODELS"] = models
    from dubwright_kit.contracts import SeparateAsk
    from dubwright_kit.report import silent
    from dubwright_packs.spleeter.backend import run

    options = {"extension": "zeros", "wav": subtype}
    run(SeparateAsk(wav, folder, stems=("vocals", "background"), options=options), silent)


if __name__ == "__main__":
    main(*sys.argv[1:])
