#!/usr/bin/env python3
"""Builds the ONNX graph of a BERT encoder from its safetensors, and the same with 8-bit matrix products.

    python3 export_onnx.py MODEL_DIR OUT_DIR

Inputs and output are named as in Hugging Face's exports, so that transformers.js takes the folder too. The operators
are those of opset 17; onnxruntime fuses them (attention, layer norm, GELU) when it loads the model.
"""
import json, math, pathlib, shutil, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file


class Graph:
    def __init__(self):
        self.nodes, self.weights, self.count = [], {}, 0

    def weight(self, name, array):
        self.weights.setdefault(name, np.ascontiguousarray(array))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        out = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=f"{kind}_{self.count}", **attributes))
        return out

    def number(self, value):
        return self.weight(f"number_{value}", np.array(value, np.float32))

    def ints(self, *values):
        return self.weight("ints_" + "_".join(map(str, values)), np.array(values, np.int64))


def build(config, tensors):
    g = Graph()
    hidden, heads, eps = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    dim = hidden // heads

    def linear(x, name):
        product = g.op("MatMul", x, g.weight(name + ".weight.t", tensors[name + ".weight"].T))
        return g.op("Add", product, g.weight(name + ".bias", tensors[name + ".bias"]))

    def norm(x, name):
        parts = [g.weight(f"{name}.{part}", tensors[f"{name}.{part}"]) for part in ("weight", "bias")]
        return g.op("LayerNormalization", x, *parts, axis=-1, epsilon=eps)

    e = "embeddings."
    words = g.op("Gather", g.weight(e + "word", tensors[e + "word_embeddings.weight"]), "input_ids")
    types = g.op("Gather", g.weight(e + "type", tensors[e + "token_type_embeddings.weight"]), "token_type_ids")
    length = g.op("Slice", g.op("Shape", "input_ids"), g.ints(1), g.ints(2), g.ints(0))
    positions = g.op("Slice", g.weight(e + "position", tensors[e + "position_embeddings.weight"]), g.ints(0), length, g.ints(0))
    x = norm(g.op("Add", g.op("Add", words, types), positions), e + "LayerNorm")
    mask = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.ints(1, 2)), to=TensorProto.FLOAT)
    mask = g.op("Mul", g.op("Sub", g.number(1.0), mask), g.number(float(np.finfo(np.float32).min)))
    for i in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        def split(part, order):
            y = g.op("Reshape", linear(x, p + "attention.self." + part), g.ints(0, 0, heads, dim))
            return g.op("Transpose", y, perm=order)
        query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
        scores = g.op("Div", g.op("MatMul", query, key), g.number(math.sqrt(dim)))
        weights = g.op("Softmax", g.op("Add", scores, mask), axis=-1)
        context = g.op("Transpose", g.op("MatMul", weights, value), perm=[0, 2, 1, 3])
        context = g.op("Reshape", context, g.ints(0, 0, hidden))
        x = norm(g.op("Add", linear(context, p + "attention.output.dense"), x), p + "attention.output.LayerNorm")
        up = linear(x, p + "intermediate.dense")
        erf = g.op("Add", g.op("Erf", g.op("Div", up, g.number(math.sqrt(2)))), g.number(1.0))
        up = g.op("Mul", g.op("Mul", up, erf), g.number(0.5))
        x = norm(g.op("Add", linear(up, p + "output.dense"), x), p + "output.LayerNorm")
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "tokens"])
           for n in ("input_ids", "attention_mask", "token_type_ids")]
    out = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", hidden])
    weights = [numpy_helper.from_array(array, name) for name, array in g.weights.items()]
    graph = helper.make_graph(g.nodes, "bert", ids, [out], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main(source, target):
    source, target = pathlib.Path(source), pathlib.Path(target)
    (target / "onnx").mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text())
    tensors = {k.removeprefix("bert."): v.astype(np.float32) for k, v in load_file(source / "model.safetensors").items()
               if v.dtype.kind == "f"}
    full = target / "onnx/model.onnx"
    onnx.save(build(config, tensors), full)
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(full, target / "onnx/model_quantized.onnx", weight_type=QuantType.QInt8, per_channel=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        if (source / name).exists():
            shutil.copy(source / name, target / name)
    for file in sorted((target / "onnx").iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
