"""The routes that clients of other servers ask, each dialect in a file.

answers.py   JSON out, with arrays as they are
openai.py    OpenAI, and what Voyage and Jina add to its route of embeddings
cohere.py    Cohere v2
jina.py      reranking as Jina and others have it
tei.py       text-embeddings-inference
ollama.py    Ollama
voyage.py    Voyage: contextualized chunks
"""
