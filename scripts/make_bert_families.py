#!/usr/bin/env python3
"""Makes reference vectors for the shapes and ways of the BERT families that the encoder should run.

    pip install numpy tokenizers safetensors
    python3 scripts/make_bert_families.py tests/fixtures/families.json

Widths, heads, pooling, prompts and token limits are those of the published models; layers are few, words are
the 220 of tests/fixtures/tiny-bert, and weights are pseudo-random: real weights are large, and what differs between
these models is the rest. Nobody keeps the weights: tests/families.rs makes the same from the same numbers
(splitmix64, Steele et al. 2014). The reference is the forward pass of make_tiny_bert.py in float64. Of each
vector every eighth component is kept.
"""
import json, math, pathlib, sys
import numpy as np
from tokenizers import Tokenizer
import make_tiny_bert as tiny

BGE = "Represent this sentence for searching relevant passages: "
FAMILIES = [
    # name, hidden, heads, layers, limit, cls, prompts of query and passage
    ("bge-small", 384, 12, 2, 512, True, (BGE, "")),
    ("e5-small", 384, 12, 2, 512, False, ("query: ", "passage: ")),
    ("gte-small", 384, 12, 2, 512, False, ("", "")),
    ("arctic-embed-m", 768, 12, 1, 512, True, (BGE, "")),
    ("contriever", 768, 12, 1, 512, False, ("", "")),
    ("e5-large", 1024, 16, 1, 512, False, ("query: ", "passage: ")),
]
TEXTS = ["the moon", "bread is water and salt and time", "the river made the stone, and the sea took it. " * 3]
EPS = 1e-12


def fnv(name):
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def uniform(name, count):
    """`count` float32 in [-1, 1), the same wherever they are made."""
    with np.errstate(over="ignore"):
        x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(fnv(name))
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return ((x >> np.uint64(40)).astype(np.float32) / np.float32(2**23)) - np.float32(1)


def weights(family, hidden, inner, layers, positions, vocab):
    w = {}
    def put(name, shape, scale, around=0.0):
        values = uniform(f"{family}/{name}", int(np.prod(shape))) * np.float32(scale) + np.float32(around)
        w[name] = values.reshape(shape)
    def linear(name, out, inp):
        put(name + ".weight", (out, inp), math.sqrt(3 / inp)); put(name + ".bias", (out,), 0.125)
    def norm(name):
        put(name + ".weight", (hidden,), 0.125, 1.0); put(name + ".bias", (hidden,), 0.125)
    for name, rows in (("word", vocab), ("position", positions), ("token_type", 2)):
        put(f"embeddings.{name}_embeddings.weight", (rows, hidden), 1.0)
    norm("embeddings.LayerNorm")
    for i in range(layers):
        p = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            linear(p + "attention.self." + part, hidden, hidden)
        linear(p + "attention.output.dense", hidden, hidden); norm(p + "attention.output.LayerNorm")
        linear(p + "intermediate.dense", inner, hidden)
        linear(p + "output.dense", hidden, inner); norm(p + "output.LayerNorm")
    return w


def main(file):
    tokenizer = Tokenizer.from_file(str(pathlib.Path(__file__).parent.parent / "tests/fixtures/tiny-bert/tokenizer.json"))
    vocab = tokenizer.get_vocab_size()
    families = []
    for name, hidden, heads, layers, limit, cls, (query, passage) in FAMILIES:
        config = dict(model_type="bert", hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
                      intermediate_size=4 * hidden, max_position_embeddings=limit, vocab_size=vocab,
                      layer_norm_eps=EPS, hidden_act="gelu", position_embedding_type="absolute")
        w = weights(name, hidden, 4 * hidden, layers, limit, vocab)
        cases = []
        for role, prompt in (("query", query), ("passage", passage)):
            for text in TEXTS:
                ids = tokenizer.encode(prompt + text).ids
                vector = tiny.forward(w, ids, cls, layers, heads)
                cases.append(dict(role=role, text=text, every_eighth=[round(float(v), 7) for v in vector[::8]]))
        families.append(dict(
            name=name, config=config, sentence=dict(max_seq_length=limit),
            pooling=dict(word_embedding_dimension=hidden, pooling_mode_cls_token=cls, pooling_mode_mean_tokens=not cls),
            prompts=dict(prompts=dict(query=query, document=passage)), cases=cases))
    pathlib.Path(file).write_text("[\n" + ",\n".join(json.dumps(f) for f in families) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1])
