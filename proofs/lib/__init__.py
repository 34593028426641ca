"""What the proofs share: how they end, how they are run and compared, and what several of them read.

claims        claims as data, each with its value and its bar
prove         how a proof ends: what it prints, its JSON, its exit code
register      proofs/register.toml: what a proof needs, its minutes, what is expected of its claims
comparison    how what was found differs from what is expected
rotation      which proofs a commit runs where there is time for a few
running       one proof in a process of its own
state         what has passed already, kept in .proofs/
record        proofs/last_run.toml, the committed record
page          docs/proofs.md

files         files of the folder that CODOMAIN_DATA names
books         books of the Bible, each described by one verse
docstrings    docstrings and their functions
e5            multilingual-e5-small, the encoder of many languages
glosses       definitions of WordNet, many short texts
glove         GloVe's words and vectors
labeled       labelled texts: AG News, 20 Newsgroups, Banking77, SST-2
minilm_l3     a second real encoder, paraphrase-MiniLM-L3
models        encoders that share no weights, to be ranked
mpnet         all-mpnet-base-v2, a large encoder that shares nothing with the others
packages      Debian packages with section and size
sets          judged sets, with what every pipeline of the usual space gives on them
smollm        SmolLM2-135M, a decoder
splits        two encoders' vectors without texts in common
synopses      one-line synopses of Debian packages and their sections
token_means   mean token embeddings of MiniLM
verses        Bible verses in two wordings
"""
