"""Data to better encoders.

contracts.py    what objectives, batchers, miners and generators promise, each with the smallest class that fits
objectives/     what a model is trained to do
batching/       which rows share a batch
mining/         which documents serve as negatives
synthesis/      texts to train on that a model writes
recipes/        trainings as data, one TOML file each
fitting/        transforms of vectors, fitted on files, collections, texts, pairs and feedback
trainer.py      a model, an objective and a batcher, joined by the one training loop
callbacks.py    the local dimension of a model's token vectors, watched while a trainer of transformers runs
soft_prompt.py  vectors in words, by an adapter in front of a frozen language model
arguments.py    parts by name and arguments
saving.py       trained models as folders
export.py       a model of sentence-transformers for onnxruntime, `codomain export-model`
static.py       distil a static table from a transformer, `codomain learn static`
corpus.py       unlabelled texts from open sources, named by a recipe
teacher.py      a teacher's vectors on disk, so that long work can be stopped and resumed
vocabulary.py   the student's tokenizer
distil.py       texts as bags of tokens, and a table of token rows from start to whitening
token_table.py  the static student as a torch module
"""
