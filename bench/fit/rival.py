"""The fit of bench/fit/main.ts in Python: `rival.py torch|lightning|keras|flax`. Answers each line of JSON with one."""

import json
import os
import sys
import time
import warnings

import numpy

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")
LR = 1e-3


def read(case):
    n, steps, inputs = case["sequences"], case["steps"], case["input"]
    x = numpy.fromfile(case["files"]["x"], numpy.float32).reshape(n, steps, inputs)
    y = numpy.fromfile(case["files"]["y"], numpy.float32).reshape(n, 1)
    lengths = numpy.fromfile(case["files"]["lengths"], numpy.int64) if case["lengths"] else None
    sizes = case["sizes"]
    weights = [numpy.fromfile(path, numpy.float32).reshape(size) for path, size in zip(case["files"]["weights"], sizes)]
    return x, y, lengths, weights


def torch_model(case, weights):
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = getattr(nn, case["cell"])(case["input"], case["hidden"], batch_first=True)
            self.linear = nn.Linear(case["hidden"], 1)

        def forward(self, x, lengths=None):
            if lengths is not None:
                x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            state = self.network(x)[1]
            return self.linear((state[0] if isinstance(state, tuple) else state)[-1])

    model = Model()
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights):
            parameter.copy_(torch.from_numpy(values))
    return model


def torch_loader(case, x, y, lengths):
    from torch import from_numpy
    from torch.utils.data import DataLoader, TensorDataset

    parts = [x, y] if lengths is None else [x, y, lengths]
    return DataLoader(TensorDataset(*map(from_numpy, parts)), batch_size=case["batch"])


def torch_(case):
    import torch
    from torch.nn.functional import mse_loss

    x, y, lengths, weights = read(case)
    model, loader = torch_model(case, weights), torch_loader(case, x, y, lengths)
    optimizer = torch.optim.Adam(model.parameters(), LR)
    with torch.no_grad():
        first = mse_loss(model(*(part for i, part in enumerate(loader.dataset.tensors) if i != 1)), loader.dataset.tensors[1]).item()

    def epoch():
        total = 0.0
        for input, target, *rest in loader:
            optimizer.zero_grad()
            loss = mse_loss(model(input, *rest), target)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(target)
        return total / len(y)

    return first, epoch


def lightning(case):
    import logging

    import lightning as L
    import torch
    from torch.nn.functional import mse_loss

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    x, y, lengths, weights = read(case)
    model, loader = torch_model(case, weights), torch_loader(case, x, y, lengths)
    first, _ = torch_(case)

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.sum = model, 0.0
            self.adam = torch.optim.Adam(model.parameters(), LR)

        def training_step(self, batch, _):
            input, target, *rest = batch
            loss = mse_loss(self.model(input, *rest), target)
            self.sum = self.sum + loss.detach() * len(target)
            return loss

        def configure_optimizers(self):
            return self.adam

    module = Module()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}

    def epoch():
        module.sum = 0.0
        started, ended = [0.0], [0.0]

        class Clock(L.Callback):
            def on_train_epoch_start(self, *_):
                started[0] = time.perf_counter()

            def on_train_epoch_end(self, *_):
                ended[0] = time.perf_counter()

        L.Trainer(max_epochs=1, accelerator="cpu", callbacks=[Clock()], **quiet).fit(module, loader)
        # What is done once per fit does not count.
        return float(module.sum) / len(y), ended[0] - started[0]

    return first, epoch


def keras(case):
    import keras
    import tensorflow as tf

    x, y, lengths, (w, u, b, c, head, head_bias) = read(case)
    hidden, steps = case["hidden"], case["steps"]
    inputs = keras.Input((steps, case["input"]))
    counts = keras.Input((), dtype="int64")
    layer = getattr(keras.layers, case["cell"])(hidden)
    mask = None if lengths is None else keras.ops.expand_dims(counts, 1) > keras.ops.arange(steps, dtype="int64")
    output = keras.layers.Dense(1)(layer(inputs, mask=mask))
    model = keras.Model(inputs if lengths is None else [inputs, counts], output)
    if case["cell"] == "LSTM":
        biases = b + c
    else:
        # r, z, n here; z, r, n there.
        order = numpy.r_[hidden : 2 * hidden, :hidden, 2 * hidden : 3 * hidden]
        w, u, biases = w[order], u[order], numpy.stack([b[order], c[order]])
    model.set_weights([w.T, u.T, biases, head.T, head_bias])
    model.compile(keras.optimizers.Adam(LR), "mse")
    features = x if lengths is None else (x, lengths)
    data = tf.data.Dataset.from_tensor_slices((features, y)).batch(case["batch"]).prefetch(2)
    first = model.evaluate(data, verbose=0)
    return first, lambda: model.fit(data, epochs=1, verbose=0).history["loss"][0]


def flax(case):
    import jax
    import optax
    from flax import nnx
    from jax import numpy as jnp

    x, y, lengths, _ = read(case)
    if lengths is None:
        lengths = numpy.full(len(x), case["steps"])

    class Model(nnx.Module):
        def __init__(self, rngs):
            cell = {"LSTM": nnx.OptimizedLSTMCell, "GRU": nnx.GRUCell}[case["cell"]]
            self.network = nnx.RNN(cell(case["input"], case["hidden"], rngs=rngs), return_carry=True)
            self.linear = nnx.Linear(case["hidden"], 1, rngs=rngs)

        def __call__(self, x, lengths):
            state, _ = self.network(x, seq_lengths=lengths if case["lengths"] else None)
            return self.linear(state[1] if isinstance(state, tuple) else state)

    model = Model(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(LR), wrt=nnx.Param)

    def loss_of(model, x, lengths, y):
        return jnp.mean((model(x, lengths) - y) ** 2)

    @nnx.jit
    def step(model, optimizer, x, lengths, y):
        loss, gradients = nnx.value_and_grad(loss_of)(model, x, lengths, y)
        optimizer.update(model, gradients)
        return loss

    fast = nnx.cached_partial(step, model, optimizer)

    def epoch():
        losses, size = [], case["batch"]
        for i in range(0, len(x), size):
            losses.append(fast(x[i : i + size], lengths[i : i + size], y[i : i + size]) * len(y[i : i + size]))
        return float(jax.block_until_ready(sum(losses))) / len(y)

    # Its parameters are split in another way: it begins with its own.
    return None, epoch


FITS = {"torch": torch_, "lightning": lightning, "keras": keras, "flax": flax}


def main(name):
    package = __import__(name)
    print(json.dumps({"version": f"{name} {package.__version__}"}), flush=True)
    epoch = None
    for line in sys.stdin:
        request = json.loads(line)
        if name in ("torch", "lightning"):
            import torch

            torch.set_num_threads(request["threads"])
        if "case" in request:
            first, epoch = FITS[name](request["case"])
            print(json.dumps({"loss": first}), flush=True)
            continue
        start = time.perf_counter()
        result = epoch()
        seconds = time.perf_counter() - start
        loss, seconds = result if isinstance(result, tuple) else (result, seconds)
        print(json.dumps({"loss": loss, "seconds": seconds}), flush=True)


main(sys.argv[1])
