// Trusted Types: the one policy of this page. It makes addresses of scripts, and only of this site's own.

const policy = globalThis.trustedTypes?.createPolicy("gossamer", {
  createScriptURL(url) {
    if (new URL(url).origin !== location.origin) throw new TypeError(`not a script of this site: ${url}`);
    return url;
  },
});

/** The address of a worker's script, relative to `base`. */
export function scriptUrl(name, base) {
  const url = new URL(name, base).href;
  return policy ? policy.createScriptURL(url) : url;
}
