#!/usr/bin/env python3
"""Makes a tiny random-weight BERT and reference vectors for it.

    pip install numpy tokenizers safetensors
    python3 scripts/make_tiny_bert.py tests/fixtures/tiny-bert

Beside it, in tests/fixtures/tiny-bert-cls, vectors of the same weights pooled by the first token, with a prompt before
questions and another before passages, as bge, arctic-embed and e5 want it.

The whole pipeline can then be tested on WebGPU emulated on a CPU, where the real model takes minutes per
sentence. The reference is an independent forward pass in numpy (float64); the tokenizer is Hugging Face's own.
"""
import json, math, pathlib, re, sys
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, EPS = 64, 2, 4, 128, 64, 1e-12
WORDS = """the of and a to in is was he for it with as his on be at by i this had not are but from or have an they
which one you were her all she there would their we him been has when who will more no if out so said what up its
about into than them can only other new some could time these two may then do first any my now such like our over
man me even most made after also did many before must through back years where much your way well down should
because each just those people how too little state good very make world still own see men work long get here
between both life being under never day same another know while last might us great old year off come since
against go came right used take three bee bees sea ship light stone water bread salt river moon tide wheel""".split()
SENTENCES = ["", "the", "the moon and the tide", "a ship at sea by day", "bread is water and salt and time",
             "Bees know the way back, even after three years!", "café 12 (stone)", "the river made the stone " * 9]


def vocabulary():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += list(letters) + ["##" + c for c in letters] + list(".,;:!?'\"()-_/#*`$%&+=<>[]{}@|~^\\")
    tokens += [w for w in WORDS if w not in tokens]
    return {t: i for i, t in enumerate(tokens)}


def make_tokenizer(vocab):
    t = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    t.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])])
    return t


def make_weights(rng, vocab_size):
    w = {}
    def linear(name, out, inp):
        w[name + ".weight"] = rng.normal(0, 1 / math.sqrt(inp), (out, inp))
        w[name + ".bias"] = rng.normal(0, 0.1, out)
    def norm(name):
        w[name + ".weight"] = rng.normal(1, 0.1, HIDDEN)
        w[name + ".bias"] = rng.normal(0, 0.1, HIDDEN)
    for name, rows in (("word", vocab_size), ("position", POSITIONS), ("token_type", 2)):
        w[f"embeddings.{name}_embeddings.weight"] = rng.normal(0, 1, (rows, HIDDEN))
    norm("embeddings.LayerNorm")
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            linear(p + "attention.self." + part, HIDDEN, HIDDEN)
        linear(p + "attention.output.dense", HIDDEN, HIDDEN); norm(p + "attention.output.LayerNorm")
        linear(p + "intermediate.dense", INNER, HIDDEN)
        linear(p + "output.dense", HIDDEN, INNER); norm(p + "output.LayerNorm")
    return {k: v.astype(np.float32) for k, v in w.items()}


def forward(w, ids, cls=False, layers=LAYERS, heads=HEADS):
    """One text at a time, float64: no batches, no padding, no mask."""
    w = {k: v.astype(np.float64) for k, v in w.items()}
    erf = np.vectorize(math.erf)
    def linear(x, name): return x @ w[name + ".weight"].T + w[name + ".bias"]
    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w[name + ".weight"] + w[name + ".bias"]
    e = "embeddings."
    x = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][:len(ids)] \
        + w[e + "token_type_embeddings.weight"][0]
    x = norm(x, e + "LayerNorm")
    hidden = x.shape[1]
    for i in range(layers):
        p = f"encoder.layer.{i}."
        def split(part): return linear(x, p + "attention.self." + part).reshape(len(ids), heads, -1).transpose(1, 0, 2)
        q, k, v = split("query"), split("key"), split("value")
        s = q @ k.transpose(0, 2, 1) / math.sqrt(hidden / heads)
        s = np.exp(s - s.max(-1, keepdims=True)); s /= s.sum(-1, keepdims=True)
        c = (s @ v).transpose(1, 0, 2).reshape(len(ids), hidden)
        x = norm(linear(c, p + "attention.output.dense") + x, p + "attention.output.LayerNorm")
        u = linear(x, p + "intermediate.dense")
        u = u * 0.5 * (1 + erf(u / math.sqrt(2)))
        x = norm(linear(u, p + "output.dense") + x, p + "output.LayerNorm")
    m = x[0] if cls else x.mean(0)
    return m / np.linalg.norm(m)


def other_ways(out, tokenizer, weights):
    out.mkdir(exist_ok=True)
    prompts = dict(query="which: ", passage="here is: ")
    (out / "prompts.json").write_text(json.dumps(dict(prompts=dict(query=prompts["query"], document=prompts["passage"]))) + "\n")
    (out / "pooling.json").write_text(json.dumps(dict(
        word_embedding_dimension=HIDDEN, pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)) + "\n")
    cases = []
    for role, prompt in prompts.items():
        for i, text in enumerate(SENTENCES[:-1]):
            ids = tokenizer.encode(prompt + text).ids
            vector = [round(float(v), 9) for v in forward(weights, ids, cls=True)]
            cases.append(dict(name=f"{role}-{i}", text=text, ids=ids, embedding=vector))
    (out / "golden.json").write_text(json.dumps(dict(cases=cases)) + "\n")


def main(folder):
    out = pathlib.Path(folder); out.mkdir(parents=True, exist_ok=True)
    vocab = vocabulary()
    tokenizer = make_tokenizer(vocab)
    weights = make_weights(np.random.default_rng(20261125), len(vocab))
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    save_file(weights, str(out / "model.safetensors"))
    config = dict(model_type="bert", hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  intermediate_size=INNER, max_position_embeddings=POSITIONS, vocab_size=len(vocab),
                  layer_norm_eps=EPS, hidden_act="gelu", position_embedding_type="absolute")
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (out / "sentence_bert_config.json").write_text(json.dumps(dict(max_seq_length=POSITIONS)) + "\n")
    cases = []
    for i, text in enumerate(SENTENCES):
        ids = tokenizer.encode(text).ids[:POSITIONS]
        if ids[-1] != vocab["[SEP]"]:
            ids[-1] = vocab["[SEP]"]
        cases.append(dict(name=f"case-{i}", text=text, ids=ids, embedding=[round(float(v), 9) for v in forward(weights, ids)]))
    (out / "golden.json").write_text(json.dumps(dict(cases=cases)) + "\n")
    other_ways(out.parent / (out.name + "-cls"), tokenizer, weights)
    print(f"{len(vocab)} tokens, {sum(v.size for v in weights.values())} weights, {len(cases)} cases")


if __name__ == "__main__":
    main(sys.argv[1])
