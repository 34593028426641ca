"""Collections and encoders as parts of other frameworks: a file each, which imports the framework that it is for.

langchain.py    embeddings, vector store, retriever, reranker, cache
llama_index.py  embedding, vector store, retriever, reranker

from codomain.adapters.langchain import CodomainVectorStore
"""
