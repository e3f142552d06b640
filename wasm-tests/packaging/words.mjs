// An embedder small enough to be read: words are hashed into 64 numbers, so texts that share words are near.

export const words = {
  model: "words-64",
  dimensions: 64,
  maxTokens: 64,
  embed(texts) {
    const vectors = new Float32Array(texts.length * 64);
    texts.forEach((text, row) => {
      vectors[row * 64] = 0.01;
      for (const word of text.toLowerCase().match(/\p{L}+|\d+/gu) ?? []) {
        let hash = 2166136261;
        for (const char of word) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
        vectors[row * 64 + ((hash >>> 8) % 64)] += hash & 1 ? 1 : -1;
      }
    });
    return vectors;
  },
};

export const notes = [
  { id: "bees", title: "Bees", text: "Bees dance to tell their sisters where the flowers are.", metadata: { year: 1927, tags: ["animals"] } },
  { id: "rent", title: "Rent", text: "The rent is due on the third day of the month.", metadata: { year: 2024, paid: false } },
  { id: "bread", title: "Bread", text: "Knead the dough until it is smooth, and let it rise for two hours.", metadata: { from: "grandmother" } },
];
