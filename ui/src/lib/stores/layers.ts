type Close = () => void;

/**
 * What lies over the page, the last on top: dialogs, menus, the call's screen. Going back closes the one on top; one
 * that must not be closed that way does nothing, and nothing beneath it moves.
 */
class Layers {
  #open: Close[] = [];

  /** Puts something on top; gives what takes it away again. */
  add(close: Close): () => void {
    // Two may have the same way to close.
    const own = () => close();
    this.#open.push(own);
    return () => {
      this.#open = this.#open.filter((one) => one !== own);
    };
  }

  /** Closes the one on top. `false` when there is none. */
  closeTop(): boolean {
    const top = this.#open.at(-1);
    top?.();
    return top !== undefined;
  }
}

export const layers = new Layers();
