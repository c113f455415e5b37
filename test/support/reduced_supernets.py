"""The real Python server with a small random supernet of each family over made-up images, from the Python suite.

Takes a folder to write into; prints where it listens, like the real one, and ends with its standard input.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

root = Path(__file__).parents[2] / "python-evaluator"
sys.path[:0] = [str(root), str(root / "tests")]

import reduced  # noqa: E402
from collm_nas_evaluator import server  # noqa: E402
from collm_nas_evaluator.addresses import Address  # noqa: E402
from collm_nas_evaluator.backends.supernet import ImageSplits, Served, SupernetBackend  # noqa: E402
from collm_nas_evaluator.imagenet import ImageSet  # noqa: E402
from collm_nas_evaluator.scoring import Device  # noqa: E402

folder = Path(sys.argv[1])
source = np.random.RandomState(1)
for label in range(reduced.CLASSES):
    (folder / "images" / f"class{label}").mkdir(parents=True)
    for number in range(4):
        coarse = source.randint(0, 255, (6, 8, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((90, 70)).save(folder / "images" / f"class{label}" / f"{number}.png")
images = ImageSet.open(folder / "images", reduced.CLASSES)
image_splits = ImageSplits(
    {"search": (images, "All images."), "test": (images, "All images.")}, images, folder / "cache"
)
device = Device()
entries = [
    SupernetBackend(
        Served(f"{family}-reduced", "A small random supernet", reduced.dimensions(family), max_batch=4),
        reduced.load(family, folder),
        image_splits,
        device,
    )
    for family in ("ofa", "spos", "autoformer")
]
running = server.start(entries, Address("127.0.0.1", 0))
sys.stdout.write(json.dumps({"listening": running.address}) + "\n")
sys.stdout.flush()
sys.stdin.read()
running.stop()
