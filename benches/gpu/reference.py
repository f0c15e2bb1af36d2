"""The assignment of benches/gpu with PyTorch: a matrix product and argmin, in f32, tf32 and f16.

    python benches/gpu/reference.py 10000000 768 16384

Run it beside the Rust program, on the same machine. Data is as there, uniform from -1 to 1, 65,536 rows at a time, which
stay on the GPU. Prints seconds and TFLOP/s without the upload, and how many labels are not those of f32.
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
print(torch.cuda.get_device_name(), "with PyTorch", torch.__version__)


def single():
    return (half - points @ book.T).argmin(1)


def halves(points=points.half(), book=book.half()):
    return (half - points @ book.T).argmin(1)


expected = None
for name, precision, label in (("f32", "highest", single), ("tf32", "high", single), ("f16", "highest", halves)):
    torch.set_float32_matmul_precision(precision)
    labels = label()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(0, rows, step):
        labels = label()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    done = -(-rows // step) * step
    expected = labels if expected is None else expected
    different = (labels != expected).sum().item()
    speed = 2 * done * dim * centroids / seconds / 1e12
    print(f"{name}: {seconds:.3f} s, {speed:.1f} TFLOP/s; {different} of {step} labels are not those of f32")
