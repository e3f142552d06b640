// Budgets of one extraction. Archive budgets count bytes as they are unpacked, never what a file declares.

export const limits = {
  /** Largest file, in bytes. */
  file: 64 << 20,
  /** Most bytes unpacked from one file, all members together. */
  unpacked: 100_000_000,
  /** Most bytes unpacked from one member. */
  member: 25_000_000,
  /** Most members an archive may list. */
  members: 4096,
  /** Most bytes out of one byte in, for members that unpack to more than 1 MiB. */
  ratio: 100,
  /** Most pages of a PDF; what comes after is left out and noted. */
  pages: 5000,
  /** Deepest nesting of elements of an office document. */
  depth: 512,
  /** Most sections; further ones are left out. */
  sections: 5000,
  /** Longest time for one file, in milliseconds. */
  time: 30_000,
};
