"""The assignment of benches/gpu with PyTorch: a matrix product and argmin, in f32 and in tf32.

    python benches/gpu/reference.py 10000000 768 16384

Run it beside the Rust program, on the same machine. Rows are as many at a time as fit; data as there,
uniform from -1 to 1. Prints seconds and TFLOP/s without the upload.
"""
import sys
import time

import torch

rows, dim, centroids = (int(word) for word in sys.argv[1:4])
step = 65_536

torch.manual_seed(1)
book = torch.rand(centroids, dim, device="cuda") * 2 - 1
half = (book * book).sum(1) / 2
points = torch.rand(step, dim, device="cuda") * 2 - 1

for precision in ("highest", "high"):
    torch.set_float32_matmul_precision(precision)
    (half - points @ book.T).argmin(1)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(0, rows, step):
        labels = (half - points @ book.T).argmin(1)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    done = -(-rows // step) * step
    name = {"highest": "f32", "high": "tf32"}[precision]
    print(f"{name}: {seconds:.3f} s, {2 * done * dim * centroids / seconds / 1e12:.1f} TFLOP/s")
