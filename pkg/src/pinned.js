// The default model: where it is published, and what its bytes must be. The same pins as in the Rust library.

export const MINILM = {
  name: "sentence-transformers/all-MiniLM-L6-v2",
  url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf/",
  files: [
    { name: "config.json", bytes: 612, sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" },
    { name: "sentence_bert_config.json", bytes: 53, sha256: "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7" },
    { name: "tokenizer.json", bytes: 466247, sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037" },
    { name: "model.safetensors", bytes: 90868376, sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" },
  ],
};
