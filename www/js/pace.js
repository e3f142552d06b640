// How fast an import goes, how much is committed at once, and how long it will take.

/** Text committed at once should be some seconds' work: less to do again after a crash, fewer commits to pay for. */
const SECONDS_PER_COMMIT = 4;
const FIRST = 6_000;
const LEAST = 6_000;
const MOST = 2_000_000;
/** Weight of the newest measurement against those before. */
const WEIGHT = 0.4;

/** Measures text per second and passages per second, smoothed. */
export class Pace {
  charactersPerSecond = 0;
  passagesPerSecond = 0;

  /** Characters to commit at once. */
  get batch() {
    if (this.charactersPerSecond === 0) return FIRST;
    return Math.min(MOST, Math.max(LEAST, this.charactersPerSecond * SECONDS_PER_COMMIT));
  }

  /** A batch of so much text took so long. */
  measured({ characters, passages, seconds }) {
    if (seconds <= 0 || passages === 0) return;
    this.charactersPerSecond = smooth(this.charactersPerSecond, characters / seconds);
    this.passagesPerSecond = smooth(this.passagesPerSecond, passages / seconds);
  }

  /** Seconds for so many characters, or nothing as long as nobody knows. */
  secondsFor(characters) {
    return this.charactersPerSecond > 0 ? characters / this.charactersPerSecond : undefined;
  }
}

function smooth(before, now) {
  return before === 0 ? now : before + WEIGHT * (now - before);
}

/** As many of the prepared items as fit into one commit, at least one. One that is larger goes alone. */
export function nextBatch(prepared, characters) {
  let taken = 0;
  let size = 0;
  while (taken < prepared.length && (taken === 0 || size + prepared[taken].text.length <= characters)) size += prepared[taken++].text.length;
  return prepared.slice(0, taken);
}
