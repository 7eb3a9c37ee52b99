"""The side of Python in the HTTP benchmark: FastAPI, uvicorn and PyTorch, as people do it. Prints its port."""

import socket
import sys
from pathlib import Path

import numpy
import torch
import uvicorn
from fastapi import FastAPI, Request, Response

INPUT, HIDDEN, OUTPUT, STEPS = 32, 128, 8, 50
folder = Path(sys.argv[1])
torch.set_num_threads(1)


def read(name, *shape):
    return torch.from_numpy(numpy.fromfile(folder / name, dtype=numpy.float32).reshape(shape))


lstm, head = torch.nn.LSTM(INPUT, HIDDEN), torch.nn.Linear(HIDDEN, OUTPUT)
lstm.load_state_dict({
    "weight_ih_l0": read("weight_ih", 4 * HIDDEN, INPUT),
    "weight_hh_l0": read("weight_hh", 4 * HIDDEN, HIDDEN),
    "bias_ih_l0": read("bias_ih", 4 * HIDDEN),
    "bias_hh_l0": read("bias_hh", 4 * HIDDEN),
})
head.load_state_dict({"weight": read("head_weight", OUTPUT, HIDDEN), "bias": read("head_bias", OUTPUT)})
app = FastAPI()


@app.post("/predict")
async def predict(request: Request):
    body = bytearray(await request.body())
    with torch.inference_mode():
        x = torch.frombuffer(body, dtype=torch.float32).view(STEPS, 1, INPUT)
        y = head(lstm(x)[0][-1, 0])
    return Response(y.numpy().tobytes(), media_type="application/octet-stream")


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.run(app, fd=listener.fileno(), log_level="warning")
