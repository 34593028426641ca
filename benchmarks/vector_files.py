"""Vector files side by side with gensim: GloVe 6B, 400,000 x 50, from the same text file; one thread, taking turns.

First answer is a whole process: start Python, import the library, open, look up one word. gensim is measured from
word2vec's text (which is what is there to begin with), from its binary form, and from its own format, mapped
(`KeyedVectors.load(mmap="r")`). Target: at least 20 times sooner than gensim from text.

    python benchmarks/vector_files.py [turns]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

OPEN = {
    "codomain": "import codomain as cd; w = cd.vectorfiles.open('{0}/ours')",
    "gensim, text": "from gensim.models import KeyedVectors as K; w = K.load_word2vec_format('{0}/w.txt')",
    "gensim, binary": "from gensim.models import KeyedVectors as K; w = K.load_word2vec_format('{0}/w.bin', binary=True)",
    "gensim, mapped": "from gensim.models import KeyedVectors as K; w = K.load('{0}/w.kv', mmap='r')",
}
AFTER = """
import time, os
w['king']
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6
memory = resident()
w.most_similar('queen')
t = time.perf_counter()
for key in ('king', 'paris', 'seven', 'music', 'river'): w.most_similar(key)
similar = (time.perf_counter() - t) / 5
keys = open('{0}/asked').read().split()
t = time.perf_counter()
for key in keys: w[key]
one = (time.perf_counter() - t) / len(keys)
t = time.perf_counter(); w[keys]
print(memory, resident(), 1e3 * similar, 1e6 * one, 1e6 * (time.perf_counter() - t) / len(keys))
"""


def process(script: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, done.stdout


def main() -> None:
    from gensim.models import KeyedVectors

    from codomain.vectorfiles import import_file
    from proofs.lib.glove import glove

    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    keys, vectors = glove()
    with tempfile.TemporaryDirectory() as folder:
        peer = KeyedVectors(vectors.shape[1])
        peer.add_vectors(keys, vectors)
        peer.save_word2vec_format(f"{folder}/w.txt", binary=False)
        peer.save_word2vec_format(f"{folder}/w.bin", binary=True)
        peer.save(f"{folder}/w.kv")
        start = time.perf_counter()
        import_file(f"{folder}/w.txt", f"{folder}/ours")
        print(
            f"import of {Path(f'{folder}/w.txt').stat().st_size / 1e6:.0f} MB of text, once: {time.perf_counter() - start:.1f} s"
        )
        Path(f"{folder}/asked").write_text("\n".join(keys[:40_000:4]))
        first: dict[str, list[float]] = {name: [] for name in OPEN}
        rest: dict[str, list[np.ndarray]] = {name: [] for name in OPEN}
        for _ in range(turns):
            for name, script in OPEN.items():
                first[name].append(process(script.format(folder) + "; w['king']")[0])
                rest[name].append(np.array(process(script.format(folder) + AFTER.format(folder))[1].split(), float))
        ours = np.array(first["codomain"])
        head = ("first answer s", "ratio", "MB then", "MB at end", "most_similar ms", "a key us", "in a list us")
        print(f"{'':16}" + "".join(f"{name:>17}" for name in head))
        for name in OPEN:
            ratio = np.median(np.array(first[name]) / ours)
            then, end, similar, one, many = np.median(rest[name], axis=0)
            print(
                f"{name:16}{np.median(first[name]):17.3f}{ratio:17.1f}{then:17.0f}{end:17.0f}{similar:17.2f}{one:17.2f}{many:17.2f}"
            )
        text = float(np.median(np.array(first["gensim, text"]) / ours))
        print(
            f"{'reached' if text >= 20 else 'NOT REACHED'}: {text:.0f} times sooner than gensim from text (target 20)"
        )


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        print(f"skipped: {error}")
