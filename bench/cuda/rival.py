"""The same training steps in Python PyTorch. Reads requests of bench/cuda/main.ts as lines of JSON, answers each with one."""

import array
import json
import sys
import time

import torch
from torch import nn

# Eager steps before a capture, and all steps whose losses are compared.
WARM_UP = 3
COMPARED = 5


class Model(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.network = getattr(nn, case["cell"])(case["input"], case["hidden"], batch_first=True)
        self.head = nn.Linear(case["hidden"], case["output"])

    def forward(self, x):
        return self.head(self.network(x)[0])


def prepare(case, device, graphed):
    """Makes a step, and what it computes: the losses of the first steps, and the gradients of the first one."""
    torch.manual_seed(0)
    model = Model(case)
    x = torch.randn(case["batch"], case["steps"], case["input"]).to(device)
    y = torch.randn(case["batch"], case["steps"], case["output"]).to(device)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=graphed)
    criterion = nn.MSELoss()
    bfloat16 = case["precision"] == "bfloat16"

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bfloat16):
            loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses, gradients = [], []

    def eager():
        losses.append(step().clone())
        if not gradients:
            gradients.extend(parameter.grad.clone() for parameter in model.parameters())

    run = step
    if graphed:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                eager()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = step()
        run = graph.replay
        for _ in range(COMPARED - WARM_UP):
            run()
            losses.append(loss.clone())
    else:
        for _ in range(COMPARED):
            eager()
    scaled = [gradient / gradient.abs().max() for gradient in gradients]
    flat = torch.cat([value.detach().float().flatten().cpu() for value in losses + scaled])
    return run, flat


def timed(run, times, device):
    """Seconds per step, by the device's events and by the clock."""
    if device == "cpu":
        start = time.perf_counter()
        for _ in range(times):
            run()
        return {"wall": (time.perf_counter() - start) / times}
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start = time.perf_counter()
    begin.record()
    for _ in range(times):
        run()
    end.record()
    torch.cuda.synchronize()
    return {"wall": (time.perf_counter() - start) / times, "device": begin.elapsed_time(end) / 1000 / times}


def answer(request):
    device = request["device"]
    if "case" in request:
        run, values = prepare(request["case"], device, request["side"] == "pythonGraph")
        prepared[request["side"]] = run
        with open(request["values"], "wb") as file:
            # NumPy need not be there.
            array.array("f", values.tolist()).tofile(file)
        return {}
    if "times" in request:
        return timed(prepared[request["side"]], request["times"], device)
    prepared.clear()
    if device != "cpu":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    return {}


prepared = {}
# As on the other side.
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else None
python = ".".join(map(str, sys.version_info[:3]))
print(json.dumps({"version": f"PyTorch {torch.__version__} in Python {python}", "gpu": cuda}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(answer(request)), flush=True)
