"""The same work in Python PyTorch. Reads requests of bench/main.ts as lines of JSON and answers each with one."""

import json
import sys
import time

import numpy
import torch
from torch import nn

CELLS = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


class Model(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.network = getattr(nn, case["cell"])(case["input"], case["hidden"], batch_first=True)
        self.head = nn.Linear(case["hidden"], case["output"])

    def forward(self, x):
        return self.head(self.network(x)[0])


def add(case):
    a, b = torch.randn(1), torch.randn(1)
    return inference(lambda: torch.add(a, b))


def matmul(case):
    a, b = torch.randn(64, 64), torch.randn(64, 64)
    return inference(lambda: torch.matmul(a, b))


def linear(case):
    layer = nn.Linear(64, 64)
    x = torch.randn(1, 64)
    return inference(lambda: layer(x))


def inference(fn):
    def call():
        with torch.inference_mode():
            return fn()

    # The mode is entered once for all calls that are timed.
    return fn, lambda: [call()]


def layer_of(case):
    network = getattr(nn, case["cell"])(case["input"], case["hidden"])
    x = torch.randn(max(case["steps"], case.get("samples", 0)), case["batch"], case["input"])
    return network, x


def stream(case):
    network, x = layer_of(case)
    steps = list(x.split(1))
    state = None

    def step(i):
        nonlocal state
        output, state = network(steps[i], state)
        return output

    return stepping(case, step)


def stream_cell(case):
    network, x = layer_of(case)
    cell = CELLS[case["cell"]](case["input"], case["hidden"])
    cell.load_state_dict({name[: -len("_l0")]: value for name, value in network.state_dict().items()})
    steps = [step.squeeze(0) for step in x.split(1)]
    state = None

    def step(i):
        nonlocal state
        state = cell(steps[i], state)
        return state[0] if case["cell"] == "LSTM" else state

    return stepping(case, step)


def stepping(case, step):
    count = case["samples"]
    position = 0

    def run():
        nonlocal position
        position = (position + 1) % count
        return step(position)

    def values():
        with torch.inference_mode():
            return [step(i).clone() for i in range(count)]

    return run, values


def forward(case):
    network, x = layer_of(case)
    if case.get("dtype") == "bfloat16":
        network, x = network.bfloat16(), x.bfloat16()
    return inference(lambda: network(x)[0])


def train(case):
    network, x = layer_of(case)
    x.requires_grad_()
    lengths = case.get("lengths")

    def run():
        network.zero_grad()
        x.grad = None
        if lengths is None:
            output = network(x)[0]
        else:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
            output = nn.utils.rnn.pad_packed_sequence(network(packed)[0])[0]
        output.backward(weights_of(output))
        return output

    def values():
        return [run().detach(), x.grad, *(parameter.grad for parameter in network.parameters())]

    return run, values


seeds = {}


def weights_of(output):
    """What the gradient of the output is: not the same everywhere, and made once."""
    if output.shape not in seeds:
        seeds[output.shape] = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    return seeds[output.shape]


def step(case):
    model = Model(case)
    # The step of libtorch-rnn is fused too.
    optimizer = getattr(torch.optim, case["optimizer"])(model.parameters(), lr=3e-3, fused=True)
    criterion = nn.MSELoss()
    x = torch.randn(case["batch"], case["steps"], case["input"])
    y = torch.randn(case["batch"], case["steps"], case["output"])

    def run():
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        if case["clip"]:
            nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()

    def values():
        for _ in range(3):
            run()
        return [parameter.detach() for parameter in model.parameters()]

    return run, values


KINDS = {"add": add, "matmul": matmul, "linear": linear, "stream": stream, "forward": forward, "train": train, "step": step}


def prepare(request):
    torch.manual_seed(0)
    seeds.clear()
    case = request["case"]
    make = stream_cell if request["rival"] == "cell" else KINDS[case["kind"]]
    run, values = make(case)
    flat = [value.detach().float().contiguous().flatten() for value in values()]
    torch.cat(flat).numpy().astype(numpy.float32).tofile(request["values"])
    return run, case["kind"] not in ("train", "step")


def timed(run, times):
    clock = time.perf_counter
    durations = []
    for _ in range(times):
        start = clock()
        run()
        durations.append(clock() - start)
    return durations


prepared = {}
print(json.dumps({"version": f"PyTorch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    torch.set_num_threads(request["threads"])
    if "case" in request:
        prepared[request["rival"]] = prepare(request)
        print(json.dumps({}), flush=True)
        continue
    run, inference_only = prepared[request["rival"]]
    with torch.inference_mode(inference_only):
        durations = timed(run, request["times"])
    print(json.dumps({"durations": durations}), flush=True)
