"""What several proofs share.

claims      how a proof ends: which of its claims hold
labelled    labelled texts: AG News, 20 Newsgroups, Banking77, SST-2
minilm_l3   a second real encoder, paraphrase-MiniLM-L3
synopses    one-line synopses of Debian packages and their sections
"""
