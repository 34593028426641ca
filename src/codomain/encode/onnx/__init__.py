"""Exported models by onnxruntime, without torch.

encoder.py   `onnx(name)`: any exported sentence-transformers model as a stage
source.py    where a name leads: a folder, a file, an installed package, the Hugging Face hub
folder.py    what the files beside a model say: pooling, prompts, tokens that are read
session.py   models of onnxruntime, loaded once in a process; which output is the text's vector
pooling.py   vectors of tokens to the vector of a text
"""
