"""Trials: pipelines on one corpus and one set of queries, sharing what they have in common.

evaluator.py     pipelines on one corpus
answers.py       what one branch answers
outcome.py       what came of a trial, and what it takes
racing.py        one pipeline after the other; one that has no chance is dropped
trial_runner.py  trials by an engine, with a journal
job.py           trials as one object for other processes
worker.py        trials in a process of their own
spread.py        over several processes of this machine
on_ray.py        trials on a Ray cluster
memory.py        how much of it trials may take
cache.py         what trials share on disk
coverage.py      how fast encoders are, and which part of the corpus comes first
widening.py      trials on as much of the corpus as the time allows
latency.py       milliseconds of real collections, in turns
"""
