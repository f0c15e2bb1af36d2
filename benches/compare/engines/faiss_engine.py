"""faiss for the bench: orders and replies as in serve.ts, times as in measure.ts.

Searches one query at a time on one thread, through the same C++ call as a C++ program would make
(`search_c`), so that Python costs a few microseconds; batches on all cores.
"""

import json
import os
import sys
import time

import faiss
import numpy as np

NEIGHBOURS = 10
BATCH = 100
CORES = os.cpu_count()


class Faiss:
    def ingest(self, order):
        """faiss does not store rows; it takes them when it builds."""
        return {"seconds": 0}

    def build(self, order):
        faiss.omp_set_num_threads(CORES)
        vectors = self.read(order["set"], "base.f32")
        start = time.perf_counter()
        index = faiss.index_factory(vectors.shape[1], order["config"]["factory"])
        index.train(vectors)
        index.add(vectors)
        seconds = time.perf_counter() - start
        # Its users may keep the index in memory only, so writing it is not counted.
        faiss.write_index(index, os.path.join(order["folder"], "index.faiss"))
        return {"seconds": seconds}

    def open(self, order):
        set_ = order["set"]
        self.index = faiss.read_index(os.path.join(order["folder"], "index.faiss"))
        self.queries = self.read(set_, "queries.f32")
        self.flat = faiss.IndexFlatL2(set_["dimensions"])
        self.flat.add(self.read(set_, "base.f32"))
        compressed = faiss.downcast_index(self.index.base_index)
        return {
            "version": faiss.__version__,
            "indexBytes": faiss.serialize_index(compressed).nbytes,
            "modes": ["exact", "sync", "batch"],
        }

    def ask(self, order):
        exact, batch = order["mode"] == "exact", order["mode"] == "batch"
        faiss.omp_set_num_threads(CORES if batch else 1)
        index = self.flat if exact else self.index
        params = None if exact else self.params(order["settings"])
        queries = self.queries[: order["queries"]]
        step = BATCH if batch else 1
        answers, times = [], []
        start = time.perf_counter()
        for first in range(0, len(queries), step):
            part = queries[first : first + step]
            ids = np.empty((len(part), NEIGHBOURS), dtype=np.int64)
            distances = np.empty((len(part), NEIGHBOURS), dtype=np.float32)
            pointers = [faiss.swig_ptr(array) for array in (part, distances, ids)]
            before = time.perf_counter()
            index.search_c(len(part), pointers[0], NEIGHBOURS, pointers[1], pointers[2], params)
            after = time.perf_counter()
            times.append(after - before)
            answers.extend(ids.tolist())
            late = 1000 * (after - start) > order["budgetMs"]
            if late and len(answers) >= order["queriesMin"]:
                break
        return {
            "answers": answers,
            "perSecond": len(answers) / sum(times),
            "medianMs": 1000 * float(np.median(times)),
            "p99Ms": 1000 * float(np.percentile(times, 99)),
        }

    def params(self, settings):
        inner = faiss.SearchParametersIVF(nprobe=settings["nprobe"])
        return faiss.IndexRefineSearchParameters(
            k_factor=settings["k_factor"], base_index_params=inner
        )

    @staticmethod
    def read(set_, name):
        values = np.fromfile(os.path.join(set_["folder"], name), dtype="<f4")
        return values.reshape(-1, set_["dimensions"])


def main():
    engine = Faiss()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            reply = getattr(engine, order["op"])(order)
        except Exception as error:  # whatever it is, the bench reports it and goes on
            reply = {"error": repr(error)}
        print("@" + json.dumps(reply), flush=True)


main()
