"""Reads the event files that this library writes with Python's tensorboard, as TensorBoard itself does.

Usage: pip install tensorboard, then `python scripts/read-events.py` in the checkout, after `npm run setup`.
"""

import io
import pathlib
import struct
import subprocess
import sys
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = pathlib.Path(__file__).parents[1]


def check(name, found, expected):
    if found != expected:
        sys.exit(f"{name}: {found!r}, expected {expected!r}")
    print(f"{name}: {found!r}"[:100])


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


with tempfile.TemporaryDirectory() as folder:
    subprocess.run(["npx", "tsx", "scripts/write-events.ts", folder], cwd=ROOT, check=True)

    own = EventAccumulator(f"{folder}/own", size_guidance={"histograms": 0, "images": 0, "tensors": 0})
    own.Reload()
    check("scalars", [(e.step, e.value) for e in own.Scalars("loss")], [(0, 0.5), (1, 0.25), (2, 0.125)])
    histogram = own.Histograms("weights")[0].histogram_value
    check("histogram", (histogram.min, histogram.max, histogram.num, histogram.sum), (-2.0, 3.0, 4.0, 1.5))
    check("histogram's counts", sum(histogram.bucket), 4.0)
    check("limits and counts", len(histogram.bucket_limit), len(histogram.bucket))
    image = own.Images("pixels")[0]
    check("image", (image.width, image.height, png_size(image.encoded_image_string)), (3, 2, (3, 2)))
    text = own.Tensors("note/text_summary")[0].tensor_proto
    check("text", text.string_val[0].decode(), "a **b** ü")
    check("plugin of texts", own.SummaryMetadata("note/text_summary").plugin_data.plugin_name, "text")
    try:
        from PIL import Image
    except ImportError:
        print("without Pillow, pixels are not read")
    else:
        pixels = Image.open(io.BytesIO(image.encoded_image_string))
        check("pixels", (pixels.mode, [pixels.getpixel((x, 0)) for x in range(3)]), ("L", [0, 127, 255]))

    fit = EventAccumulator(f"{folder}/fit", size_guidance={"histograms": 0, "images": 0, "tensors": 0})
    fit.Reload()
    tags = fit.Tags()
    check("steps of epochs", [e.step for e in fit.Scalars("epoch/trainLoss")], [3, 6])
    check("weights", "weights/gru.weight_ih_l0" in tags["histograms"], True)
    check("gradients", "gradients/linear.bias" in tags["histograms"], True)
    check("images", tags["images"], ["chart"])
    check("model", fit.Tensors("model/text_summary")[0].tensor_proto.string_val[0][:12], b"    GRUModel")

    resumed = EventAccumulator(f"{folder}/resumed")
    resumed.Reload()
    check("resumed", [(e.step, e.value) for e in resumed.Scalars("a")], [(0, 1.0), (1, 3.0), (2, 4.0)])
print("TensorBoard reads all of it")
