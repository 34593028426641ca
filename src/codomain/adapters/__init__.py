"""Collections and encoders as parts of other frameworks: a file each, which imports the framework that it is for.

langchain.py         embeddings, vector store, retriever, reranker, cache
llama_index.py       embedding, vector store, retriever, reranker
haystack.py          document store, embedders, retrievers, ranker
haystack_filters.py  filters of Haystack as filters of codomain
reranking.py         a ranker of the package `rerankers`
dspy.py              a retriever

from codomain.adapters.langchain import CodomainVectorStore
"""
