"""The same work in Python PyTorch. Reads lines of JSON from bench/main.ts and answers each with one."""

import json
import sys
import time

import torch
from torch import nn


def call(make):
    def prepare():
        torch.manual_seed(0)
        fn = make()

        def run(times):
            with torch.no_grad():
                for _ in range(times):
                    fn()

        def value():
            with torch.no_grad():
                return fn().flatten().tolist()

        return run, value

    return prepare


def forward(module, batch):
    def make():
        network = module(64, 128)
        x = torch.randn(100, batch, 64)
        return lambda: network(x)[0]

    return call(make)


class Model(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.network = kind(6, 32, batch_first=True)
        self.head = nn.Linear(32, 7)

    def forward(self, x):
        return self.head(self.network(x)[0])


def training_step(kind):
    def prepare():
        torch.manual_seed(0)
        model = Model(kind)
        # The step of libtorch-rnn is fused too.
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
        criterion = nn.MSELoss()
        x = torch.randn(32, 21, 6)
        y = torch.randn(32, 21, 7)

        def run(times):
            for _ in range(times):
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1)
                optimizer.step()

        def value():
            run(3)
            return [number for parameter in model.parameters() for number in parameter.flatten().tolist()]

        return run, value

    return prepare


def add():
    a, b = torch.randn(1), torch.randn(1)
    return lambda: torch.add(a, b)


def matmul():
    a, b = torch.randn(64, 64), torch.randn(64, 64)
    return lambda: torch.matmul(a, b)


def linear():
    layer = nn.Linear(64, 64)
    x = torch.randn(1, 64)
    return lambda: layer(x)


CASES = {
    "add, 1 element": call(add),
    "matmul, 64 x 64": call(matmul),
    "Linear(64, 64), N=1": call(linear),
    "LSTM(64, 128), T=100, N=1": forward(nn.LSTM, 1),
    "LSTM(64, 128), T=100, N=32": forward(nn.LSTM, 32),
    "GRU(64, 128), T=100, N=1": forward(nn.GRU, 1),
    "GRU(64, 128), T=100, N=32": forward(nn.GRU, 32),
    "RNN(64, 128), T=100, N=32": forward(nn.RNN, 32),
    "training step, demo LSTM": training_step(nn.LSTM),
    "training step, demo LSTM, off thread": training_step(nn.LSTM),
    "training step, demo GRU": training_step(nn.GRU),
    "training step, demo RNN": training_step(nn.RNN),
}

prepared = {}
print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    torch.set_num_threads(request["threads"])
    name = request["case"]
    if request["times"] == 0:
        prepared[name], value = CASES[name]()
        print(json.dumps({"value": value()}), flush=True)
        continue
    start = time.perf_counter()
    prepared[name](request["times"])
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
